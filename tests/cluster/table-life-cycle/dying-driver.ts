/**
 * A driver that kills its own process at a certain call: nothing that the process would do when it ends in good order is
 * done, and what is on its way to the store may arrive or not.
 */
import type { Container, StorageDriver } from '../../../magnetodb/storage/driver.js';

/** When to die. */
export interface Death {
  /**
   * The number of the call, from 1 on. What every start does, making the service's own containers, doesn't count, nor
   * does a lease that is renewed.
   */
  readonly call: number;
  /** `before` it, `after` it, or as many milliseconds after it was made, whether it is under way still or not. */
  readonly moment: 'before' | 'after' | { readonly laterMs: number };
  /** Counts from the first call of this method on; absent: from the first of any. */
  readonly from?: keyof StorageDriver;
  /** The table whose jobs alone are seen; absent: all are. */
  readonly onlyJobsOf?: string;
}

/**
 * Makes the driver.
 * @param onThrough is called when a job was removed and the process lives; with the calls that were made.
 */
export function dyingDriver(
  inner: StorageDriver,
  death: Death,
  onThrough: (calls: readonly string[]) => void,
): StorageDriver {
  const calls: string[] = [];
  let counted = 0;
  let isClaimed = false;
  let isThrough = false;

  const call = async <T>(
    method: keyof StorageDriver,
    container: Container,
    run: () => Promise<T>,
  ): Promise<T> => {
    if (method === 'createContainer' && container.project === '') return await run();
    calls.push(method);
    if (counted > 0 || death.from === undefined || death.from === method) counted += 1;
    if (isThrough || counted !== death.call) return await run();
    if (death.moment === 'before') return die();
    const result = run();
    if (typeof death.moment === 'object') setTimeout(die, death.moment.laterMs);
    const value = await result;
    return death.moment === 'after' ? die() : value;
  };

  return {
    createContainer: (container) =>
      call('createContainer', container, () => inner.createContainer(container)),
    dropContainer: (container) => call('dropContainer', container, () => inner.dropContainer(container)),
    get: (container, ref, consistency) =>
      call('get', container, () => inner.get(container, ref, consistency)),
    getMany: (container, refs, consistency) =>
      call('getMany', container, () => inner.getMany(container, refs, consistency)),
    range: async (container, request) => {
      const page = await call('range', container, () => inner.range(container, request));
      const { onlyJobsOf } = death;
      if (onlyJobsOf === undefined || !isOfJobs(container, request.partition)) return page;
      const isSeen = (sortKey: Uint8Array): boolean => Buffer.from(sortKey).toString().startsWith(onlyJobsOf);
      return { ...page, rows: page.rows.filter(({ key }) => isSeen(key.sortKey)) };
    },
    scan: (container, request) => call('scan', container, () => inner.scan(container, request)),
    write: async (container, request) => {
      const isOfJob = isOfJobs(container, request.partition);
      const isPut = request.mutations.some(({ kind }) => kind === 'put');
      // How many renewals of a lease there are depends on how slow the machine is.
      if (isOfJob && isPut && isClaimed) return await inner.write(container, request);
      const answer = await call('write', container, () => inner.write(container, request));
      if (isOfJob && isPut) isClaimed = true;
      if (isOfJob && !isPut) {
        isThrough = true;
        onThrough([...calls]);
      }
      return answer;
    },
    close: () => inner.close(),
  };
}

/** Jobs are the rows of one partition of one of the service's own containers. */
function isOfJobs({ project }: Container, partition: Uint8Array): boolean {
  return project === '' && Buffer.from(partition).toString() === 'schema';
}

/** Ends the process without any chance to do something more. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('SIGKILL has been sent');
}
