import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { pasteText } from '../../bench/targets.js';

const SHIPPED = readFileSync(
  path.resolve(import.meta.dirname, '../../../etc/magnetodb/api-paste.ini'),
  'utf8',
);

describe('the benchmark’s targets', () => {
  // The only difference between the two services that are compared.
  it('turns off the access log of the shipped pipelines, and nothing else', () => {
    const lines = SHIPPED.split('\n');
    const changed = pasteText(SHIPPED, false)
      .split('\n')
      .flatMap((line, index) => (line === lines[index] ? [] : [[lines[index], line]]));
    expect(changed).to.deep.equal([['level = info', 'level = debug']]);
    expect(pasteText(SHIPPED, true)).to.equal(SHIPPED);
  });
});
