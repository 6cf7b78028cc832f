import { OutcomeUnknownError } from '../../magnetodb/storage/errors.js';
import { failingDriver } from './failing-driver.js';
import { failingDriverSuite } from './failing-driver-suite.js';

failingDriverSuite('unavailable', () => failingDriver());
failingDriverSuite('writes-unknown', () => failingDriver('writes-unknown'), OutcomeUnknownError);
