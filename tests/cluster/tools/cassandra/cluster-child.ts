/** Starts a node, tells its pid to the parent process, and waits to be killed. */
import { startCluster } from '../../../../tools/cassandra/cluster.js';

// A cluster alone does not keep its process alive; to listen to the parent does.
process.once('disconnect', () => {
  process.exit();
});

const cluster = await startCluster({
  nodes: 1,
  log: () => {
    // The parent isn't interested.
  },
});
process.send?.(cluster.nodes.map(({ pid }) => pid));
