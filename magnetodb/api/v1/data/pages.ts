/**
 * Sends the answer of query and scan: in one piece when it is one page, else page by page, as quickly as the client
 * takes it. No more than two pages are in memory, so an answer may be as long as a table.
 *
 *   {"items":[…],"count":2,"scanned_count":3,"last_evaluated_key":{…}}
 */
import type { Response } from 'express';
import { itemToJson } from '../../../engine/item-codec.js';
import type { ItemPage } from '../../../engine/requests.js';
import type { Item } from '../../../engine/values.js';
import { CONTENT_TYPE, joinItems, sendBytes } from './answer.js';

export interface SendPagesOptions {
  /** False for a count alone. */
  readonly showItems: boolean;
  /** True for scan. */
  readonly showScannedCount: boolean;
}

/**
 * Answers all pages. Stops to ask for pages when the client goes away.
 * @throws what reading pages throws. Where a part of the answer is out by then, the pipeline cuts the connection: the
 *   client must not take the part for the whole.
 */
export async function sendPages(
  res: Response,
  pages: AsyncIterable<ItemPage>,
  options: SendPagesOptions,
): Promise<void> {
  let count = 0;
  let scannedCount = 0;
  let lastKey: Item | undefined;
  /** The newest items, kept back until it is known whether others follow. */
  let held: Buffer | undefined;
  let hasItems = false;
  for await (const page of pages) {
    if (res.destroyed) return;
    count += page.count;
    scannedCount += page.scannedCount;
    lastKey = page.lastEvaluatedKey;
    if (!options.showItems || page.items.length === 0) continue;
    const joined = joinItems(hasItems ? ',' : '{"items":[', page.items, '');
    hasItems = true;
    if (held !== undefined && !(await send(res, held))) return;
    held = joined;
  }
  const front = hasItems ? '],' : options.showItems ? '{"items":[],' : '{';
  const tail = Buffer.from(
    `${front}"count":${count}` +
      (options.showScannedCount ? `,"scanned_count":${scannedCount}` : '') +
      (lastKey === undefined ? '' : `,"last_evaluated_key":${itemToJson(lastKey)}`) +
      '}',
  );
  const end = held === undefined ? tail : Buffer.concat([held, tail]);
  if (res.headersSent) res.end(end);
  else sendBytes(res, end);
}

/** Waits until the client takes more; the server cuts one that takes nothing. @returns false when the client is gone. */
async function send(res: Response, bytes: Buffer): Promise<boolean> {
  if (res.destroyed) return false;
  if (!res.headersSent) res.writeHead(200, { 'Content-Type': CONTENT_TYPE });
  if (res.write(bytes)) return true;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      res.off('drain', done);
      res.off('close', done);
      resolve();
    };
    res.on('drain', done);
    res.on('close', done);
  });
  return !res.destroyed;
}
