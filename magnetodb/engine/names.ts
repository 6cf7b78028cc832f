import { ValidationError } from './errors.js';
import type { ProjectId, TableName } from './requests.js';

const PROJECT_ID = /^[A-Za-z0-9_-]{1,64}$/;
const NAME = /^[A-Za-z0-9_.-]+$/;

/**
 * The only maker of a ProjectId. Dashes are dropped where 32 hexadecimal digits remain without them, as Keystone
 * shows an id in both spellings; else they count.
 * @returns undefined for what can't be a project's id.
 */
export function parseProjectId(raw: string): ProjectId | undefined {
  if (!PROJECT_ID.test(raw)) return undefined;
  if (!raw.includes('-')) return raw as ProjectId;
  const bare = raw.replaceAll('-', '');
  return (/^[0-9a-fA-F]{32}$/.test(bare) ? bare : raw) as ProjectId;
}

/** Whether `raw` can be a table's or an index's name: 3 to 255 of `A-Z a-z 0-9 _ . -`. */
function isName(raw: string, shortest: number): boolean {
  return raw.length >= shortest && raw.length <= 255 && NAME.test(raw);
}

/** Whether `raw` can be a table's name. */
export function isTableName(raw: string): raw is TableName {
  return isName(raw, 3);
}

/** Makes a TableName of a text. @throws {ValidationError} with the data API's message (section 4). */
export function parseTableName(raw: string): TableName {
  if (!isTableName(raw)) throw new ValidationError(`Wrong table name '${quoted(raw)}' found`);
  return raw;
}

/** @throws {ValidationError} unless `raw` is 3 to 255 of `A-Z a-z 0-9 _ . -`. */
export function checkIndexName(raw: string): void {
  if (!isName(raw, 3)) throw new ValidationError(`Wrong index name '${quoted(raw)}' found`);
}

/** @throws {ValidationError} unless `raw` is 1 to 255 of `A-Z a-z 0-9 _ . -`. */
export function checkAttributeName(raw: string): void {
  if (!isName(raw, 1)) throw new ValidationError(`Wrong attribute name '${quoted(raw)}' found`);
}

/** The longest piece of a caller's input that a message quotes, in characters. */
export const MAX_QUOTED_LENGTH = 256;

/** A text from the request, cut for use in a message. */
export function quoted(raw: string): string {
  return raw.length <= MAX_QUOTED_LENGTH ? raw : `${raw.slice(0, MAX_QUOTED_LENGTH)}…`;
}
