import type { StorageDriver } from '../../magnetodb/storage/driver.js';

/** A driver that answers some calls itself and hands the others on. */
export function overriding(inner: StorageDriver, calls: Partial<StorageDriver>): StorageDriver {
  return {
    createContainer: calls.createContainer ?? ((container) => inner.createContainer(container)),
    dropContainer: calls.dropContainer ?? ((container) => inner.dropContainer(container)),
    get: calls.get ?? ((container, ref, consistency) => inner.get(container, ref, consistency)),
    getMany: calls.getMany ?? ((container, refs, consistency) => inner.getMany(container, refs, consistency)),
    range: calls.range ?? ((container, request) => inner.range(container, request)),
    scan: calls.scan ?? ((container, request) => inner.scan(container, request)),
    write: calls.write ?? ((container, request) => inner.write(container, request)),
    close: calls.close ?? (() => inner.close()),
  };
}
