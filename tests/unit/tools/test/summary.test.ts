import { expect } from 'chai';
import { describeSummary, NOTHING, parseSummary, sum, verdict } from '../../../../tools/test/summary.js';

const GOOD = { passing: 12, failing: 0, pending: 1 };
const BAD = { passing: 3, failing: 2, pending: 0 };

describe('the result of a test run', () => {
  it('is what the reporter has written', () => {
    expect(parseSummary(JSON.stringify(GOOD))).to.deep.equal(GOOD);
  });

  // A run that crashed leaves nothing, or half of it.
  for (const text of ['', '{"passing":12', 'null', '[]', '"x"', '{"passing":1,"failing":-1,"pending":0}']) {
    it(`is none in ${JSON.stringify(text)}`, () => {
      expect(parseSummary(text)).to.equal(undefined);
    });
  }

  it('is added up over the parts', () => {
    expect(sum([GOOD, BAD])).to.deep.equal({ passing: 15, failing: 2, pending: 1 });
    expect(sum([])).to.deep.equal(NOTHING);
    expect(describeSummary(GOOD)).to.equal('12 passing, 0 failing, 1 pending');
  });

  // Without this, a part that dies would pass in silence.
  it('is a failure where the run crashed, with whatever exit code', () => {
    expect(verdict(undefined, 0).failing).to.equal(1);
    expect(verdict(undefined, 7).failing).to.equal(1);
    expect(verdict(undefined, null).failing).to.equal(1);
    expect(verdict(GOOD, 7)).to.deep.equal({ ...GOOD, failing: 1 });
    expect(verdict(GOOD, null).failing).to.equal(1);
    expect(verdict(GOOD, 0)).to.equal(GOOD);
    expect(verdict(BAD, 2)).to.equal(BAD);
  });
});
