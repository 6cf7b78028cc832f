/**
 * Which nodes a statement is sent to, in which order: the replicas of its partition in the local data centre first, then
 * the other local nodes. Writers ask replicas in the order of the ring, so that all processes meet at one coordinator:
 * there compare-and-sets wait for each other instead of overtaking each other's rounds, and plain writes get their
 * timestamps from one clock. Readers begin anywhere. A node that has just failed to answer comes last for a while,
 * which the client library alone would notice much later.
 */
import {
  policies,
  types,
  type Client,
  type EmptyCallback,
  type ExecutionOptions,
  type Host,
  type HostMap,
} from 'cassandra-driver';

/** How long a node that did not answer comes last, in milliseconds. */
const AVOID_MS = 5_000;

const NO_OPTIONS = {} as ExecutionOptions;

/** The nodes to avoid, known to all policies of one client. */
export class SilentNodes {
  readonly #untilMs = new Map<string, number>();

  /** @param address `host:port`, as the client library names a node. */
  add(address: string): void {
    this.#untilMs.set(address, Date.now() + AVOID_MS);
  }

  has(address: string): boolean {
    if (this.#untilMs.size === 0) return false;
    const untilMs = this.#untilMs.get(address);
    if (untilMs === undefined) return false;
    if (untilMs > Date.now()) return true;
    this.#untilMs.delete(address);
    return false;
  }
}

export interface ReplicaOrderOptions {
  readonly localDataCenter: string;
  /** `ring`: the same order in every process. `random`: any replica first. */
  readonly order: 'ring' | 'random';
  /** A keyspace with the same replication, for those whose metadata has not come yet. */
  readonly fallbackKeyspace: string;
  readonly silent: SilentNodes;
  /** How many replicas to pass over, to come back to them last: for what the first one did not answer. */
  readonly skip?: number;
}

export class ReplicaOrderPolicy extends policies.loadBalancing.LoadBalancingPolicy {
  readonly #child: policies.loadBalancing.DCAwareRoundRobinPolicy;
  #client: Client | undefined;

  constructor(private readonly settings: ReplicaOrderOptions) {
    super();
    this.#child = new policies.loadBalancing.DCAwareRoundRobinPolicy(settings.localDataCenter);
  }

  override init(client: Client, hosts: HostMap, callback: EmptyCallback): void {
    this.#client = client;
    this.#child.init(client, hosts, callback);
  }

  override getDistance(host: Host): types.distance {
    return this.#child.getDistance(host);
  }

  override newQueryPlan(
    keyspace: string,
    executionOptions: ExecutionOptions | null,
    callback: (error: Error, iterator: Iterator<Host>) => void,
  ): void {
    const replicas = this.#replicas(executionOptions?.getKeyspace() ?? keyspace, executionOptions);
    // The child looks at nothing but its own list of nodes.
    this.#child.newQueryPlan(keyspace, NO_OPTIONS, (error, others) => {
      callback(error, this.#plan(replicas, others));
    });
  }

  override getOptions(): Map<string, object> {
    return new Map();
  }

  /** The partition's local replicas, in the order that was asked for. */
  #replicas(keyspace: string, executionOptions: ExecutionOptions | null): Host[] {
    const routingKey = executionOptions?.getRoutingKey() as Buffer | null | undefined;
    if (routingKey === undefined || routingKey === null || this.#client === undefined) return [];
    const all =
      this.#replicasIn(keyspace, routingKey) ?? this.#replicasIn(this.settings.fallbackKeyspace, routingKey);
    const local = (all ?? []).filter((host) => this.getDistance(host) === types.distance.local);
    const { order, skip = 0 } = this.settings;
    const start =
      order === 'random' ? Math.floor(Math.random() * local.length) : skip % Math.max(1, local.length);
    return start === 0 ? local : [...local.slice(start), ...local.slice(0, start)];
  }

  /** @returns null where the keyspace's metadata is not known. */
  #replicasIn(keyspace: string, routingKey: Buffer): Host[] | null {
    return this.#client?.getReplicas(keyspace, routingKey) ?? null;
  }

  *#plan(replicas: readonly Host[], others: Iterator<Host>): Generator<Host, undefined> {
    const { silent } = this.settings;
    const last: Host[] = [];
    for (const host of replicas) {
      if (silent.has(host.address)) last.push(host);
      else yield host;
    }
    for (let next = others.next(); next.done !== true; next = others.next()) {
      if (replicas.includes(next.value)) continue;
      if (silent.has(next.value.address)) last.push(next.value);
      else yield next.value;
    }
    yield* last;
    return undefined;
  }
}

/**
 * What is tried again: reads, on the next node, twice at most. A write is never sent twice by the client library; what is done
 * where its outcome is open, write.ts decides.
 */
export class ReadRetryPolicy extends policies.retry.RetryPolicy {
  override onReadTimeout(info: policies.retry.OperationInfo): policies.retry.DecisionInfo {
    return this.#onNextNode(info);
  }

  override onUnavailable(info: policies.retry.OperationInfo): policies.retry.DecisionInfo {
    return this.#onNextNode(info);
  }

  override onRequestError(info: policies.retry.OperationInfo): policies.retry.DecisionInfo {
    return this.#onNextNode(info);
  }

  #onNextNode(info: policies.retry.OperationInfo): policies.retry.DecisionInfo {
    return info.nbRetry < 2 && info.executionOptions.isIdempotent()
      ? // The same consistency, on the next node of the plan.
        this.retryResult(info.executionOptions.getConsistency(), false)
      : this.rethrowResult();
  }
}
