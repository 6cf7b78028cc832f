import { closeSync, openSync, write, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';

const writeAsync = promisify(write);

/**
 * A file that log text is appended to. One write is under way at a time, off the event loop, so that a slow disk
 * delays no request. A write that fails (the disk is full) loses its text and nothing else: see `takeLostWrites`.
 */
export class LogFile extends Writable {
  readonly path: string;
  #descriptor: number;
  /** Descriptors that the write under way may still use; closed when it ends. */
  #retired: number[] = [];
  #queue: Buffer[] = [];
  #backlogBytes = 0;
  #isSync = false;
  #lostWrites = 0;
  /** The writes under way; settled when there are none. Never rejects. */
  #writing: Promise<void> | undefined;

  /** @throws where the file can't be opened for appending. */
  constructor(path: string) {
    super();
    this.path = path;
    this.#descriptor = open(path);
  }

  /** Bytes that are not written yet. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** How many writes failed since the last call. */
  takeLostWrites(): number {
    const lost = this.#lostWrites;
    this.#lostWrites = 0;
    return lost;
  }

  /** Opens the path anew, after something has moved the file away. What waits goes to the new file. */
  reopen(): void {
    const next = open(this.path);
    this.#retired.push(this.#descriptor);
    this.#descriptor = next;
    if (this.#writing === undefined) this.#closeRetired();
  }

  /** From here on writes before `write` returns: for the last moments of a process. */
  becomeSync(): void {
    this.#isSync = true;
    const waiting = this.#queue;
    this.#queue = [];
    for (const chunk of waiting) this.#writeNow(chunk);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    if (this.#isSync) {
      this.#writeNow(chunk);
    } else {
      this.#queue.push(chunk);
      this.#backlogBytes += chunk.length;
      this.#writing ??= this.#writeQueue();
    }
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    void (this.#writing ?? Promise.resolve()).then(() => {
      this.#retired.push(this.#descriptor);
      this.#closeRetired();
      callback(error);
    });
  }

  async #writeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      const chunk = Buffer.concat(this.#queue);
      this.#queue = [];
      const descriptor = this.#descriptor;
      try {
        for (let at = 0; at < chunk.length;) {
          at += (await writeAsync(descriptor, chunk, at)).bytesWritten;
        }
      } catch {
        this.#lostWrites += 1;
      }
      this.#backlogBytes -= chunk.length;
      this.#closeRetired();
    }
    this.#writing = undefined;
  }

  #writeNow(chunk: Buffer): void {
    try {
      for (let at = 0; at < chunk.length;) at += writeSync(this.#descriptor, chunk, at);
    } catch {
      this.#lostWrites += 1;
    }
  }

  #closeRetired(): void {
    for (const descriptor of this.#retired.splice(0)) closeSync(descriptor);
  }
}

// Readable for the group, since log collectors run as users of their own.
function open(path: string): number {
  return openSync(path, 'a', 0o640);
}
