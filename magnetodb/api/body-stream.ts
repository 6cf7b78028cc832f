/**
 * Reads a body chunk by chunk, for operations that take bodies of any length. Nothing is read ahead of what was asked
 * for, beyond the stream's own small buffer, so the sender is held back to the reader's pace.
 */
import type { Socket } from 'node:net';
import type { Request, Response } from 'express';

/**
 * How a body came to its end: whole; cut, where the client stopped sending in its middle but still waits for the answer
 * (a half-closed connection); gone, where the client went away; idle, where nothing came for too long.
 */
export type BodyEnd = 'whole' | 'cut' | 'gone' | 'idle';

/** One request's body. Has one reader. */
export class BodyStream {
  private end: BodyEnd | undefined = undefined;
  private wake: (() => void) | undefined = undefined;
  private readonly socket: Socket;
  private readonly socketListeners: ReturnType<Socket['listeners']>;

  /** @param idleTimeoutMs how long `next` waits for a chunk. */
  constructor(
    private readonly req: Request,
    private readonly res: Response,
    private readonly idleTimeoutMs: number,
  ) {
    this.socket = req.socket;
    // Node takes a body that ends in its middle for malformed HTTP, and the server then refuses the request, whose client
    // waits for its counts. So their listeners step back for as long as this body is read and answered.
    this.socketListeners = this.socket.listeners('end');
    this.socket.removeAllListeners('end');
    this.socket.on('end', this.onHalfClose);
    req.on('readable', this.onReadable);
    req.once('end', this.onEnd);
    req.once('close', this.onClose);
  }

  /** The next bytes, at least one; or how the body ended, now and from now on. */
  async next(): Promise<Buffer | BodyEnd> {
    for (;;) {
      const chunk = this.req.read() as Buffer | null;
      if (chunk !== null) return chunk;
      if (this.end !== undefined) return this.end;
      await this.waitForMore();
    }
  }

  /** Gives the connection back to Node. To be called when the answer is finished, or will never be given. */
  release(): void {
    this.req.off('readable', this.onReadable);
    this.req.off('end', this.onEnd);
    this.req.off('close', this.onClose);
    this.socket.off('end', this.onHalfClose);
    for (const listener of this.socketListeners) this.socket.on('end', listener as () => void);
  }

  private waitForMore(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.finish('idle');
      }, this.idleTimeoutMs);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = undefined;
        resolve();
      };
    });
  }

  private finish(end: BodyEnd): void {
    this.end ??= end;
    this.wake?.();
  }

  private readonly onReadable = (): void => {
    this.wake?.();
  };

  private readonly onEnd = (): void => {
    this.finish('whole');
  };

  private readonly onClose = (): void => {
    this.finish('gone');
  };

  private readonly onHalfClose = (): void => {
    // No request can follow on this connection.
    this.res.shouldKeepAlive = false;
    if (!this.req.complete) this.finish('cut');
  };
}
