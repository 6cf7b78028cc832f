/** Tables as the wire has them: create_table's body (data API 7.1), and descriptions (6.3). */
import { ValidationError } from '../../../engine/errors.js';
import { checkAttributeName, checkIndexName, quoted } from '../../../engine/names.js';
import type {
  IndexDefinition,
  Projection,
  TableDefinition,
  TableDescription,
} from '../../../engine/requests.js';
import { checkIndexes } from '../../../engine/table-schema.js';
import { isV1Type, type V1Type } from '../../../engine/values.js';
import { quoteJson, type JsonObject } from '../../json.js';
import {
  attributeNameField,
  listField,
  objectField,
  objectListField,
  rejectLeftover,
  stringField,
  tableNameField,
  type Field,
} from './fields.js';

const BODY = new Set(['table_name', 'attribute_definitions', 'key_schema', 'local_secondary_indexes']);
const ATTRIBUTE_DEFINITION = new Set(['attribute_name', 'attribute_type']);
const KEY_DEFINITION = new Set(['attribute_name', 'key_type']);
const INDEX = new Set(['index_name', 'key_schema', 'projection']);
const PROJECTION = new Set(['projection_type']);
const INCLUDE_PROJECTION = new Set(['projection_type', 'non_key_attributes']);

/**
 * Checks 1 to 7 of create_table, in this order; the engine does the others.
 * @throws {ValidationError}
 */
export function parseTableDefinition(body: JsonObject): TableDefinition {
  const name = tableNameField(body.table_name);
  const attributes = parseAttributeDefinitions(body.attribute_definitions);
  const { hashKey, rangeKey } = parseKeySchema(body.key_schema);
  const definition: TableDefinition = {
    name,
    attributes,
    hashKey,
    ...(rangeKey === undefined ? {} : { rangeKey }),
    indexes: parseIndexes(body.local_secondary_indexes),
  };
  checkIndexes(definition);
  rejectLeftover(body, BODY, 'body');
  return definition;
}

/** Of a name that is repeated, the last definition counts. */
function parseAttributeDefinitions(value: Field): ReadonlyMap<string, V1Type> {
  const attributes = new Map<string, V1Type>();
  for (const element of objectListField(value, 'attribute_definitions')) {
    const name = attributeNameField(element.attribute_name);
    const type = parseAttributeType(element.attribute_type);
    rejectLeftover(element, ATTRIBUTE_DEFINITION, 'attribute_definition');
    attributes.set(name, type);
  }
  return attributes;
}

function parseAttributeType(value: Field): V1Type {
  if (typeof value === 'string' && isV1Type(value)) return value;
  throw new ValidationError(`Attribute type '${choiceText(value)}' is not recognized`);
}

/** A choice as messages show it; a missing one is `None`. */
function choiceText(value: Field): string {
  if (value === undefined || value === null) return 'None';
  return typeof value === 'string' ? quoted(value) : quoteJson(value);
}

function parseKeySchema(value: Field): { readonly hashKey: string; readonly rangeKey: string | undefined } {
  let hashKey: string | undefined;
  let rangeKey: string | undefined;
  for (const element of objectListField(value, 'key_schema')) {
    const name = attributeNameField(element.attribute_name);
    const type = element.key_type;
    if (type !== 'HASH' && type !== 'RANGE') {
      throw new ValidationError(
        `Only 'RANGE' or 'HASH' key types are allowed, but '${choiceText(type)}' is found`,
      );
    }
    rejectLeftover(element, KEY_DEFINITION, 'key_definition');
    if ((type === 'HASH' ? hashKey : rangeKey) !== undefined) {
      throw new ValidationError(`Only one '${type}' key is allowed`);
    }
    if (type === 'HASH') hashKey = name;
    else rangeKey = name;
  }
  if (hashKey === undefined) throw new ValidationError('HASH key is missing');
  return { hashKey, rangeKey };
}

function parseIndexes(value: Field): readonly IndexDefinition[] {
  if (value === undefined || value === null) return [];
  const names = new Set<string>();
  return objectListField(value, 'local_secondary_indexes').map((element) => {
    const index = parseIndex(element);
    if (names.has(index.name)) throw new ValidationError('Two or more indexes with the same name');
    names.add(index.name);
    return index;
  });
}

function parseIndex(element: JsonObject): IndexDefinition {
  const { hashKey, rangeKey } = parseKeySchema(element.key_schema);
  if (rangeKey === undefined) throw new ValidationError("Range key in index wasn't specified");
  const name = stringField(element.index_name, 'index name');
  checkIndexName(name);
  const projection = objectField(element.projection, 'projection');
  rejectLeftover(element, INDEX, 'local_secondary_index');
  return { name, hashKey, rangeKey, projection: parseProjection(projection) };
}

/** The type defaults to INCLUDE; INCLUDE without a list means ALL, with an empty one KEYS_ONLY (6.4). */
function parseProjection(projection: JsonObject): Projection {
  const { projection_type: type = 'INCLUDE', non_key_attributes: list } = projection;
  if (type === 'ALL' || type === 'KEYS_ONLY') {
    rejectLeftover(projection, PROJECTION, 'projection');
    return { type };
  }
  if (type !== 'INCLUDE') {
    throw new ValidationError(
      `Only 'ALL', 'KEYS_ONLY' or 'INCLUDE' projection types are allowed, but '${choiceText(type)}' is found`,
    );
  }
  rejectLeftover(projection, INCLUDE_PROJECTION, 'projection');
  if (list === undefined || list === null) return { type: 'ALL' };
  const attributes = new Set<string>();
  for (const member of listField(list, 'non_key_attributes')) {
    const name = stringField(member, 'attribute name');
    checkAttributeName(name);
    attributes.add(name);
  }
  return attributes.size === 0 ? { type: 'KEYS_ONLY' } : { type, attributes: [...attributes] };
}

/**
 * A table's description as JSON (6.3).
 * @param href the table's own link.
 * @param alwaysListIndexes whether `local_secondary_indexes` is there even when there are none, as delete_table shows it.
 */
export function descriptionToJson(table: TableDescription, href: string, alwaysListIndexes = false): string {
  return JSON.stringify({
    table_name: table.name,
    table_id: table.id,
    table_status: table.status,
    creation_date_time: dateTimeText(table.createdAtMs),
    item_count: 0,
    table_size_bytes: 0,
    attribute_definitions: Array.from(table.attributes, ([name, type]) => ({
      attribute_name: name,
      attribute_type: type,
    })),
    key_schema: keySchema(table),
    ...(table.indexes.length > 0 || alwaysListIndexes
      ? { local_secondary_indexes: table.indexes.map(indexDescription) }
      : {}),
    links: [
      { rel: 'self', href },
      { rel: 'bookmark', href },
    ],
  });
}

function indexDescription(index: IndexDefinition): object {
  const { projection } = index;
  return {
    index_name: index.name,
    item_count: 0,
    index_size_bytes: 0,
    key_schema: keySchema(index),
    projection: {
      projection_type: projection.type,
      ...(projection.type === 'INCLUDE' ? { non_key_attributes: projection.attributes } : {}),
    },
  };
}

/** HASH first, whatever the order of the request was. */
function keySchema(keys: { readonly hashKey: string; readonly rangeKey?: string }): object[] {
  const schema = [{ attribute_name: keys.hashKey, key_type: 'HASH' }];
  if (keys.rangeKey !== undefined) schema.push({ attribute_name: keys.rangeKey, key_type: 'RANGE' });
  return schema;
}

/** `2015-03-22 14:05:09.481000`: UTC, microseconds, which are left out when they are zero. */
function dateTimeText(ms: number): string {
  const iso = new Date(ms).toISOString();
  const seconds = `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
  const fraction = iso.slice(20, 23);
  return fraction === '000' ? seconds : `${seconds}.${fraction}000`;
}
