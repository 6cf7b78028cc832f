/**
 * Joins chunks of bytes. A single chunk is handed back as it is; several are copied into one growing buffer at once, so
 * that a body sent in one-byte chunks costs its length in memory and not an object a byte.
 */
export class ByteCollector {
  private first: Buffer | undefined = undefined;
  private joined: Buffer | undefined = undefined;
  private size = 0;

  /** How many bytes were added since the last `take`. */
  get sizeBytes(): number {
    return this.size;
  }

  /** Adds a chunk, which may be kept, and isn't changed. */
  add(chunk: Buffer): void {
    const needed = this.size + chunk.length;
    if (this.size === 0) {
      this.first = chunk;
    } else {
      if (this.joined === undefined || this.joined.length < needed) {
        const grown = Buffer.allocUnsafe(needed * 2);
        (this.joined ?? this.first)?.copy(grown, 0, 0, this.size);
        this.joined = grown;
      }
      chunk.copy(this.joined, this.size);
    }
    this.size = needed;
  }

  /** All bytes added; the collector is empty afterwards. */
  take(): Buffer {
    const taken = this.joined?.subarray(0, this.size) ?? this.first ?? Buffer.alloc(0);
    this.clear();
    return taken;
  }

  /** Forgets all bytes. */
  clear(): void {
    this.first = undefined;
    this.joined = undefined;
    this.size = 0;
  }
}
