/** Splits a stream of bytes into lines, holding no more than one line at a time. */
import { ByteCollector } from './byte-collector.js';

const NEWLINE = 0x0a;

/** How much of a line that is too long is kept to show it. */
const SHOWN_BYTES = 256;

/** One line, its newline included where it has one. */
export interface Line {
  readonly bytes: Buffer;
  /** True: the line was longer than allowed, and `bytes` holds only its beginning. */
  readonly isTooLong: boolean;
}

/**
 * Works on bytes, since a chunk's border may lie inside a character. A line that lies within one chunk is not copied.
 */
export class LineSplitter {
  private readonly rest = new ByteCollector();
  private isTooLong = false;

  /** @param maxLineBytes the longest line, newline included. */
  constructor(private readonly maxLineBytes: number) {}

  /** The lines that end in this chunk. To be read to the end before the next call. */
  *split(chunk: Buffer): Generator<Line> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.keep(chunk.subarray(start, end + 1));
      start = end + 1;
      yield this.takeLine();
    }
    if (start < chunk.length) this.keep(chunk.subarray(start));
  }

  /** What follows the last newline, at the stream's end; undefined where nothing does. */
  last(): Line | undefined {
    return this.rest.sizeBytes === 0 ? undefined : this.takeLine();
  }

  private keep(part: Buffer): void {
    if (this.isTooLong) return;
    if (this.rest.sizeBytes + part.length <= this.maxLineBytes) {
      this.rest.add(part);
      return;
    }
    this.isTooLong = true;
    this.rest.add(part.subarray(0, SHOWN_BYTES));
    const shown = Buffer.from(this.rest.take().subarray(0, SHOWN_BYTES));
    this.rest.add(shown);
  }

  private takeLine(): Line {
    const line = { bytes: this.rest.take(), isTooLong: this.isTooLong };
    this.isTooLong = false;
    return line;
  }
}
