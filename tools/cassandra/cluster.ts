/**
 * Real Cassandra clusters of one or three nodes on this machine, each node a process with a loopback address of its
 * own: for tests, which break them as they please, and for a developer (main.ts).
 *
 *     const cluster = await startCluster({ nodes: 3, log: console.error });
 *     await cluster.nodes[2]?.kill();
 *     await cluster.stop();
 *
 * A test must never meet somebody else's server: a cluster takes random addresses, refuses one whose ports are in use,
 * and has a name that no other has, which every node is asked for before the cluster is handed out. Whoever starts a
 * cluster stops it; should the starting process die, its nodes die with it.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CassandraToolError } from './errors.js';
import { fetchJars } from './jars.js';
import { findJava } from './java.js';
import { makeServerKey, type ServerKey } from './keystore.js';
import { logTail, spawnNode, type NodeProcess } from './node-process.js';
import { missingMessage, missingPrerequisites } from './prerequisites.js';
import { LOCAL_DATA_CENTER, probe, SUPERUSER, WrongClusterError, type ProbeAnswer } from './probe.js';
import { cassandraYaml, jvmArguments, logbackXml, NODE_FILES, type NodeSettings } from './settings.js';

/** Where clients reach a node. The ports are Cassandra's usual ones; nodes differ by their addresses. */
export const PORT = 9042;
const STORAGE_PORT = 7000;
/** How long nodes may take until all answer, in milliseconds: many times what an idle machine needs. */
const HEALTHY_MS = 240_000;
const POLL_MS = 250;
const DEFAULT_HEAP = '512M';
/** How often random addresses are drawn before it is said that none is free. */
const ADDRESS_DRAWS = 10;

/** What `startCluster` may be told. */
export interface ClusterOptions {
  readonly nodes: 1 | 3;
  /** Where data is kept, and found again. Absent: in a temporary folder, which `stop` removes. */
  readonly folder?: string;
  /** One loopback address a node. Absent: random ones in 127.0.0.0/8. */
  readonly addresses?: readonly string[];
  /** Absent: a random one. */
  readonly name?: string;
  /** Each node's heap as Java writes it, such as `512M` or `1G`. */
  readonly heap?: string;
  /** True: clients must log in; `username` and `password` of the cluster are a superuser's. */
  readonly auth?: boolean;
  /** True: clients must speak TLS, and trust `tlsCaFile` of the cluster. */
  readonly tls?: boolean;
  /**
   * True: nodes acknowledge a write when it is on disk (`commitlog_sync: batch`). Otherwise one that is killed forgets
   * what it acknowledged in the last 100 ms (CASSANDRA-13987): where a quorum is killed at once, such writes are lost.
   */
  readonly durable?: boolean;
  /** True: the nodes go on when this process ends. */
  readonly detached?: boolean;
  /** Is told in a line what goes on. */
  readonly log: (line: string) => void;
}

/** One node. */
export interface ClusterNode {
  readonly address: string;
  /** Of the process that runs it, or ran it last. */
  readonly pid: number;
  /** Whether its process exists; a paused one does. */
  readonly isRunning: boolean;
  /** Starts it again on its data. Resolves when it answers, and it and the other running nodes see each other. */
  start(): Promise<void>;
  /** Ends it as an operator would (SIGTERM). Resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: it takes connections, and answers nothing. Resolves when it stands still. */
  pause(): Promise<void>;
  /** SIGCONT. Resolves at once: `waitUntilHealthy` of the cluster waits until the others have noticed. */
  resume(): void;
}

/** A cluster that answers. */
export interface Cluster {
  readonly name: string;
  /** The nodes' addresses, without ports. */
  readonly contactPoints: readonly string[];
  readonly port: number;
  readonly localDataCenter: string;
  readonly nodes: readonly ClusterNode[];
  /** With `auth`: a superuser. */
  readonly username?: string;
  readonly password?: string;
  /** With `tls`: the PEM file of the certificate to trust. */
  readonly tlsCaFile?: string;
  /** Resolves when all nodes that run and aren't paused answer, see each other and agree on the schema. */
  waitUntilHealthy(): Promise<void>;
  /** Ends all nodes, and removes the data unless a folder was given. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts a cluster; Cassandra is fetched first where that was never done. Resolves when every node answers as a member
 * of this very cluster and sees all others.
 * @throws {CassandraToolError} something is missing on this machine, an address is in use, or a node didn't come up:
 *   the message has the end of its log. Nothing is left running.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const lack = missingMessage(await missingPrerequisites());
  if (lack !== undefined) throw new CassandraToolError(lack);
  const { usable: java } = await findJava();
  if (java === undefined) throw new CassandraToolError('Java has just gone');
  const jars = await fetchJars(options.log);
  const agent = (await readdir(jars)).find((name) => /^jamm-.*\.jar$/.test(name));
  if (agent === undefined)
    throw new CassandraToolError(`${jars} has no jamm, which measures Cassandra's memory`);

  const addresses = await freeAddresses(options);
  const name = options.name ?? `magnetodb-test-${randomBytes(6).toString('hex')}`;
  const isTemporary = options.folder === undefined;
  const folder = options.folder ?? (await mkdtemp(path.join(tmpdir(), 'magnetodb-cassandra-')));
  try {
    await mkdir(folder, { recursive: true });
    const key = options.tls === true ? await makeServerKey(java, folder, addresses) : undefined;
    const nodes = addresses.map((address, index) => {
      const settings: NodeSettings = {
        clusterName: name,
        folder: path.join(folder, `node${index + 1}`),
        address,
        index,
        addresses,
        port: PORT,
        storagePort: STORAGE_PORT,
        auth: options.auth === true,
        ...(key === undefined ? {} : { keystore: key }),
        isThrowAway: isTemporary,
        isDurable: options.durable === true,
      };
      const args = jvmArguments(settings, { jars, agent, heap: options.heap ?? DEFAULT_HEAP });
      return new LocalNode(settings, java.command, args, options.detached === true);
    });
    const cluster = new LocalCluster(name, nodes, {
      ...(isTemporary ? { temporaryFolder: folder } : {}),
      key,
    });
    options.log(
      `Starting ${nodes.length === 1 ? 'a node' : `${nodes.length} nodes`} on ${addresses.join(', ')} …`,
    );
    const startedAtMs = performance.now();
    await cluster.startAll();
    options.log(`Cassandra answers after ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s.`);
    return cluster;
  } catch (error) {
    if (isTemporary) await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

class LocalNode {
  private process: NodeProcess | undefined;

  constructor(
    readonly settings: NodeSettings,
    private readonly java: string,
    private readonly args: readonly string[],
    private readonly isDetached: boolean,
  ) {}

  get running(): NodeProcess | undefined {
    return this.process?.isAlive === true ? this.process : undefined;
  }

  get lastPid(): number {
    return this.process?.pid ?? 0;
  }

  /** Starts the process. */
  async launch(): Promise<void> {
    const { settings } = this;
    if (this.running !== undefined) throw new CassandraToolError(`${settings.address} runs already`);
    for (const port of [settings.port, settings.storagePort]) await refuseIfUsed(settings.address, port);
    await mkdir(settings.folder, { recursive: true });
    await writeFile(path.join(settings.folder, NODE_FILES.yaml), cassandraYaml(settings));
    await writeFile(path.join(settings.folder, NODE_FILES.logback), logbackXml(settings.folder));
    this.process = await spawnNode(settings.folder, this.java, this.args, this.isDetached);
  }
}

class LocalCluster implements Cluster {
  readonly contactPoints: readonly string[];
  readonly port = PORT;
  readonly localDataCenter = LOCAL_DATA_CENTER;
  readonly nodes: readonly ClusterNode[];
  readonly username?: string;
  readonly password?: string;
  readonly tlsCaFile?: string;
  private readonly temporaryFolder: string | undefined;
  /** Ends at once what can't be ended in good order any more. */
  private readonly onExit = (): void => {
    for (const { running } of this.locals) running?.killNow();
    if (this.temporaryFolder !== undefined) rmSync(this.temporaryFolder, { recursive: true, force: true });
  };

  constructor(
    readonly name: string,
    private readonly locals: readonly LocalNode[],
    options: { readonly temporaryFolder?: string; readonly key: ServerKey | undefined },
  ) {
    this.contactPoints = locals.map(({ settings }) => settings.address);
    this.nodes = locals.map((local) => this.nodeOf(local));
    this.temporaryFolder = options.temporaryFolder;
    if (locals.some(({ settings }) => settings.auth)) {
      this.username = SUPERUSER.username;
      this.password = SUPERUSER.password;
    }
    if (options.key !== undefined) this.tlsCaFile = options.key.certificateFile;
  }

  async startAll(): Promise<void> {
    if (this.temporaryFolder !== undefined) process.once('exit', this.onExit);
    try {
      await Promise.all(this.locals.map((local) => local.launch()));
      await this.waitUntilHealthy();
    } catch (error) {
      await Promise.all(this.locals.map(async ({ running }) => running?.kill()));
      process.off('exit', this.onExit);
      throw error;
    }
  }

  async waitUntilHealthy(): Promise<void> {
    const waited = this.locals.filter(({ running }) => running?.isPaused === false);
    const endMs = performance.now() + HEALTHY_MS;
    for (;;) {
      for (const { settings, running } of waited) {
        if (running !== undefined) continue;
        throw new CassandraToolError(`Cassandra on ${settings.address} ended.\n${logTail(settings.folder)}`);
      }
      const unready = await this.firstUnready(waited);
      if (unready === undefined) return;
      if (performance.now() > endMs) {
        const { settings } = unready.local;
        throw new CassandraToolError(
          `Cassandra on ${settings.address} wasn't ready after ${HEALTHY_MS / 1000} s: ${String(unready.reason)}\n` +
            logTail(settings.folder),
          { cause: unready.reason },
        );
      }
      await delay(POLL_MS);
    }
  }

  async stop(): Promise<void> {
    // Nodes whose data goes have nothing to flush, and three that flush at once take 10 s for it.
    const isTemporary = this.temporaryFolder !== undefined;
    await Promise.all(
      this.locals.map(async ({ running }) => (isTemporary ? running?.kill() : running?.stop())),
    );
    process.off('exit', this.onExit);
    if (this.temporaryFolder !== undefined) await rm(this.temporaryFolder, { recursive: true, force: true });
  }

  /** One after another, since a node that can't be reached yet makes the question to others needless. */
  private async firstUnready(
    locals: readonly LocalNode[],
  ): Promise<{ local: LocalNode; reason: unknown } | undefined> {
    const schemaVersions = new Set<string>();
    for (const local of locals) {
      const { settings } = local;
      try {
        const answer: ProbeAnswer = await probe(
          {
            address: settings.address,
            port: settings.port,
            clusterName: this.name,
            auth: settings.auth,
            ...(this.tlsCaFile === undefined ? {} : { tlsCaFile: this.tlsCaFile }),
          },
          locals.length,
        );
        const known = new Set([settings.address, ...answer.peers]);
        const unknown = this.contactPoints.filter((address) => !known.has(address));
        if (unknown.length > 0) return { local, reason: `it doesn't know ${unknown.join(', ')} yet` };
        schemaVersions.add(answer.schemaVersion);
        if (schemaVersions.size > 1) return { local, reason: "the nodes don't agree on the schema yet" };
      } catch (reason) {
        if (reason instanceof WrongClusterError) throw reason;
        return { local, reason };
      }
    }
    return undefined;
  }

  private nodeOf(local: LocalNode): ClusterNode {
    return {
      address: local.settings.address,
      get pid() {
        return local.lastPid;
      },
      get isRunning() {
        return local.running !== undefined;
      },
      start: async () => {
        await local.launch();
        await this.waitUntilHealthy();
      },
      stop: async () => local.running?.stop(),
      kill: async () => local.running?.kill(),
      pause: async () => local.running?.pause(),
      resume: () => local.running?.resume(),
    };
  }
}

async function freeAddresses({ addresses, nodes }: ClusterOptions): Promise<readonly string[]> {
  if (addresses !== undefined) {
    if (addresses.length !== nodes) {
      throw new CassandraToolError(`${nodes} nodes need as many addresses, not ${addresses.length}`);
    }
    return addresses;
  }
  for (let draw = 1; ; draw += 1) {
    // 127.0.0.0/16 is where people run servers of their own.
    const network = `127.${randomInt(1, 255)}.${randomInt(0, 256)}`;
    const drawn = Array.from({ length: nodes }, (_, index) => `${network}.${index + 1}`);
    try {
      for (const address of drawn) {
        for (const port of [PORT, STORAGE_PORT]) await refuseIfUsed(address, port);
      }
      return drawn;
    } catch (error) {
      if (draw === ADDRESS_DRAWS) throw error;
    }
  }
}

/** @throws {CassandraToolError} something listens there. */
async function refuseIfUsed(address: string, port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, address);
    await once(server, 'listening');
  } catch (error) {
    const isUsed = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    throw new CassandraToolError(
      isUsed
        ? `${address}:${port} is in use: something else runs there, or on all addresses of this machine`
        : `can't listen on ${address}:${port}: ${(error as Error).message}`,
      { cause: error },
    );
  }
  server.close();
  await once(server, 'close');
}
