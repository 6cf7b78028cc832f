/** What came of test runs, in numbers. */

/** The counts of one run, or of several. */
export interface Summary {
  readonly passing: number;
  readonly failing: number;
  readonly pending: number;
}

/** Nothing has run. */
export const NOTHING: Summary = { passing: 0, failing: 0, pending: 0 };

/** One test that failed: what stands for a run that told no counts. */
export const ONE_FAILURE: Summary = { passing: 0, failing: 1, pending: 0 };

/** What summary-reporter.cjs has written; undefined: it is not whole, or not its. */
export function parseSummary(text: string): Summary | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const counts: Readonly<Record<string, unknown>> =
    typeof value === 'object' && value !== null ? { ...value } : {};
  const { passing, failing, pending } = counts;
  return isCount(passing) && isCount(failing) && isCount(pending) ? { passing, failing, pending } : undefined;
}

/** All of them together. */
export function sum(summaries: readonly Summary[]): Summary {
  return summaries.reduce(
    (total, one) => ({
      passing: total.passing + one.passing,
      failing: total.failing + one.failing,
      pending: total.pending + one.pending,
    }),
    NOTHING,
  );
}

/**
 * What one run of mocha comes to: its counts, made worse by one failure where its exit code tells of more than they do.
 * @param summary undefined: the run ended before it could tell.
 */
export function verdict(summary: Summary | undefined, exitCode: number | null): Summary {
  if (summary === undefined) return ONE_FAILURE;
  return exitCode === 0 || summary.failing > 0 ? summary : sum([summary, ONE_FAILURE]);
}

/** `12 passing, 0 failing, 1 pending`. */
export function describeSummary({ passing, failing, pending }: Summary): string {
  return `${passing} passing, ${failing} failing, ${pending} pending`;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
