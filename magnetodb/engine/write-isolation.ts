/**
 * Write isolation: whether a table's writes may depend on what is stored. It is chosen when a table is created, from
 * the configuration, and kept with the table.
 *
 * - `always`: every write is a compare-and-set; all operations work.
 * - `forbid`: every write is plain, which may be much cheaper; what needs the old item is refused, and so are indexes,
 *   whose entries follow from it.
 *
 * The configuration has one for most tables, and exceptions, of which the first that matches counts:
 *
 *   staging/*:forbid, eu/events-*:forbid
 */
import type { ContainerKind } from '../storage/driver.js';
import { ValidationError } from './errors.js';
import { parseProjectId } from './names.js';
import type { Expected, ProjectId, ReturnValues, TableDefinition, TableDescription } from './requests.js';

/** The words of the configuration. */
export const WRITE_ISOLATIONS = ['always', 'forbid'] as const;
export type WriteIsolation = (typeof WRITE_ISOLATIONS)[number];

/** Tables that differ from the others: `*` in a pattern stands for any characters, or none. */
export interface WriteIsolationException {
  readonly project: string;
  readonly table: string;
  readonly kind: WriteIsolation;
}

/** What the configuration says. */
export interface WriteIsolationRules {
  readonly writeIsolation: WriteIsolation;
  readonly writeIsolationExceptions: readonly WriteIsolationException[];
}

const EXCEPTION = /^([A-Za-z0-9_*-]{1,64})\/([A-Za-z0-9_.*-]{1,255}):([a-z]+)$/;

function parseException(text: string): WriteIsolationException | undefined {
  const [, project, table, word] = EXCEPTION.exec(text) ?? [];
  const kind = WRITE_ISOLATIONS.find((known) => known === word);
  if (project === undefined || table === undefined || kind === undefined) return undefined;
  return { project: parseProjectId(project) ?? project, table, kind };
}

function entriesOf(text: string): string[] {
  return text.trim() === '' ? [] : text.split(',').map((entry) => entry.trim());
}

/** The first entry of a text that is no exception; undefined: all are. */
export function malformedException(text: string): string | undefined {
  return entriesOf(text).find((entry) => parseException(entry) === undefined);
}

/** Reads comma-separated `project/table:kind`. @throws TypeError for a text with a malformed entry. */
export function parseWriteIsolationExceptions(text: string): WriteIsolationException[] {
  return entriesOf(text).map((entry) => {
    const exception = parseException(entry);
    if (exception === undefined) throw new TypeError(`no project/table:kind: ${JSON.stringify(entry)}`);
    return exception;
  });
}

/** What a table that is created now gets. */
export function chooseWriteIsolation(
  rules: WriteIsolationRules,
  project: ProjectId,
  table: string,
): WriteIsolation {
  const exception = rules.writeIsolationExceptions.find(
    (candidate) => matches(candidate.project, project) && matches(candidate.table, table),
  );
  return exception?.kind ?? rules.writeIsolation;
}

/** Whether a pattern describes the whole of a text. Each part between stars is taken where it comes first. */
function matches(pattern: string, text: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return text === head;
  if (!text.startsWith(head)) return false;
  let from = head.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return text.length - tail.length >= from && text.endsWith(tail);
}

/** How the container of such a table is written. */
export function containerKind(isolation: WriteIsolation): ContainerKind {
  return isolation === 'always' ? 'guarded' : 'plain';
}

/** @throws {ValidationError} where such a table can't have the indexes that it is defined with. */
export function checkIndexesAllowed(definition: TableDefinition, isolation: WriteIsolation): void {
  if (isolation === 'forbid' && definition.indexes.length > 0) {
    throw new ValidationError(
      `Table '${definition.name}' can't have indexes, since its write_isolation is 'forbid'`,
    );
  }
}

/** @throws {ValidationError} where the table does not take a write that depends on the old item. */
export function checkIndependent(
  table: TableDescription,
  request: { readonly expected: Expected; readonly returnValues: ReturnValues },
): void {
  if (table.writeIsolation === 'always') return;
  if (request.expected.size > 0) throw refusal(table, "'expected'");
  if (request.returnValues !== 'NONE') throw refusal(table, `'return_values' ${request.returnValues}`);
}

/** @throws {ValidationError} where the table takes no updates: each depends on the old item. */
export function checkUpdatesAllowed(table: TableDescription): void {
  if (table.writeIsolation === 'forbid') throw refusal(table, 'update_item');
}

function refusal(table: TableDescription, what: string): ValidationError {
  return new ValidationError(
    `Table '${table.name}' does not take ${what}, since its write_isolation is 'forbid'`,
  );
}
