/**
 * What a table's definition must fulfil, and what its keys and schema attributes ask of items and keys
 * (data API, 7.1 and 9.1).
 */
import { MAX_KEY_BYTES, MAX_PARTITION_BYTES } from '../storage/driver.js';
import { ValidationError } from './errors.js';
import { itemToJson } from './item-codec.js';
import { encodeKeyValue } from './key-codec.js';
import { quoted } from './names.js';
import type { IndexDefinition, TableDefinition } from './requests.js';
import { isScalar, isScalarType, type AttributeValue, type Item, type ScalarValue } from './values.js';

/**
 * Checks 5 and 6 of create_table: indexes need a RANGE key, and no two RANGE attributes may be the same.
 * @throws {ValidationError}
 */
export function checkIndexes(definition: TableDefinition): void {
  if (definition.indexes.length === 0) return;
  if (definition.rangeKey === undefined) {
    throw new ValidationError('Table without range key in primary key schema can not have indices');
  }
  const rangeKeys = new Set([definition.rangeKey, ...definition.indexes.map((index) => index.rangeKey)]);
  if (rangeKeys.size !== definition.indexes.length + 1) {
    throw new ValidationError('Table and its indices must have unique key schema');
  }
}

/**
 * Checks 8 and 10 of create_table: every key attribute is declared and scalar, HASH and RANGE differ, and an index
 * has the table's HASH.
 * @throws {ValidationError}
 */
export function checkTableDefinition(definition: TableDefinition): void {
  checkKeyAttribute(definition, definition.hashKey);
  if (definition.rangeKey !== undefined) {
    if (definition.rangeKey === definition.hashKey) {
      throw new ValidationError(`Attribute '${quoted(definition.hashKey)}' can't be both HASH and RANGE key`);
    }
    checkKeyAttribute(definition, definition.rangeKey);
  }
  for (const index of definition.indexes) {
    if (index.hashKey !== definition.hashKey) {
      throw new ValidationError(
        `Hash key of index '${index.name}' must be the same as primary key's hash key.`,
      );
    }
    if (index.rangeKey === index.hashKey) {
      throw new ValidationError(
        `Attribute '${quoted(index.rangeKey)}' can't be both HASH and RANGE key of index '${index.name}'`,
      );
    }
    checkKeyAttribute(definition, index.rangeKey);
  }
}

function checkKeyAttribute(definition: TableDefinition, name: string): void {
  const type = definition.attributes.get(name);
  if (type === undefined) {
    throw new ValidationError(`Definition for attribute['${quoted(name)}'] wasn't found`);
  }
  if (!isScalarType(type)) throw new ValidationError(`Type '${type}' is not a scalar type`);
}

/** The names of a table's key attributes, HASH first; of an index also its RANGE attribute, last. */
export function keyNames(table: TableDefinition, index?: IndexDefinition): readonly string[] {
  const names = [table.hashKey];
  if (table.rangeKey !== undefined) names.push(table.rangeKey);
  if (index !== undefined) names.push(index.rangeKey);
  return names;
}

/**
 * Checks that `key` holds exactly the key attributes, of their types (9.1).
 * @param index names the index whose RANGE attribute belongs to the key too, as in a start key.
 * @throws {ValidationError}
 */
export function checkKey(table: TableDefinition, key: Item, index?: IndexDefinition): void {
  const wanted = 1 + (table.rangeKey === undefined ? 0 : 1) + (index === undefined ? 0 : 1);
  if (key.size !== wanted) {
    throw new ValidationError(
      `Specified key: ${quoted(itemToJson(key))} doesn't match expected key attributes set: ${namesText(table, index)}`,
    );
  }
  checkSchemaTypes(table, key);
  if (
    !key.has(table.hashKey) ||
    (table.rangeKey !== undefined && !key.has(table.rangeKey)) ||
    (index !== undefined && !key.has(index.rangeKey))
  ) {
    throw missingKeys(table, index);
  }
}

/**
 * Checks an item to be written: schema attributes have their type, key attributes are there (9.1), and no key of an
 * index is empty or too long. The table's own keys are checked where they are encoded.
 * @throws {ValidationError}
 */
export function checkItem(table: TableDefinition, item: Item): void {
  checkSchemaTypes(table, item);
  if (!item.has(table.hashKey) || (table.rangeKey !== undefined && !item.has(table.rangeKey))) {
    throw missingKeys(table);
  }
  for (const { rangeKey } of table.indexes) {
    const value = item.get(rangeKey);
    if (value !== undefined) encodeRange(rangeKey, value);
  }
}

/**
 * Checks that the attributes which the table declares have their declared types.
 * @throws {ValidationError}
 */
export function checkSchemaTypes(table: TableDefinition, attributes: Item): void {
  for (const [name, value] of attributes) checkSchemaType(table, name, value);
}

/** @throws {ValidationError} where the table declares `name` with another type. */
export function checkSchemaType(table: TableDefinition, name: string, value: AttributeValue): void {
  const declared = table.attributes.get(name);
  if (declared !== undefined && declared !== value.type) {
    throw new ValidationError(
      `Attribute: '${quoted(name)}' of type: '${value.type}' doesn't match table schema expected attribute type: '${declared}'`,
    );
  }
}

function missingKeys(table: TableDefinition, index?: IndexDefinition): ValidationError {
  return new ValidationError(`Couldn't find expected key attributes: ${namesText(table, index)}`);
}

function namesText(table: TableDefinition, index?: IndexDefinition): string {
  return keyNames(table, index)
    .map((name) => `'${quoted(name)}'`)
    .join(', ');
}

/**
 * A HASH value's bytes, 1 to 2048.
 * @throws {ValidationError} where they are empty or too long (decisions of the service, as DynamoDB's limits).
 */
export function encodeHash(name: string, value: AttributeValue): Buffer {
  return encodeKey(name, value, MAX_PARTITION_BYTES);
}

/** A RANGE value's bytes, of the table or of an index, 1 to 1024. @throws {ValidationError} */
export function encodeRange(name: string, value: AttributeValue): Buffer {
  return encodeKey(name, value, MAX_KEY_BYTES);
}

/** A RANGE value's bytes as a bound of a query: as encodeRange, but may be empty. @throws {ValidationError} */
export function encodeBound(name: string, value: AttributeValue): Buffer {
  const bytes = encodeKeyValue(scalar(name, value));
  if (bytes.length > MAX_KEY_BYTES) throw keyTooLong(name, MAX_KEY_BYTES);
  return bytes;
}

function encodeKey(name: string, value: AttributeValue, longest: number): Buffer {
  const bytes = encodeKeyValue(scalar(name, value));
  if (bytes.length === 0) {
    throw new ValidationError(`Key attribute '${quoted(name)}' can't be empty`);
  }
  if (bytes.length > longest) throw keyTooLong(name, longest);
  return bytes;
}

function keyTooLong(name: string, longest: number): ValidationError {
  return new ValidationError(`Key attribute '${quoted(name)}' is longer than ${longest} bytes`);
}

function scalar(name: string, value: AttributeValue): ScalarValue {
  if (isScalar(value)) return value;
  throw new ValidationError(`Attribute '${quoted(name)}' of type '${value.type}' can't be a key`);
}
