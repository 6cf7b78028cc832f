import type { Consistency } from '../storage/driver.js';

/** What a read asks of the storage: only a consistent one needs a quorum. */
export function consistencyOf(request: { readonly consistentRead: boolean }): Consistency {
  return request.consistentRead ? 'strong' : 'eventual';
}
