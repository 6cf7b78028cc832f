/**
 * Reads a request's body once, counting its bytes. The limits come from the request's context, where the sizelimit
 * filter has put them: `maxBodyBytes` and `bodyTimeoutMs`.
 */
import type { Socket } from 'node:net';
import type { Request } from 'express';
import createError from 'http-errors';
import { ByteCollector } from './byte-collector.js';

/** How long a connection that is to be closed may still send, so that its client gets to read the answer. */
const LINGER_MS = 2_000;

/**
 * The whole body, or undefined where the client went away before its end: then there is nobody to answer. A body that
 * came in one piece is not copied.
 * @throws {HttpError} 413 for a body that is, or says that it is, longer than `maxBodyBytes`; 408 for one that takes
 *   longer than `bodyTimeoutMs`. Both end the connection once they are answered, so that an endless body is not read.
 */
export async function readBody(req: Request): Promise<Buffer | undefined> {
  const { maxBodyBytes, bodyTimeoutMs } = req.context;
  if (Number(req.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge(req, maxBodyBytes);
  return new Promise((resolve, reject) => {
    const bytes = new ByteCollector();

    const onData = (chunk: Buffer): void => {
      bytes.add(chunk);
      if (bytes.sizeBytes > maxBodyBytes) stop(tooLarge(req, maxBodyBytes));
    };
    const stop = (reason: Error): void => {
      clearTimeout(timer);
      req.off('data', onData);
      bytes.clear();
      reject(reason);
    };
    const timer = setTimeout(() => {
      closeAfterAnswer(req);
      stop(
        createError(408, `The request's body did not arrive within ${bodyTimeoutMs / 1000} seconds`, {
          headers: { Connection: 'close' },
        }),
      );
    }, bodyTimeoutMs);

    req.on('data', onData);
    req.once('end', () => {
      clearTimeout(timer);
      resolve(bytes.take());
    });
    // Follows 'end' too, where it changes nothing any more.
    req.once('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}

function tooLarge(req: Request, maxBodyBytes: number): Error {
  closeAfterAnswer(req);
  return createError(413, `The request's body is longer than ${maxBodyBytes} bytes`, {
    headers: { Connection: 'close' },
  });
}

/**
 * Makes the connection end soon after the answer, whatever its client still sends; what it sends is thrown away. Not
 * before the answer: a client that waits for `100 Continue` would be invited to send.
 */
export function closeAfterAnswer(req: Request): void {
  lingerOnClose(req.socket);
  req.res?.once('close', () => {
    req.resume();
  });
}

/**
 * Lets a connection's client read the last answer. Node would destroy the socket as soon as the answer is flushed: the
 * kernel then resets a connection whose client is still sending, and with it goes the answer, unread. So the sending
 * side ends first, and the connection later.
 */
export function lingerOnClose(socket: Socket): void {
  socket.destroySoon = () => {
    socket.end();
    setTimeout(() => {
      socket.destroy();
    }, LINGER_MS).unref();
  };
}
