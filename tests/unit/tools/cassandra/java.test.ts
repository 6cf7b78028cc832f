import { expect } from 'chai';
import { bestJava, findJava, parseJavaVersion } from '../../../../tools/cassandra/java.js';

describe('the Java that runs Cassandra', () => {
  // Every vendor writes its own banner; the quoted version is common to all.
  for (const [text, version] of [
    ['openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)', 17],
    ['openjdk version "11" 2018-09-25', 11],
    ['openjdk version "21-ea" 2023-09-19', 21],
    ['java version "1.8.0_392"', 8],
    ['Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "25.0.1" 2025-10-21', 25],
    ['no such thing', undefined],
    ['', undefined],
  ] as const) {
    it(`reads version ${version ?? 'nothing'} in ${JSON.stringify(text.slice(0, 40))}`, () => {
      expect(parseJavaVersion(text)).to.equal(version);
    });
  }

  // A machine's default Java is often a newer one, on which Cassandra 5.0 does not start.
  it('is version 17, or 11 where there is no 17, and no other', () => {
    const [java25, java11, java17] = [25, 11, 17].map((majorVersion) => ({
      command: `/jvm/${majorVersion}/bin/java`,
      majorVersion,
    }));
    expect(bestJava([java25!, java11!, java17!])).to.equal(java17);
    expect(bestJava([java25!, java11!])).to.equal(java11);
    expect(bestJava([java25!])).to.equal(undefined);
    expect(bestJava([])).to.equal(undefined);
  });

  // JAVA_HOME is set once and forgotten; and a path that leads through a file fails in another way than a missing one.
  it('is looked for elsewhere where JAVA_HOME leads nowhere', async () => {
    for (const home of ['/nowhere', import.meta.filename]) {
      const { seen } = await findJava({ ...process.env, JAVA_HOME: home });
      expect(seen.some(({ command }) => command.startsWith(home))).to.equal(false);
    }
  });
});
