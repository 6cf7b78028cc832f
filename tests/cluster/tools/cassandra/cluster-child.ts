/** Starts a node, tells its pid to the parent process, and waits to be killed. */
import { startCluster } from '../../../../tools/cassandra/cluster.js';

const cluster = await startCluster({
  nodes: 1,
  log: () => {
    // The parent isn't interested.
  },
});
process.send?.(cluster.nodes.map(({ pid }) => pid));
