/** What bulk_load answers: how many lines were read and what became of them (data API, section 12). */
import type { Line } from '../../lines.js';

/** Bounds on what a report holds, so that a load of bad lines needs no more memory than one of good ones. */
export interface BulkReportLimits {
  /** How many failures are told, at most. */
  readonly maxFailedItems: number;
  /** How many bytes of lines and error texts are told, at most. */
  readonly maxFailedBytes: number;
}

/** Counts lines. `processed + unprocessed + failed = read` once nothing is under way. */
export class BulkReport {
  read = 0;
  processed = 0;
  unprocessed = 0;
  failed = 0;
  /** The last line that was tried. */
  last: Line | undefined = undefined;

  /** Line text to error text; of equal lines the last failure is told. */
  private readonly failures = new Map<string, string>();
  private failuresBytes = 0;
  private isTruncated = false;

  constructor(private readonly limits: BulkReportLimits) {}

  /** Counts a failure and tells it, as long as there is room. */
  fail(line: Line, errorText: string): void {
    this.failed++;
    const size = line.bytes.length + Buffer.byteLength(errorText);
    if (
      this.failures.size >= this.limits.maxFailedItems ||
      this.failuresBytes + size > this.limits.maxFailedBytes
    ) {
      this.isTruncated = true;
      return;
    }
    this.failures.set(lineText(line), errorText);
    this.failuresBytes += size;
  }

  toJson(): string {
    const failures = Array.from(
      this.failures,
      ([line, error]) => `${JSON.stringify(line)}:${JSON.stringify(error)}`,
    );
    return (
      `{"read":${this.read},"processed":${this.processed},"unprocessed":${this.unprocessed},` +
      `"failed":${this.failed},"last_item":${JSON.stringify(this.last === undefined ? null : lineText(this.last))},` +
      `"failed_items":{${failures.join()}}${this.isTruncated ? ',"failed_items_truncated":true' : ''}}`
    );
  }
}

/** A line as text; bytes that aren't UTF-8 become U+FFFD, and a line that was too long ends in an ellipsis. */
function lineText(line: Line): string {
  const text = line.bytes.toString('utf8');
  return line.isTooLong ? `${text}…` : text;
}
