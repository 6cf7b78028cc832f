/** A wrapper around a driver that counts what it is asked: for tests of caches, and the pattern for any wrapper. */
import type {
  Consistency,
  Container,
  Page,
  RangeRequest,
  Row,
  RowRef,
  ScanRequest,
  StorageDriver,
  WriteRequest,
} from '../../magnetodb/storage/driver.js';

type Method = keyof StorageDriver;

export class CountingDriver implements StorageDriver {
  private readonly counts = new Map<Method, number>();

  constructor(private readonly inner: StorageDriver) {}

  /** How often a method was called. */
  callsOf(method: Method): number {
    return this.counts.get(method) ?? 0;
  }

  createContainer(container: Container): Promise<void> {
    this.count('createContainer');
    return this.inner.createContainer(container);
  }

  dropContainer(container: Container): Promise<void> {
    this.count('dropContainer');
    return this.inner.dropContainer(container);
  }

  get(container: Container, ref: RowRef, consistency: Consistency): Promise<Row | undefined> {
    this.count('get');
    return this.inner.get(container, ref, consistency);
  }

  getMany(
    container: Container,
    refs: readonly RowRef[],
    consistency: Consistency,
  ): Promise<(Row | undefined)[]> {
    this.count('getMany');
    return this.inner.getMany(container, refs, consistency);
  }

  range(container: Container, request: RangeRequest): Promise<Page> {
    this.count('range');
    return this.inner.range(container, request);
  }

  scan(container: Container, request: ScanRequest): Promise<Page> {
    this.count('scan');
    return this.inner.scan(container, request);
  }

  write(container: Container, request: WriteRequest): Promise<'applied' | 'conflict'> {
    this.count('write');
    return this.inner.write(container, request);
  }

  close(): Promise<void> {
    this.count('close');
    return this.inner.close();
  }

  private count(method: Method): void {
    this.counts.set(method, this.callsOf(method) + 1);
  }
}
