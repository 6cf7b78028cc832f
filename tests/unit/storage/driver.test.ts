import { expect } from 'chai';
import { containerId } from '../../../magnetodb/storage/driver.js';

describe('containerId', () => {
  it('takes a lower-case UUID', () => {
    expect(containerId('0a1b2c3d-0000-11f0-8000-00000000abcd')).to.equal(
      '0a1b2c3d-0000-11f0-8000-00000000abcd',
    );
  });

  // Drivers make identifiers of it: nothing else may come through.
  it('refuses anything else', () => {
    const id = '0a1b2c3d-0000-11f0-8000-00000000abcd';
    for (const text of [
      '',
      id.toUpperCase(),
      `${id}\n`,
      ` ${id}`,
      id.replaceAll('-', ''),
      `${id}0`,
      'x'.repeat(36),
    ]) {
      expect(() => containerId(text)).to.throw(TypeError);
    }
  });
});
