import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { packageRoot, packageVersion } from '../../../magnetodb/config/package-root.js';

const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const PROGRAM = path.join(packageRoot, 'magnetodb', 'cmd', 'api-server.ts');
const NODE_ARGUMENTS = ['--import', TSX, PROGRAM];
/** Without the variables that configure the service. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('MAGNETODB_')),
);

describe('magnetodb-api-server', () => {
  let folder: string;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'magnetodb-cmd-'));
  });

  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true });
  });

  interface Server {
    readonly child: ChildProcess;
    readonly url: string;
    /** What was printed on standard error so far. */
    readonly log: () => string;
  }

  /** Starts the program in an empty folder, and waits until it has printed its URL. */
  async function serve(flags: readonly string[], env: Record<string, string> = {}): Promise<Server> {
    const child = spawn(process.execPath, [...NODE_ARGUMENTS, ...flags], {
      cwd: folder,
      env: { ...ENVIRONMENT, ...env },
    });
    children.push(child);
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
    let output = '';
    for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      output += text as string;
      const url = /http:\/\/[^\s)]+/.exec(output)?.[0];
      if (url !== undefined) return { child, url, log: () => log };
    }
    throw new Error(`ended: ${log}`);
  }

  function run(
    flags: readonly string[],
    env: Record<string, string> = {},
  ): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(process.execPath, [...NODE_ARGUMENTS, ...flags], {
      cwd: folder,
      env: { ...ENVIRONMENT, ...env },
      encoding: 'utf8',
    });
  }

  /** Checks that a start was refused with one line, and gives it. */
  function refusal(flags: readonly string[], env: Record<string, string> = {}): string {
    const { status, stdout, stderr } = run(flags, env);
    expect(status, stderr).to.equal(1);
    expect(stdout).to.equal('');
    expect(stderr.trimEnd().split('\n')).to.have.lengthOf(1);
    return stderr.trimEnd();
  }

  // A newcomer's first command, from any working directory: the shipped files are found.
  it('serves without any configuration, prints its URL and logs it', async () => {
    const { child, url, log } = await serve(['--port', '0']);
    expect(url).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(url)).status).to.be.lessThan(500);
    expect(existsSync(path.join(folder, 'data'))).to.equal(true);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).to.equal(0);
    expect(log()).to.contain(
      `listening url=${url} storage_driver=lmdb data_dir=${path.join(folder, 'data')}`,
    );
    expect(log()).to.match(/stopping signal=SIGTERM\n.*stopped\n/);
  });

  // Flags win over the environment, and that over files: what an operator types last counts.
  it('takes flags, the environment and files, in this order', async () => {
    const configFile = path.join(folder, 'a.conf');
    const logFile = path.join(folder, 'service.log');
    writeFileSync(
      configFile,
      '[DEFAULT]\nbind_host = 192.0.2.1\nbind_port = 1\nstorage_driver = lmdb\ndata_dir = from-file\n',
    );
    const env = {
      MAGNETODB_BIND_HOST: '192.0.2.2',
      MAGNETODB_LOG_FILE: logFile,
      MAGNETODB_LOG_FORMAT: 'json',
    };
    const flags = [
      '--config-file',
      configFile,
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--data-dir',
      'from-flag',
    ];
    const { child, url, log } = await serve(flags, env);
    child.kill('SIGINT');
    await once(child, 'exit');
    const [first] = readFileSync(logFile, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"listening"'));
    expect(JSON.parse(first!)).to.include({ level: 'info', url, data_dir: path.join(folder, 'from-flag') });
    expect(log()).to.equal('');
    expect(existsSync(path.join(folder, 'from-file'))).to.equal(false);
  });

  // An orchestrator's stop must not break what it has accepted.
  it('answers the request under way after SIGTERM, then ends with 0', async () => {
    const { child, url } = await serve(['--port', '0']);
    const req = http.request(`${url}/v1/data/p/tables`, {
      method: 'POST',
      headers: { Expect: '100-continue' },
    });
    req.flushHeaders();
    await once(req, 'continue');
    child.kill('SIGTERM');
    setImmediate(() => req.end('{}'));
    const [res] = (await once(req, 'response')) as [http.IncomingMessage];
    res.resume();
    expect(res.statusCode).to.be.within(400, 499);
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).to.equal(0);
  });

  // An impatient operator's second Ctrl-C.
  it('ends at once at a second signal', async () => {
    const { child, url } = await serve(['--port', '0']);
    const req = http.request(`${url}/v1/data/p/tables`, {
      method: 'POST',
      headers: { Expect: '100-continue' },
    });
    req.on('error', () => undefined);
    req.flushHeaders();
    await once(req, 'continue');
    child.kill('SIGTERM');
    // Once the listener is closed, the first signal has been taken.
    await refused(new URL(url));
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).to.equal(1);
    req.destroy();
  });

  async function refused(url: URL): Promise<void> {
    for (;;) {
      const socket = net.connect(Number(url.port), url.hostname);
      try {
        await once(socket, 'connect');
      } catch {
        return;
      } finally {
        socket.destroy();
      }
    }
  }

  // Log rotation: the file is moved away, SIGHUP, and new records go to a new one.
  it('opens its log file anew at SIGHUP', async () => {
    const logFile = path.join(folder, 'service.log');
    const { child } = await serve(['--port', '0'], { MAGNETODB_LOG_FILE: logFile });
    rmSync(logFile);
    child.kill('SIGHUP');
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(readFileSync(logFile, 'utf8')).to.contain('stopped');
  });

  // A unit file's log and a terminal have room for one clear line, and nobody reads a stack.
  describe('refuses to start with one line on standard error and code 1', () => {
    it('for a wrong option in a file', () => {
      const configFile = path.join(folder, 'a.conf');
      writeFileSync(configFile, '[DEFAULT]\nbind_prot = 1\n');
      expect(refusal(['--config-file', configFile])).to.equal(
        `magnetodb-api-server: ${configFile}:2: unknown option bind_prot in section [DEFAULT]`,
      );
    });

    it('for a wrong flag value or variable', () => {
      expect(refusal(['--port', 'http'])).to.contain(
        '--port: option bind_port in section [DEFAULT] must be a whole',
      );
      expect(refusal([], { MAGNETODB_BIND_PORT: '-1' })).to.contain('MAGNETODB_BIND_PORT');
    });

    it('for an unknown flag, and for left-over arguments', () => {
      expect(refusal(['--nonsense', '1'])).to.contain('--nonsense');
      expect(refusal(['8480'])).to.contain('too many arguments');
    });

    it('for files that are not there', () => {
      expect(refusal(['--config-file', 'nowhere.conf'])).to.contain('nowhere.conf');
      expect(refusal(['--port', '0', '--paste-config', 'nowhere.ini'])).to.contain('nowhere.ini');
    });

    it('for a port in use', async () => {
      const blocker = net.createServer().listen(0, '127.0.0.1');
      await once(blocker, 'listening');
      const { port } = blocker.address() as net.AddressInfo;
      try {
        // Elsewhere than on standard error, where the log may hold warnings about the pipeline.
        const env = { MAGNETODB_LOG_FILE: path.join(folder, 'log') };
        expect(refusal(['--port', String(port)], env)).to.equal(
          `magnetodb-api-server: cannot listen on 127.0.0.1:${port}: another program listens there (EADDRINUSE)`,
        );
      } finally {
        blocker.close();
      }
    });
  });

  it('tells its version and its flags', () => {
    expect(run(['--version'])).to.include({ status: 0, stdout: `${packageVersion()}\n` });
    const { status, stdout } = run(['--help']);
    expect(status).to.equal(0);
    for (const flag of ['--config-file', '--paste-config', '--host', '--port', '--data-dir', '--version']) {
      expect(stdout).to.contain(flag);
    }
  });
});
