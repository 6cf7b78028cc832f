import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { CassandraToolError } from '../../../../tools/cassandra/errors.js';
import { jarsFolder, jarsFolderName } from '../../../../tools/cassandra/jars.js';

const POM = readFileSync(path.resolve(import.meta.dirname, '../../../../tools/cassandra/pom.xml'), 'utf8');

describe("the cache of Cassandra's jars", () => {
  // All clones of a machine share it, so another pom must not find the jars of this one.
  it('is named after the version and the pom', () => {
    expect(jarsFolderName(POM)).to.match(/^cassandra-5\.0\.9-[0-9a-f]{8}$/);
    expect(jarsFolderName(`${POM}\n`)).to.not.equal(jarsFolderName(POM));
    expect(() => jarsFolderName('<project/>')).to.throw(CassandraToolError);
  });

  // The XDG Base Directory Specification: a relative path is to be ignored.
  it("is in the user's cache folder", async () => {
    expect(await jarsFolder({ XDG_CACHE_HOME: '/elsewhere' })).to.equal(
      `/elsewhere/magnetodb/${jarsFolderName(POM)}`,
    );
    for (const env of [{}, { XDG_CACHE_HOME: '' }, { XDG_CACHE_HOME: 'relative' }]) {
      expect(await jarsFolder(env)).to.match(/^\/.*\/\.cache\/magnetodb\/cassandra-/);
    }
  });
});
