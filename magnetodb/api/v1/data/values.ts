/**
 * Values as the wire has them, turned into the engine's (data API, section 5). The other way needs no code here: an
 * item is stored as the JSON that answers show (engine/item-codec.ts).
 *
 *   {"N": 21.50}? no: {"N": "21.50"} or {"N": 21}  →  { type: 'N', value: '21.5' }
 *   {"SS": ["b", "a", "b"]}                         →  { type: 'SS', value: ['a', 'b'] }
 */
import { base64, sortedSet } from '../../../engine/compare.js';
import { ValidationError } from '../../../engine/errors.js';
import { MAX_ITEM_SIZE_BYTES } from '../../../engine/item-size.js';
import { checkAttributeName, quoted } from '../../../engine/names.js';
import { parseDecimal, type DecimalText } from '../../../engine/numbers.js';
import {
  isV1Type,
  mapTypeParts,
  type AttributeValue,
  type Item,
  type MapType,
  type ScalarType,
  type V1Type,
} from '../../../engine/values.js';
import { isJsonList, isJsonObject, JsonNumber, quoteJson, type Json, type JsonObject } from '../../json.js';
import { objectField, type Field } from './fields.js';

/**
 * An item or a key: attributes by name (5.6). What can't fit an item is refused before any of it is decoded.
 * @throws {ValidationError} for the first attribute that is wrong.
 */
export function parseItem(object: JsonObject): Item {
  const budget = new SizeBudget();
  for (const name in object) budget.takeAttribute(object[name]);
  const item = new Map<string, AttributeValue>();
  for (const name in object) {
    checkAttributeName(name);
    item.set(name, decode(object[name], name));
  }
  return item;
}

/**
 * What may still come of attributes, members of sets and entries of maps, until they can't fit one item: each takes a
 * byte at least. It is spent before they are decoded and sorted, since half a million would keep all other requests
 * waiting; so repeated members count, too.
 */
export class SizeBudget {
  private left = MAX_ITEM_SIZE_BYTES;

  /** Spends what an attribute with this typed value takes. @throws {ValidationError} */
  takeAttribute(value: Field): void {
    this.take(1);
    this.takeMembers(value);
  }

  /** Spends what a typed value's members or entries take; a scalar has none. @throws {ValidationError} */
  takeMembers(value: Field): void {
    if (!isJsonObject(value)) return;
    for (const tag in value) {
      const content = value[tag];
      if (isJsonList(content)) this.take(content.length);
      else if (isJsonObject(content)) this.take(Object.keys(content).length);
    }
  }

  private take(count: number): void {
    this.left -= count;
    if (this.left < 0) {
      throw new ValidationError(
        `There are more attributes and members than fit an item of at most ${MAX_ITEM_SIZE_BYTES} bytes`,
      );
    }
  }
}

/**
 * A typed value: an object with one member, tag to content.
 * @param field what messages call it: an attribute's name, or the member that holds it.
 * @param budget shared by the values that a request gives one after the other.
 * @throws {ValidationError}
 */
export function parseTypedValue(value: Field, field: string, budget = new SizeBudget()): AttributeValue {
  budget.takeMembers(value);
  return decode(value, field);
}

function decode(value: Field, field: string): AttributeValue {
  const object = objectField(value, field);
  let tag: string | undefined;
  for (const member in object) {
    if (tag !== undefined) throw notTyped(object);
    tag = member;
  }
  if (tag === undefined) throw notTyped(object);
  if (!isV1Type(tag)) throw new ValidationError(`Attribute type '${quoted(tag)}' is not recognized`);
  return parseContent(tag, object[tag] ?? null);
}

function notTyped(object: JsonObject): ValidationError {
  return new ValidationError(`Can't recognize attribute typed value format: '${quoteJson(object)}'`);
}

/** There is no blank before `of`: clients know the message like this. */
function wrongContent(type: V1Type, content: Json): ValidationError {
  return new ValidationError(
    `Can't recognize attribute value '${quoteJson(content)}'of type {"type": "${type}"}`,
  );
}

function parseContent(type: V1Type, content: Json): AttributeValue {
  switch (type) {
    case 'S':
      if (typeof content !== 'string') throw wrongContent(type, content);
      return { type, value: content };
    case 'N':
      return { type, value: numberOf(content) ?? refuse(type, content) };
    case 'B':
      return { type, value: binaryOf(content) ?? refuse(type, content) };
    case 'SS':
      return sortedSet(type, members(type, content, stringOf));
    case 'NS':
      return sortedSet(type, members(type, content, numberOf));
    case 'BS':
      return sortedSet(type, members(type, content, binaryOf));
    default:
      return { type, value: entries(type, content) };
  }
}

function refuse(type: V1Type, content: Json): never {
  throw wrongContent(type, content);
}

function stringOf(content: Json): string | undefined {
  return typeof content === 'string' ? content : undefined;
}

/** A number is a text, or a JSON integer: `5.0` and `1e2` without quotes are refused. */
function numberOf(content: Json): DecimalText | undefined {
  if (typeof content === 'string') return parseDecimal(content);
  if (typeof content === 'number') return parseDecimal(String(content));
  return content instanceof JsonNumber && content.isInteger ? parseDecimal(content.text) : undefined;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Base64 in the standard alphabet, padded; ASCII white space is dropped. Node's decoder skips what it doesn't know, so
 * the text is checked first.
 */
function binaryOf(content: Json): Buffer | undefined {
  if (typeof content !== 'string') return undefined;
  const text = /[\t-\r ]/.test(content) ? content.replace(/[\t-\r ]+/g, '') : content;
  return text.length % 4 === 0 && BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/** A set's members. The empty set is refused: an attribute without members is no attribute. */
function members<T>(type: V1Type, content: Json, parse: (member: Json) => T | undefined): T[] {
  if (!isJsonList(content) || content.length === 0) throw wrongContent(type, content);
  return content.map((member) => parse(member) ?? refuse(type, content));
}

/** A map's entries. Keys that are equal once decoded, such as `1` and `01`, are one key, and its last value counts. */
function entries(type: MapType, content: Json): Map<string, string> {
  if (!isJsonObject(content)) throw wrongContent(type, content);
  const parts = mapTypeParts(type);
  const map = new Map<string, string>();
  for (const key in content) {
    map.set(
      scalarTextOf(parts.key, key) ?? refuse(type, content),
      scalarTextOf(parts.value, content[key] ?? null) ?? refuse(type, content),
    );
  }
  return map;
}

function scalarTextOf(type: ScalarType, content: Json): string | undefined {
  switch (type) {
    case 'S':
      return stringOf(content);
    case 'N':
      return numberOf(content);
    case 'B': {
      const bytes = binaryOf(content);
      return bytes === undefined ? undefined : base64(bytes);
    }
  }
}

/** `exclusive_start_key` of query and scan has an item's form; null means none. @throws {ValidationError} */
export function parseStartKey(value: Field): Item | undefined {
  return value === undefined || value === null
    ? undefined
    : parseItem(objectField(value, 'exclusive_start_key'));
}
