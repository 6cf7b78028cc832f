import path from 'node:path';
import { expect } from 'chai';
import { phasesOf, planPhases, testFilesAt } from '../../../../tools/test/phases.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..', '..');
const UNIT = 'tests/unit/engine/items.test.ts';
const CONFORMANCE = 'tests/conformance/cassandra.test.ts';
const FUNCTIONAL = 'tests/functional/get-item.test.ts';
const EMBEDDED = 'tests/functional/embedded/readme.test.ts';
const CLUSTER = 'tests/cluster/tools/cassandra/cluster.test.ts';
const ALL = [UNIT, CONFORMANCE, FUNCTIONAL, EMBEDDED, CLUSTER];

describe('the parts of a test run', () => {
  // A file that no part runs is a test that nobody runs.
  it('run every test file of the project', () => {
    const files = testFilesAt(ROOT, 'tests');
    expect(files).to.include.members(ALL);
    const planned = new Set(planPhases(files, { files: [] }).flatMap((part) => part.files));
    expect(files.filter((file) => !planned.has(file))).to.deep.equal([]);
  });

  it('run what speaks HTTP on every store, and the rest once', () => {
    expect(planPhases(ALL, { files: [] })).to.deep.equal([
      { phase: 'lmdb', files: [UNIT, FUNCTIONAL, EMBEDDED] },
      { phase: 'cassandra', files: [CONFORMANCE, FUNCTIONAL] },
      { phase: 'cluster', files: [CLUSTER] },
    ]);
    expect(phasesOf('tests/conformance/lmdb.test.ts')).to.deep.equal(['lmdb']);
    expect(phasesOf('tests/conformance/cassandra-schema.test.ts')).to.deep.equal(['cassandra']);
  });

  it('are those of one store where it is named', () => {
    expect(planPhases(ALL, { files: [], storage: 'cassandra' })).to.deep.equal([
      { phase: 'cassandra', files: [CONFORMANCE, FUNCTIONAL] },
    ]);
    expect(planPhases(ALL, { files: [FUNCTIONAL], storage: 'lmdb' })).to.deep.equal([
      { phase: 'lmdb', files: [FUNCTIONAL] },
    ]);
  });

  // A developer may want to see the engine on Cassandra; the README's session on it would be no session of a new user.
  it('run a named file on a named store wherever it can run', () => {
    expect(planPhases(ALL, { files: [UNIT], storage: 'cassandra' })).to.deep.equal([
      { phase: 'cassandra', files: [UNIT] },
    ]);
    expect(planPhases(ALL, { files: [EMBEDDED, CLUSTER], storage: 'cassandra' })).to.deep.equal([]);
    expect(planPhases(ALL, { files: [CONFORMANCE], storage: 'lmdb' })).to.deep.equal([]);
  });

  it('take folders and files', () => {
    expect(testFilesAt(ROOT, FUNCTIONAL)).to.deep.equal([FUNCTIONAL]);
    expect(testFilesAt(ROOT, 'tests/functional/')).to.include.members([FUNCTIONAL, EMBEDDED]);
    expect(testFilesAt(ROOT, 'tests/functional')).to.not.include(UNIT);
    expect(() => testFilesAt(ROOT, 'tests/none')).to.throw(/ENOENT/);
  });
});
