import { Readable } from 'node:stream';
import type { Static } from '@sinclair/typebox';
import { DemoError, type BulkLoadAnswer, type DataApi } from './client.js';
import { toItem, type Place } from './places.js';
import { formatCount, formatMegabytes, type Progress, type Report } from './report.js';

/** Lines are gathered into pieces of about this many bytes: a write for each line would cost more than the line. */
const PIECE_BYTES = 65_536;

/** The bulk load's body, piece by piece; each piece is made when the connection has room for it. */
export function* bulkLoadBody(places: readonly Place[], progress: Progress): Generator<Buffer> {
  let piece = '';
  let items = 0;
  let bytes = 0;
  for (const place of places) {
    piece += `${JSON.stringify(toItem(place))}\n`;
    items += 1;
    if (piece.length < PIECE_BYTES && items < places.length) continue;
    const buffer = Buffer.from(piece);
    bytes += buffer.length;
    piece = '';
    yield buffer;
    progress.update(items, bytes);
  }
}

/** Loads all places with one bulk_load. @throws {DemoError} unless the service took every one. */
export async function upload(
  api: DataApi,
  table: string,
  places: readonly Place[],
  report: Report,
): Promise<void> {
  const progress = report.progress(places.length);
  let sentBytes = 0;
  const counting: Progress = {
    update: (items, bytes) => {
      sentBytes = bytes;
      progress.update(items, bytes);
    },
    stop: () => {
      progress.stop();
    },
  };
  const startedAt = performance.now();
  let answer: Static<typeof BulkLoadAnswer>;
  try {
    answer = await api.bulkLoad(table, Readable.from(bulkLoadBody(places, counting), { objectMode: true }));
  } finally {
    counting.stop();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  report.table(
    ['read', 'processed', 'unprocessed', 'failed', 'MB sent', 'took', 'items/s'],
    [
      [
        answer.read,
        answer.processed,
        answer.unprocessed,
        answer.failed,
        formatMegabytes(sentBytes),
        `${seconds.toFixed(1)} s`,
        formatCount(Math.round(answer.processed / seconds)),
      ],
    ],
  );
  if (answer.processed !== places.length) {
    const [line, why] = Object.entries(answer.failed_items)[0] ?? ['', 'no reason was told'];
    throw new DemoError(
      `only ${answer.processed} of ${places.length} items were loaded: ${why} ${line.slice(0, 200)}`,
    );
  }
}
