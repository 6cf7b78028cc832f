/**
 * An item's size as DynamoDB counts it (Developer Guide, "DynamoDB item sizes and formats"), in bytes:
 *
 * - an attribute: its name's UTF-8 and its value;
 * - S: its UTF-8; B: its raw bytes; BOOL, NULL: 1;
 * - N: one byte for each two significant digits, rounded up, and one more; a minus sign is another one; 0 is 1 in all;
 * - a set: its members; L and M: 3, and for each element 1 and its content, with M's names as UTF-8;
 * - a map of the v1 data API, which DynamoDB doesn't have: its keys and values, each counted as its type.
 */
import { mapTypeParts, type AttributeValue, type Item, type ScalarType } from './values.js';

const DOCUMENT_BYTES = 3;
const ELEMENT_BYTES = 1;

/** The largest item that any configuration allows, in bytes, as DynamoDB's. */
export const MAX_ITEM_SIZE_BYTES = 400 * 1024;

/** The size that is held against the limit on items (400 KiB by default). */
export function itemSizeBytes(item: Item): number {
  let size = 0;
  for (const [name, value] of item) size += textBytes(name) + valueSizeBytes(value);
  return size;
}

function valueSizeBytes(value: AttributeValue): number {
  switch (value.type) {
    case 'S':
      return textBytes(value.value);
    case 'N':
      return numberSizeBytes(value.value);
    case 'B':
      return value.value.byteLength;
    case 'SS':
      return sum(value.value, textBytes);
    case 'NS':
      return sum(value.value, numberSizeBytes);
    case 'BS':
      return sum(value.value, (bytes) => bytes.byteLength);
    case 'BOOL':
    case 'NULL':
      return 1;
    case 'L':
      return DOCUMENT_BYTES + sum(value.value, (element) => ELEMENT_BYTES + valueSizeBytes(element));
    case 'M':
      return DOCUMENT_BYTES + value.value.size * ELEMENT_BYTES + itemSizeBytes(value.value);
    default: {
      const types = mapTypeParts(value.type);
      let size = 0;
      for (const [key, text] of value.value) {
        size += textSizeBytes(types.key, key) + textSizeBytes(types.value, text);
      }
      return size;
    }
  }
}

function textBytes(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

function sum<T>(members: readonly T[], size: (member: T) => number): number {
  let total = 0;
  for (const member of members) total += size(member);
  return total;
}

/** The size of a scalar that a map holds as text. */
function textSizeBytes(type: ScalarType, text: string): number {
  switch (type) {
    case 'S':
      return textBytes(text);
    case 'N':
      return numberSizeBytes(text);
    case 'B':
      return Buffer.byteLength(text, 'base64');
  }
}

function numberSizeBytes(text: string): number {
  if (text === '0') return 1;
  const isNegative = text.startsWith('-');
  // What counts is the digits between the first and the last that aren't zero.
  let digits = 0;
  let zeros = 0;
  for (let i = isNegative ? 1 : 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (character === '.') continue;
    if (character === '0') {
      zeros++;
    } else {
      digits += digits === 0 ? 1 : zeros + 1;
      zeros = 0;
    }
  }
  return Math.ceil(digits / 2) + 1 + (isNegative ? 1 : 0);
}
