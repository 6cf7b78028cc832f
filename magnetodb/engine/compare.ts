/**
 * Equality and order of values. Values are equal when tag and content are (data API 8.1); of one scalar type, numbers
 * ascend by value, texts by code point, binary by unsigned bytes (data API 5.2, 5.3).
 */
import { compareDecimals, type DecimalText } from './numbers.js';
import type { AttributeValue, ScalarType, ScalarValue, SetType, SetValue } from './values.js';

/** Below zero when the first comes first, zero when they are equal, else above zero. */
export type Comparator<T> = (a: T, b: T) => number;

/**
 * Orders texts by code point, which is the order of their UTF-8 bytes. JavaScript's own order is by UTF-16 unit and
 * puts U+1F600 (units D83D DE00) before U+FF01.
 */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA !== unitB) {
      // A surrogate stands for a code point above all that one unit can hold. Of two halves of pairs, the first halves
      // order as the code points do, and behind equal first halves so do the second ones.
      const isPairA = isSurrogate(unitA);
      if (isPairA !== isSurrogate(unitB)) return isPairA ? 1 : -1;
      return unitA - unitB;
    }
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** Orders binary by unsigned bytes, a shorter one before a longer one that it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** Orders two values of one scalar type. @throws TypeError where the types differ, which callers rule out. */
export function compareScalars(a: ScalarValue, b: ScalarValue): number {
  if (a.type === 'S' && b.type === 'S') return compareTexts(a.value, b.value);
  if (a.type === 'N' && b.type === 'N') return compareDecimals(a.value, b.value);
  if (a.type === 'B' && b.type === 'B') return compareBytes(a.value, b.value);
  throw new TypeError(`a value of type ${a.type} has no order with one of type ${b.type}`);
}

/** Whether two values have the same type and the same content; sets, maps and lists as wholes. */
export function equalValues(a: AttributeValue, b: AttributeValue): boolean {
  switch (a.type) {
    case 'S':
      return b.type === 'S' && a.value === b.value;
    case 'N':
      return b.type === 'N' && a.value === b.value;
    case 'B':
      return b.type === 'B' && compareBytes(a.value, b.value) === 0;
    // Sets are kept distinct and ascending, so equal ones are equal member by member.
    case 'SS':
      return b.type === 'SS' && equalLists(a.value, b.value, identical);
    case 'NS':
      return b.type === 'NS' && equalLists(a.value, b.value, identical);
    case 'BS':
      return b.type === 'BS' && equalLists(a.value, b.value, equalBytes);
    case 'BOOL':
      return b.type === 'BOOL' && a.value === b.value;
    case 'NULL':
      return b.type === 'NULL';
    case 'L':
      return b.type === 'L' && equalLists(a.value, b.value, equalValues);
    case 'M':
      return b.type === 'M' && equalMaps(a.value, b.value, equalValues);
    default:
      return b.type === a.type && equalMaps(a.value, b.value, identical);
  }
}

function identical(a: string, b: string): boolean {
  return a === b;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b) === 0;
}

function equalLists<T>(a: readonly T[], b: readonly T[], equal: (a: T, b: T) => boolean): boolean {
  return (
    a.length === b.length &&
    a.every((member, i) => {
      const other = b[i];
      return other !== undefined && equal(member, other);
    })
  );
}

function equalMaps<T>(
  a: ReadonlyMap<string, T>,
  b: ReadonlyMap<string, T>,
  equal: (a: T, b: T) => boolean,
): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !equal(value, other)) return false;
  }
  return true;
}

/** The type of a set's members: SS → S. */
export function memberType(type: SetType): ScalarType {
  return type === 'SS' ? 'S' : type === 'NS' ? 'N' : 'B';
}

type SetOf<Type extends SetType> = Extract<SetValue, { type: Type }>;

/** A set as the value model keeps it: equal members once, ascending. Members may come in any order. */
export function sortedSet(type: 'SS', members: readonly string[]): SetOf<'SS'>;
export function sortedSet(type: 'NS', members: readonly DecimalText[]): SetOf<'NS'>;
export function sortedSet(type: 'BS', members: readonly Uint8Array[]): SetOf<'BS'>;
export function sortedSet(
  ...[type, members]:
    ['SS', readonly string[]] | ['NS', readonly DecimalText[]] | ['BS', readonly Uint8Array[]]
): SetValue {
  switch (type) {
    case 'SS':
      return { type, value: distinctAscending(members, compareTexts) };
    case 'NS':
      return { type, value: distinctAscending(members, compareDecimals) };
    case 'BS':
      return { type, value: distinctAscending(members, compareBytes) };
  }
}

function distinctAscending<T>(members: readonly T[], compare: Comparator<T>): T[] {
  const sorted = members.toSorted(compare);
  let kept = 0;
  let previous: T | undefined;
  for (const member of sorted) {
    if (previous === undefined || compare(previous, member) !== 0) {
      sorted[kept++] = member;
      previous = member;
    }
  }
  sorted.length = kept;
  return sorted;
}

/** A scalar's text as maps hold keys and values: a string itself, a number's canonical text, binary's base64. */
export function scalarText(value: ScalarValue): string {
  return value.type === 'B' ? base64(value.value) : value.value;
}

/** Canonical base64: standard alphabet, padded, on one line. */
export function base64(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('base64');
}
