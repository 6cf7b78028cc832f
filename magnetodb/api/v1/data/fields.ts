/**
 * The checks that all operations share, with their messages word for word (data API, section 4). Each takes a member's
 * value and the name by which a message calls it, and gives back the value with its type.
 *
 * A field that is absent differs from one that is null only where an operation's table says so: there the operation
 * itself looks for `undefined` before it calls.
 */
import { ValidationError } from '../../../engine/errors.js';
import { checkAttributeName, parseTableName, quoted } from '../../../engine/names.js';
import type { TableName } from '../../../engine/requests.js';
import { isJsonList, isJsonObject, JsonNumber, quoteJson, type Json, type JsonObject } from '../../json.js';

/** A member's value, where there may be none. */
export type Field = Json | undefined;

/** What messages call the type that was wanted. */
type Kind =
  'String' | 'Boolean' | 'Integer' | 'Object' | 'List' | 'List of Objects' | 'List of unique values';

export function required(field: string): ValidationError {
  return new ValidationError(`Required property '${field}' wasn't found or it's value is null`);
}

function wrongType(field: string, kind: Kind, found: Json): ValidationError {
  return new ValidationError(`Wrong '${field}' type. ${kind} is expected, but ${quoteJson(found)} found`);
}

/** @throws {ValidationError} where the value is missing, null, or no string. */
export function stringField(value: Field, field: string): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) throw required(field);
  throw wrongType(field, 'String', value);
}

/** @throws {ValidationError} where the value is missing, null, or no object. */
export function objectField(value: Field, field: string): JsonObject {
  if (isJsonObject(value)) return value;
  if (value === undefined || value === null) throw required(field);
  throw wrongType(field, 'Object', value);
}

/** @throws {ValidationError} for anything but true and false, null included. */
export function booleanField(value: Field, field: string): boolean {
  if (typeof value === 'boolean') return value;
  if (value === undefined || value === null) throw required(field);
  throw wrongType(field, 'Boolean', value);
}

/**
 * An integer, or a string that is one. What is too long to be exact is answered as the nearest safe integer.
 * @throws {ValidationError} where it is missing, null, no integer, or outside of `min` to `max`.
 */
export function integerField(value: Field, field: string, min: number, max = Infinity): number {
  if (value === undefined || value === null) throw required(field);
  const integer = integerOf(value);
  if (integer === undefined) throw wrongType(field, 'Integer', value);
  const shown = typeof value === 'string' ? quoted(value.trim()) : quoteJson(value);
  if (integer < min) {
    throw new ValidationError(`'${field}' property value[${shown}] is less then min_value[${min}].`);
  }
  if (integer > max) {
    throw new ValidationError(`'${field}' property value[${shown}] is more then max_value[${max}].`);
  }
  return Math.min(integer, Number.MAX_SAFE_INTEGER);
}

function integerOf(value: Json): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') {
    return /^[\t-\r ]*[+-]?[0-9]+[\t-\r ]*$/.test(value) ? Number(value) : undefined;
  }
  return value instanceof JsonNumber && value.isInteger ? Number(value.text) : undefined;
}

/** @throws {ValidationError} where the value is missing, null, or no list. */
export function listField(value: Field, field: string, kind: Kind = 'List'): readonly Json[] {
  if (isJsonList(value)) return value;
  if (value === undefined || value === null) throw required(field);
  throw wrongType(field, kind, value);
}

/** @throws {ValidationError} where the value is missing, null, or no list of objects. */
export function objectListField(value: Field, field: string): readonly JsonObject[] {
  return listField(value, field, 'List of Objects').map((member) => {
    if (isJsonObject(member)) return member;
    throw wrongType(field, 'List of Objects', value ?? null);
  });
}

/** @throws {ValidationError} unless the value is a table's name. */
export function tableNameField(value: Field): TableName {
  return parseTableName(stringField(value, 'table name'));
}

/** @throws {ValidationError} unless the value is an attribute's name. */
export function attributeNameField(value: Field): string {
  const name = stringField(value, 'attribute name');
  checkAttributeName(name);
  return name;
}

/**
 * Names of attributes, distinct and in the order given. A repeated one is passed over, or refused where `unique`.
 * @throws {ValidationError} for anything but a list of names.
 */
export function attributeNamesField(value: Field, field: string, unique: boolean): readonly string[] {
  const kind = unique ? 'List of unique values' : 'List';
  const names = new Set<string>();
  for (const member of listField(value, field, kind)) {
    const name = attributeNameField(member);
    if (unique && names.has(name)) throw wrongType(field, kind, value ?? null);
    names.add(name);
  }
  return [...names];
}

/** `attributes_to_get` of get_item and batch_get_item (9.3): absent, null and the empty list mean all attributes. */
export function attributesToGetField(value: Field): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const names = attributeNamesField(value, 'attributes_to_get', true);
  return names.length === 0 ? undefined : names;
}

/** A field that defaults to false where it is absent; null is refused. */
export function optionalBooleanField(value: Field, field: string): boolean {
  return value === undefined ? false : booleanField(value, field);
}

/** A field for which absence, null and 0 mean "no limit". */
export function limitField(value: Field): number | undefined {
  if (value === undefined || value === null) return undefined;
  const limit = integerField(value, 'limit', 0);
  return limit === 0 ? undefined : limit;
}

/** `return_values`: NONE where absent. @throws {ValidationError} for anything that isn't `allowed`. */
export function returnValuesField<T extends string>(value: Field, allowed: readonly T[]): T | 'NONE' {
  if (value === undefined) return 'NONE';
  const wanted = stringField(value, 'return_values');
  const found = allowed.find((choice) => choice === wanted);
  if (found === undefined) throw new ValidationError(`Return values type '${quoted(wanted)}' isn't allowed`);
  return found;
}

/**
 * Refuses members that nothing asked for: the last check of every object.
 * @param known the names of all members that the object may have.
 * @param where what messages call the object: `body`, an attribute's name.
 * @throws {ValidationError}
 */
export function rejectLeftover(object: JsonObject, known: ReadonlySet<string>, where: string): void {
  for (const name in object) {
    if (!known.has(name)) throw leftover(object, known, where);
  }
}

function leftover(object: JsonObject, known: ReadonlySet<string>, where: string): ValidationError {
  // Without a prototype, so that a member named `__proto__` is a member.
  const rest = Object.create(null) as Record<string, Json>;
  for (const [name, value] of Object.entries(object)) {
    if (!known.has(name)) rest[name] = value;
  }
  return new ValidationError(`Unexpected properties were found for '${where}': ${quoteJson(rest)}`);
}
