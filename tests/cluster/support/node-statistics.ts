import { Client, policies } from 'cassandra-driver';
import type { ClusterNode } from '../../../tools/cassandra/cluster.js';
import type { SharedCluster } from './shared-cluster.js';

/** How many requests a node has had from the clients that are connected to it now, the one that asks not counted. */
export async function requestsOf(cluster: SharedCluster, node: ClusterNode): Promise<number> {
  const endpoint = `${node.address}:${cluster.port}`;
  const { AllowListPolicy, RoundRobinPolicy } = policies.loadBalancing;
  const client = new Client({
    contactPoints: [endpoint],
    localDataCenter: cluster.localDataCenter,
    policies: { loadBalancing: new AllowListPolicy(new RoundRobinPolicy(), [endpoint]) },
    applicationName: ASKER,
  });
  try {
    const { rows } = await client.execute('SELECT request_count, client_options FROM system_views.clients');
    let requests = 0;
    for (const { request_count, client_options } of rows as unknown as ClientRow[]) {
      if (client_options?.APPLICATION_NAME !== ASKER) requests += Number(request_count);
    }
    return requests;
  } finally {
    await client.shutdown();
  }
}

const ASKER = 'magnetodb-tests';

interface ClientRow {
  readonly request_count: unknown;
  readonly client_options: Readonly<Record<string, string>> | null;
}
