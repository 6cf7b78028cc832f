import { expect } from 'chai';
import { missingMessage } from '../../../../tools/cassandra/prerequisites.js';

describe('what Cassandra needs of a machine', () => {
  // A new developer has only this message to go by.
  it('is told in one message, with the command that installs it', () => {
    expect(missingMessage([])).to.equal(undefined);
    expect(
      missingMessage([
        { name: 'Java 17', detail: 'There is no Java.' },
        { name: 'Maven', detail: 'There is no Maven.' },
      ]),
    ).to.equal(
      "Cassandra can't be started here. There is no Java. There is no Maven. " +
        'To install what is missing: sudo tools/install-servers',
    );
  });
});
