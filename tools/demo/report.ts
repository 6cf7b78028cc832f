import { isDeepStrictEqual } from 'node:util';
import { SingleBar } from 'cli-progress';
import CliTable from 'cli-table3';

/** What a report is written to: a terminal, or anything that takes text. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

/** Shows how far an upload is. */
export interface Progress {
  /** `items` and `bytes`: sent so far, since the start. */
  update(items: number, bytes: number): void;
  stop(): void;
}

/** Writes the demo's findings, and keeps count of those that were wrong. */
export class Report {
  readonly #out: Output;
  #mismatches = 0;

  constructor(out: Output) {
    this.#out = out;
  }

  /** How many verifications did not agree. */
  get mismatches(): number {
    return this.#mismatches;
  }

  line(text = ''): void {
    this.#out.write(`${text}\n`);
  }

  heading(text: string): void {
    this.line(`\n${text}`);
  }

  /** Cells that are numbers are written with thousands separated and stand to the right. */
  table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
    const table = new CliTable({
      head: [...head],
      colAligns: head.map((_name, column) => (typeof rows[0]?.[column] === 'number' ? 'right' : 'left')),
      style: { head: [], border: [], compact: true },
    });
    for (const row of rows) {
      table.push(row.map((cell) => (typeof cell === 'number' ? formatCount(cell) : cell)));
    }
    this.line(table.toString());
  }

  /** Compares what the service answered with what the data set says. */
  verify(claim: string, answered: unknown, expected: unknown): void {
    if (isDeepStrictEqual(answered, expected)) {
      this.line(`  verified: ${claim}`);
      return;
    }
    this.#mismatches += 1;
    this.line(`  WRONG: ${claim}`);
    this.line(`    answered: ${JSON.stringify(answered)}`);
    this.line(`    expected: ${JSON.stringify(expected)}`);
  }

  /** A bar on a terminal; elsewhere a line for each tenth. */
  progress(totalItems: number): Progress {
    const startedAt = performance.now();
    const rate = (items: number): string =>
      formatCount(Math.round(items / Math.max((performance.now() - startedAt) / 1000, 0.001)));
    if (this.#out.isTTY === true) {
      const bar = new SingleBar({
        format:
          '  [{bar}] {percentage}% | {value}/{total} items | {megabytes} MB | {rate} items/s | {eta_formatted} left',
        stream: this.#out,
        hideCursor: true,
      });
      bar.start(totalItems, 0, { megabytes: '0.0', rate: '0' });
      return {
        update: (items, bytes) => {
          bar.update(items, { megabytes: formatMegabytes(bytes), rate: rate(items) });
        },
        stop: () => {
          bar.stop();
        },
      };
    }
    let tenths = 0;
    return {
      update: (items, bytes) => {
        const reached = Math.floor((items * 10) / totalItems);
        if (reached <= tenths) return;
        tenths = reached;
        const sent = `sent ${formatCount(items)} of ${formatCount(totalItems)} items`;
        this.line(`  ${reached * 10}%: ${sent}, ${formatMegabytes(bytes)} MB, ${rate(items)} items/s`);
      },
      stop: () => undefined,
    };
  }
}

/** `1234567` → `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** Bytes as 10⁶ bytes, with one decimal. */
export function formatMegabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** Milliseconds, with one decimal below 100. */
export function formatMs(ms: number): string {
  return `${ms < 100 ? ms.toFixed(1) : formatCount(Math.round(ms))} ms`;
}
