/** Turns measurements into medians, ratios and a table. */
import Table from 'cli-table3';
import type { Measurement } from './load.js';
import type { OperationName } from './workload.js';

/** What a server was in one round, for one operation. */
export interface Sample extends Measurement {
  readonly operation: OperationName;
  readonly target: string;
  /** From 0. Samples of one round were taken one after the other, so a ratio inside of a round means something. */
  readonly round: number;
}

/** One line of the report. */
export interface Row extends Omit<Measurement, 'requests'> {
  readonly operation: OperationName;
  readonly target: string;
  /** Requests a second of this target divided by those of others, by the others' names. */
  readonly ratios: Readonly<Record<string, number>>;
}

/** The middle value; of an even number of values, the mean of the two in the middle. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
  return (lower + upper) / 2;
}

/**
 * The median of the rounds for each operation and target, in the order of their first samples.
 *
 * A ratio is the median of the rounds' ratios, not the ratio of medians: what slows down the machine for a round slows
 * down both sides of that round's ratio.
 */
export function rowsOf(samples: readonly Sample[]): Row[] {
  const rows: Row[] = [];
  for (const operation of new Set(samples.map((sample) => sample.operation))) {
    const ofOperation = samples.filter((sample) => sample.operation === operation);
    const targets = [...new Set(ofOperation.map((sample) => sample.target))];
    for (const target of targets) {
      const own = ofOperation.filter((sample) => sample.target === target);
      const ratios: Record<string, number> = {};
      for (const other of targets) {
        if (other === target) continue;
        const byRound = own.flatMap((sample) => {
          const beside = ofOperation.find(
            ({ target: name, round }) => name === other && round === sample.round,
          );
          return beside === undefined ? [] : [sample.requestsPerSecond / beside.requestsPerSecond];
        });
        if (byRound.length > 0) ratios[other] = median(byRound);
      }
      const micros = own.flatMap((sample) => sample.processorMicros ?? []);
      rows.push({
        ...(micros.length === 0 ? {} : { processorMicros: median(micros) }),
        operation,
        target,
        requestsPerSecond: median(own.map((sample) => sample.requestsPerSecond)),
        p50Ms: median(own.map((sample) => sample.p50Ms)),
        p99Ms: median(own.map((sample) => sample.p99Ms)),
        ratios,
      });
    }
  }
  return rows;
}

/** The table: a line for each row, and a column for each target that `ours` are compared with. */
export function tableOf(
  rows: readonly Row[],
  labels: Readonly<Record<string, string>>,
  ours: readonly string[],
): string {
  const others = [...new Set(rows.map((row) => row.target))].filter((target) => !ours.includes(target));
  const table = new Table({
    head: [
      'operation',
      'target',
      'requests/s',
      'p50 ms',
      'p99 ms',
      'CPU µs',
      ...others.map((other) => `/ ${other}`),
    ],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', ...others.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  let last = '';
  for (const row of rows) {
    const ratios = others.map((other) => {
      const ratio = ours.includes(row.target) ? row.ratios[other] : undefined;
      return ratio === undefined ? '' : ratio.toFixed(2);
    });
    table.push([
      row.operation === last ? '' : (labels[row.operation] ?? row.operation),
      row.target,
      Math.round(row.requestsPerSecond).toLocaleString('en-US'),
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
      row.processorMicros === undefined ? '' : row.processorMicros.toFixed(1),
      ...ratios,
    ]);
    last = row.operation;
  }
  return table.toString();
}

/** What the project wants to reach, and whether it does. */
export interface Aim {
  readonly text: string;
  readonly found: string;
  readonly isReached: boolean;
}

/** How the targets are called. */
export const TARGETS = {
  quiet: 'magnetodb, no access log',
  logging: 'magnetodb',
  express: 'express',
  dynalite: 'dynalite',
  lmdb: 'lmdb',
  cassandraDriver: 'cassandra-driver',
} as const;

/** The aims that the rows say something about. */
export function aimsOf(rows: readonly Row[]): Aim[] {
  const aims: Aim[] = [];
  const rowOf = (operation: OperationName, target: string): Row | undefined =>
    rows.find((row) => row.operation === operation && row.target === target);
  const atLeast = (text: string, found: number | undefined, least: number): void => {
    if (found === undefined) return;
    const shown = found.toFixed(2);
    aims.push({ text: `${text}: at least ${least}`, found: shown, isReached: found >= least });
  };
  const quietGet = rowOf('get_item', TARGETS.quiet)?.ratios;
  atLeast('get_item without access log / express', quietGet?.[TARGETS.express], 0.8);
  atLeast('get_item without access log / dynalite', quietGet?.[TARGETS.dynalite], 1.5);
  atLeast('get_item as shipped / express', rowOf('get_item', TARGETS.logging)?.ratios[TARGETS.express], 0.7);
  const put = (rowOf('put_item', TARGETS.logging) ?? rowOf('put_item', TARGETS.quiet))?.ratios;
  const overExpress = put?.[TARGETS.express];
  const overLmdb = put?.[TARGETS.lmdb];
  // Ours divided by the slower of two is the greater of the two ratios.
  const overSlower =
    overExpress === undefined || overLmdb === undefined ? undefined : Math.max(overExpress, overLmdb);
  atLeast('put_item / the slower of express and lmdb', overSlower, 0.5);
  atLeast('put_item / dynalite', put?.[TARGETS.dynalite], 1);
  for (const [operation, least] of [
    ['get_item', 0.6],
    ['put_item', 0.85],
    ['put_item_plain', 0.6],
  ] as const) {
    const own = (rowOf(operation, TARGETS.quiet) ?? rowOf(operation, TARGETS.logging))?.ratios;
    atLeast(`${operation} / cassandra-driver`, own?.[TARGETS.cassandraDriver], least);
  }
  return aims;
}
