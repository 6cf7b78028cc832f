/**
 * The Cassandra of a developer: on 127.0.0.1 (.2, .3), detached from the terminal, with data that stays. It is found
 * again by the pid files in its folder.
 */
import path from 'node:path';
import { PORT, startCluster, type Cluster } from './cluster.js';
import { CassandraToolError } from './errors.js';
import { nodeProcessIn } from './node-process.js';
import { LOCAL_DATA_CENTER, probe } from './probe.js';

/** How many nodes a developer may have. */
export type Size = 1 | 3;

const SIZES: readonly Size[] = [1, 3];

/** One node that runs. */
export interface DeveloperNode {
  readonly size: Size;
  readonly address: string;
  readonly pid: number;
  /** Where its data and its logs are. */
  readonly folder: string;
  readonly answers: boolean;
}

/** A developer's clusters, below one folder; at most one runs at a time, since they share addresses. */
export class DeveloperCluster {
  /** @param network the first three numbers of the nodes' addresses. */
  constructor(
    private readonly folder: string,
    private readonly network = '127.0.0',
  ) {}

  /**
   * Starts it, or finds it running.
   * @throws {CassandraToolError} the other size runs, or as `startCluster`.
   */
  async start(
    size: Size,
    options: { readonly heap: string; readonly log: (line: string) => void },
  ): Promise<'started' | 'running'> {
    const running = await this.running();
    const other = running.find((node) => node.size !== size);
    if (other !== undefined) {
      throw new CassandraToolError(
        `the cluster of ${other.size} runs on the same addresses: stop it first, with npm run cassandra -- stop`,
      );
    }
    if (running.length === size && running.every(({ answers }) => answers)) return 'running';
    if (running.length > 0) {
      options.log('Some nodes of it run already, but not all of them answer: stopping them first.');
      await this.stop();
    }
    await this.launch(size, options);
    return 'started';
  }

  /** Ends all nodes. @returns how many there were. */
  async stop(): Promise<number> {
    const processes = this.places().flatMap(({ folder }) => nodeProcessIn(folder) ?? []);
    await Promise.all(processes.map((node) => node.stop()));
    return processes.length;
  }

  /** The nodes that run, whether they answer or not. */
  async running(): Promise<DeveloperNode[]> {
    const found = this.places().map(async (node): Promise<DeveloperNode[]> => {
      const running = nodeProcessIn(node.folder);
      if (running === undefined) return [];
      const target = {
        address: node.address,
        port: PORT,
        clusterName: clusterName(node.size),
        auth: false,
      };
      const answers = await probe(target, 1).then(
        () => true,
        () => false,
      );
      return [{ ...node, pid: running.pid, answers }];
    });
    return (await Promise.all(found)).flat();
  }

  /** What an operator's configuration must say to use a cluster of this size. */
  configuration(size: Size): string {
    return `[DEFAULT]
storage_driver = cassandra

[cassandra]
contact_points = ${this.addressesOf(size).join(', ')}
local_data_center = ${LOCAL_DATA_CENTER}
replication_strategy = SimpleStrategy
replication_factor = ${size}
`;
  }

  /** Where nodes of all sizes may be. */
  private places(): Pick<DeveloperNode, 'size' | 'address' | 'folder'>[] {
    return SIZES.flatMap((size) =>
      this.addressesOf(size).map((address, index) => ({
        size,
        address,
        folder: path.join(folderOf(this.folder, size), `node${index + 1}`),
      })),
    );
  }

  private addressesOf(size: Size): string[] {
    return Array.from({ length: size }, (_, index) => `${this.network}.${index + 1}`);
  }

  private launch(
    size: Size,
    options: { readonly heap: string; readonly log: (line: string) => void },
  ): Promise<Cluster> {
    return startCluster({
      nodes: size,
      folder: folderOf(this.folder, size),
      addresses: this.addressesOf(size),
      name: clusterName(size),
      heap: options.heap,
      detached: true,
      log: options.log,
    });
  }
}

function clusterName(size: Size): string {
  return `magnetodb-development-${size}`;
}

/** A cluster of three can't take over the data of one: its new nodes would answer without it. So each has its own. */
function folderOf(root: string, size: Size): string {
  return path.join(root, size === 1 ? '1-node' : `${size}-nodes`);
}
