/**
 * bulk_load (data API, section 12): `POST /{project}/tables/{table}/bulk_load`, and the same under
 * `/{project}/data/tables/…`, as the original's client has it.
 *
 * The body is one item a line, of any length in all. Lines are put as they come, a bounded number at a time; when so
 * many are under way, the body isn't read on, and the client is held back. The answer is 200 whatever becomes of the
 * lines, and counts them:
 *
 *   {"read":5,"processed":2,"unprocessed":2,"failed":1,"last_item":"…\n","failed_items":{"…\n":"ValidationError(…)"}}
 */
import { parse } from 'node:querystring';
import createError from 'http-errors';
import { ServiceError, ValidationError } from '../../../engine/errors.js';
import { parseTableName, quoted } from '../../../engine/names.js';
import type { Engine, ProjectId, PutItemRequest } from '../../../engine/requests.js';
import { isScalar, type Item } from '../../../engine/values.js';
import { scalarText } from '../../../engine/compare.js';
import type { Logger } from '../../../logging/logger.js';
import type { Service } from '../../../pipeline/types.js';
import { closeAfterAnswer } from '../../body.js';
import { BodyStream, type BodyEnd } from '../../body-stream.js';
import { parseJson } from '../../json.js';
import { LineSplitter, type Line } from '../../lines.js';
import { faultOf } from '../fault.js';
import { sendJson } from './answer.js';
import { BulkReport, type BulkReportLimits } from './bulk-report.js';
import { objectField } from './fields.js';
import type { Operation, TableRequest } from './operation.js';
import { parseItem } from './values.js';

/** What the app's options say about bulk loads. */
export interface BulkLoadOptions extends BulkReportLimits {
  /** The longest line, newline included. */
  readonly maxLineBytes: number;
  /** How many puts may be under way. */
  readonly concurrency: number;
  /** How long the client may send nothing while the service waits for it. There is no limit on the whole. */
  readonly idleTimeoutMs: number;
}

/** Puts every line of the body. */
export function bulkLoad(
  { engine, logger }: Pick<Service, 'engine' | 'logger'>,
  options: BulkLoadOptions,
): Operation<TableRequest> {
  return async (req, res, project) => {
    const goesOn = parseGoesOn(req.url);
    const target = { engine, logger, project, table: req.params.table, requestId: req.context.requestId };
    const load = new BulkLoad(target, options, goesOn);
    const body = new BodyStream(req, res, options.idleTimeoutMs);
    res.once('close', () => {
      body.release();
    });
    const end = await load.run(body);
    const { report } = load;
    switch (end) {
      case 'whole':
      case 'cut':
        sendJson(res, report.toJson());
        return;
      case 'gone':
        logger.info('bulk load cut by its client', { read: report.read, processed: report.processed });
        return;
      case 'idle':
        closeAfterAnswer(req);
        throw createError(
          408,
          `Nothing arrived for ${options.idleTimeoutMs / 1000} seconds; ` +
            `${report.read} lines were read, ${report.processed} items written, ${report.failed} failed`,
          { headers: { Connection: 'close' } },
        );
    }
  };
}

/** `on_error`: what to do after a line has failed. @throws {ValidationError} */
function parseGoesOn(url: string): boolean {
  const start = url.indexOf('?');
  const param = start < 0 ? undefined : parse(url.slice(start + 1)).on_error;
  const value = Array.isArray(param) ? param.at(-1) : param;
  if (value === undefined || value === 'stop') return false;
  if (value === 'continue') return true;
  throw new ValidationError(`Wrong 'on_error' value '${quoted(value)}'. 'stop' or 'continue' is expected`);
}

interface Target {
  readonly engine: Engine;
  readonly logger: Logger;
  readonly project: ProjectId;
  readonly table: string;
  readonly requestId: string | undefined;
}

/** One request's load. */
class BulkLoad {
  readonly report: BulkReport;
  private readonly lines: LineSplitter;
  private underWay = 0;
  /** The last put under way of each key that has one. */
  private readonly tails = new Map<string, Promise<void>>();
  /** How many puts may be under way now: one, until the first has shown that the table takes them. */
  private room = 1;
  private isStopped = false;
  private hasLoggedFailure = false;
  /** Resolves the promise that waits for a put to end. */
  private wake: (() => void) | undefined = undefined;
  /** The names of the table's key attributes; empty where they aren't known. */
  private keyNames: readonly string[] | undefined = undefined;

  constructor(
    private readonly target: Target,
    private readonly options: BulkLoadOptions,
    private readonly goesOn: boolean,
  ) {
    this.report = new BulkReport(options);
    this.lines = new LineSplitter(options.maxLineBytes);
  }

  /** Reads the body to its end and waits for every put. Never throws for a line. */
  async run(body: BodyStream): Promise<BodyEnd> {
    for (;;) {
      const chunk = await body.next();
      if (typeof chunk === 'string') {
        // A line without its newline is a line where the client says so by ending; one who went away says nothing.
        const last = chunk === 'whole' || chunk === 'cut' ? this.lines.last() : undefined;
        if (last !== undefined) await this.take(last);
        await this.waitUntil(0);
        return chunk;
      }
      for (const line of this.lines.split(chunk)) {
        // Counting the rest of a stopped load needs no turn of the event loop for each line.
        if (this.isStopped) this.skip();
        else await this.take(line);
      }
    }
  }

  private skip(): void {
    this.report.read++;
    this.report.unprocessed++;
  }

  private async take(line: Line): Promise<void> {
    if (this.underWay >= this.room) await this.waitUntil(this.room - 1);
    if (this.isStopped) {
      this.skip();
      return;
    }
    const { report } = this;
    report.read++;
    report.last = line;
    let item: Item;
    try {
      item = this.parseLine(line);
    } catch (error) {
      this.fail(line, error);
      return;
    }
    this.keyNames ??= await this.lookUpKeyNames();
    this.put(item, line);
  }

  private parseLine(line: Line): Item {
    if (line.isTooLong) {
      throw new ValidationError(`The line is longer than ${this.options.maxLineBytes} bytes`);
    }
    return parseItem(objectField(parseJson(line.bytes, 'The line'), 'item'));
  }

  /** A table that can't be looked up can't be written to either: the put will say why. */
  private async lookUpKeyNames(): Promise<readonly string[]> {
    const { engine, project, table } = this.target;
    try {
      const { hashKey, rangeKey } = await engine.describeTable(project, parseTableName(table));
      return rangeKey === undefined ? [hashKey] : [hashKey, rangeKey];
    } catch (error) {
      if (error instanceof ServiceError) return [];
      throw error;
    }
  }

  /** Starts a put. Puts of one key follow each other, so that of two lines with one key the later one stays. */
  private put(item: Item, line: Line): void {
    const key = this.keyOf(item);
    const before = this.tails.get(key);
    const put = before === undefined ? this.write(item, line) : before.then(() => this.write(item, line));
    this.underWay++;
    this.tails.set(key, put);
    void put.then(() => {
      this.underWay--;
      if (this.tails.get(key) === put) this.tails.delete(key);
      this.wake?.();
    });
  }

  /** Resolves in any case. */
  private async write(item: Item, line: Line): Promise<void> {
    const { engine, project, table } = this.target;
    try {
      await engine.putItem(project, table, request(item));
      this.report.processed++;
      this.room = this.options.concurrency;
    } catch (error) {
      this.fail(line, error);
    }
  }

  /** A text that is the same for equal keys. Where keys aren't known, all items count as having the same one. */
  private keyOf(item: Item): string {
    let key = '';
    for (const name of this.keyNames ?? []) {
      const value = item.get(name);
      const text = value !== undefined && isScalar(value) ? scalarText(value) : '';
      key += `${text.length}:${text}`;
    }
    return key;
  }

  private fail(line: Line, error: unknown): void {
    const { logger, requestId } = this.target;
    if (!this.goesOn) this.isStopped = true;
    const { status, type, message } = faultOf(error, requestId);
    if (status >= 500 && !this.hasLoggedFailure) {
      // Once a load: the same trouble may meet every line.
      this.hasLoggedFailure = true;
      const level = error instanceof ServiceError ? 'warn' : 'error';
      logger[level]('bulk load line failed', { error, request_id: requestId });
    }
    this.report.fail(line, `${type}(${message})`);
  }

  /** Waits until at most `most` puts are under way. */
  private async waitUntil(most: number): Promise<void> {
    while (this.underWay > most) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.wake = undefined;
  }
}

const NOTHING_EXPECTED = new Map();

function request(item: Item): PutItemRequest {
  return { item, expected: NOTHING_EXPECTED, returnValues: 'NONE' };
}
