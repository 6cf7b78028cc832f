import { expect } from 'chai';
import { validate, version as versionOf, stringify } from 'uuid';
import { VERSION_BYTES } from '../../../magnetodb/storage/driver.js';
import { newVersion, sameVersion } from '../../../magnetodb/storage/versions.js';

describe('newVersion', () => {
  // A compare-and-set that meets its own version twice would take another's write for its own.
  it('never gives the same version twice', () => {
    const seen = new Set<string>();
    for (let index = 0; index < 20_000; index += 1) seen.add(Buffer.from(newVersion()).toString('hex'));
    expect(seen.size).to.equal(20_000);
  });

  // Cassandra keeps versions as timeuuid, which takes nothing else.
  it('gives version 1 UUIDs', () => {
    const version = newVersion();
    expect(version.length).to.equal(VERSION_BYTES);
    expect(validate(stringify(version))).to.equal(true);
    expect(versionOf(stringify(version))).to.equal(1);
  });

  // A version lives on in stored rows and guards; the next one must not overwrite it.
  it('gives each version bytes of its own', () => {
    const first = newVersion();
    const copy = Uint8Array.from(first);
    for (let index = 0; index < 1000; index += 1) newVersion();
    expect(sameVersion(first, copy)).to.equal(true);
  });
});

describe('sameVersion', () => {
  it('compares bytes, not objects', () => {
    const version = newVersion();
    expect(sameVersion(version, Uint8Array.from(version))).to.equal(true);
    expect(sameVersion(version, newVersion())).to.equal(false);
  });
});
