/**
 * Sends answers: status 200, raw UTF-8, in one piece with its length. Nothing is turned into objects on the way:
 * stored items go out as the bytes that they are.
 */
import type { Response } from 'express';
import type { StoredItem } from '../../../engine/stored-item.js';

export const CONTENT_TYPE = 'application/json; charset=UTF-8';

/** Answers of up to this many bytes are sent as one text with their header, longer ones as bytes of their own. */
const SHORT_BYTES = 16 * 1024;

const EMPTY_OBJECT = '{}';

/** Answers `{}`. */
export function sendEmpty(res: Response): void {
  sendJson(res, EMPTY_OBJECT);
}

/** Answers a JSON text. */
export function sendJson(res: Response, json: string): void {
  res.writeHead(200, { 'Content-Type': CONTENT_TYPE, 'Content-Length': Buffer.byteLength(json) });
  res.end(json);
}

/** Answers JSON given as bytes. */
export function sendBytes(res: Response, json: Buffer): void {
  res.writeHead(200, { 'Content-Type': CONTENT_TYPE, 'Content-Length': json.length });
  res.end(json);
}

/** Answers `{"member":item}`, or `{}` where there is no item. */
export function sendItem(res: Response, member: 'item' | 'attributes', item: StoredItem | undefined): void {
  if (item === undefined) {
    sendEmpty(res);
    return;
  }
  const { json } = item;
  const front = member === 'item' ? '{"item":' : '{"attributes":';
  if (json.length > SHORT_BYTES) {
    sendBytes(res, Buffer.concat([Buffer.from(front), json, Buffer.from('}')]));
    return;
  }
  // Node writes a text together with the header, bytes apart from it. As Latin-1, each byte is one character on the
  // way in and on the way out, so the UTF-8 passes through unread.
  const text = `${front}${bufferOver(json).toString('latin1')}}`;
  res.writeHead(200, { 'Content-Type': CONTENT_TYPE, 'Content-Length': text.length });
  res.end(text, 'latin1');
}

/** The same bytes as a Buffer, not copied. */
function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const COMMA = 0x2c;

/** Items' JSON, separated by commas, between two texts; one copy into one Buffer. */
export function joinItems(before: string, items: readonly StoredItem[], after: string): Buffer {
  let length = Buffer.byteLength(before) + Buffer.byteLength(after) + Math.max(0, items.length - 1);
  for (const { json } of items) length += json.length;
  const joined = Buffer.allocUnsafe(length);
  let at = joined.write(before);
  items.forEach(({ json }, index) => {
    if (index > 0) joined[at++] = COMMA;
    joined.set(json, at);
    at += json.length;
  });
  joined.write(after, at);
  return joined;
}
