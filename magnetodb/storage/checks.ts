/** What callers must keep to, checked alike by every driver. What is thrown here is the caller's own mistake. */
import {
  MAX_INDEX_NAME_LENGTH,
  MAX_KEY_BYTES,
  MAX_PARTITION_BYTES,
  MAX_WRITE_BYTES,
  VERSION_BYTES,
  writeSizeBytes,
  type Container,
  type RowKey,
  type WriteRequest,
} from './driver.js';

const INDEX_NAME = /^[A-Za-z0-9_.-]*$/;

/** @throws RangeError for a partition that is not 1 to MAX_PARTITION_BYTES bytes long. */
export function checkPartition(partition: Uint8Array): void {
  if (partition.length < 1 || partition.length > MAX_PARTITION_BYTES) {
    throw new RangeError(`a partition has 1 to ${MAX_PARTITION_BYTES} bytes, not ${partition.length}`);
  }
}

/** @throws RangeError for an indexKey, a sortKey or a bound longer than MAX_KEY_BYTES. */
export function checkKeyPart(part: Uint8Array): void {
  if (part.length > MAX_KEY_BYTES) {
    throw new RangeError(`a key has up to ${MAX_KEY_BYTES} bytes, not ${part.length}`);
  }
}

/** @throws RangeError for what can't be an index name. */
export function checkIndexName(index: string): void {
  if (index.length > MAX_INDEX_NAME_LENGTH || !INDEX_NAME.test(index)) {
    throw new RangeError(`an index name has up to ${MAX_INDEX_NAME_LENGTH} of A-Z a-z 0-9 _ . -`);
  }
}

/** @throws RangeError for a key that no row can have. */
export function checkRowKey(key: RowKey): void {
  checkKeyPart(key.sortKey);
  if (key.index === '') {
    if (key.indexKey.length > 0) throw new RangeError('a base row has an empty indexKey');
    return;
  }
  checkIndexName(key.index);
  checkKeyPart(key.indexKey);
}

/** @throws RangeError for a page of less than one row. */
export function checkLimit(limit: number): void {
  if (!(limit >= 1)) throw new RangeError(`a limit is at least 1, not ${limit}`);
}

/** @throws RangeError for a write that the contract does not allow. */
export function checkWrite(container: Container, request: WriteRequest): void {
  const { partition, mutations, guard, version } = request;
  checkPartition(partition);
  if (mutations.length === 0) throw new RangeError('a write has at least one mutation');
  if (version.length !== VERSION_BYTES) throw new RangeError(`a version has ${VERSION_BYTES} bytes`);
  for (const { key } of mutations) checkRowKey(key);
  if (mutations.length > 1 && new Set(mutations.map(({ key }) => rowName(key))).size < mutations.length) {
    throw new RangeError('a write changes each row at most once');
  }
  if (guard.kind !== 'any') {
    if (container.kind === 'plain') throw new RangeError('a write to a plain container takes no guard');
    checkRowKey(guard.key);
  }
  if (writeSizeBytes(partition, mutations) > MAX_WRITE_BYTES) {
    throw new RangeError(`a write holds up to ${MAX_WRITE_BYTES} bytes`);
  }
}

/** A row's key as a text: equal for equal keys, different for different ones. */
export function rowName({ index, indexKey, sortKey }: RowKey): string {
  return `${index}/${indexKey.length}/${latin1(indexKey)}/${latin1(sortKey)}`;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
