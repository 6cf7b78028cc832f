/**
 * Whether an item meets conditions: `expected` of the writes (data API 8.1) and `scan_filter` (data API 8.3). The API
 * has checked the conditions' form: their operators, and the number and types of their arguments (data API 8.2).
 */
import { compareScalars, equalValues, memberType, scalarText } from './compare.js';
import type { Expected, ExpectedCondition, ScanCondition, ScanOperator } from './requests.js';
import { includesBytes, includesText } from './substring.js';
import {
  isMap,
  isScalar,
  isSet,
  mapTypeParts,
  type AttributeValue,
  type Item,
  type ScalarValue,
} from './values.js';

/** Whether all of `expected` holds. An item that isn't there has no attributes. */
export function meetsExpected(item: Item | undefined, expected: Expected): boolean {
  for (const [name, condition] of expected) {
    if (!meetsOne(item?.get(name), condition)) return false;
  }
  return true;
}

function meetsOne(stored: AttributeValue | undefined, condition: ExpectedCondition): boolean {
  switch (condition.kind) {
    case 'equals':
      return stored !== undefined && equalValues(stored, condition.value);
    case 'exists':
      return stored !== undefined;
    case 'absent':
      return stored === undefined;
  }
}

/**
 * What tells whether an item passes all conditions of a filter. Made once for many items: what a condition's arguments
 * cost to look at, they cost here.
 */
export function prepareFilter(filter: ReadonlyMap<string, ScanCondition>): (item: Item) => boolean {
  const checks = [...filter].map(([name, condition]) => ({ name, matches: prepareCondition(condition) }));
  return (item) => checks.every(({ name, matches }) => matches(item.get(name)));
}

function prepareCondition(condition: ScanCondition): (stored: AttributeValue | undefined) => boolean {
  const { operator, values } = condition;
  return operator === 'IN' ? isAmong(values) : (stored) => matchesCondition(stored, operator, values);
}

/** IN: a filter may name hundreds of thousands of values, which are scalars. */
function isAmong(values: readonly AttributeValue[]): (stored: AttributeValue | undefined) => boolean {
  const wanted = new Set(values.filter(isScalar).map(typedText));
  return (stored) => stored !== undefined && isScalar(stored) && wanted.has(typedText(stored));
}

/** Equal for equal values, and for these only. */
function typedText(value: ScalarValue): string {
  return value.type + scalarText(value);
}

function matchesCondition(
  stored: AttributeValue | undefined,
  operator: Exclude<ScanOperator, 'IN'>,
  values: readonly AttributeValue[],
): boolean {
  if (operator === 'NULL') return stored === undefined;
  if (stored === undefined) return false;
  if (operator === 'NOT_NULL') return true;
  const [first, second] = values;
  if (first === undefined) return false;
  switch (operator) {
    case 'EQ':
      return equalValues(stored, first);
    case 'NE':
      return !equalValues(stored, first);
    case 'LT':
      return isOrdered(stored, first, (order) => order < 0);
    case 'LE':
      return isOrdered(stored, first, (order) => order <= 0);
    case 'GT':
      return isOrdered(stored, first, (order) => order > 0);
    case 'GE':
      return isOrdered(stored, first, (order) => order >= 0);
    case 'BETWEEN':
      return (
        second !== undefined &&
        isOrdered(stored, first, (order) => order >= 0) &&
        isOrdered(stored, second, (order) => order <= 0)
      );
    case 'BEGINS_WITH':
      return beginsWith(stored, first);
    case 'CONTAINS':
      return contains(stored, first) === true;
    case 'NOT_CONTAINS':
      return contains(stored, first) === false;
  }
}

/** Whether both are scalars of one type, and their order is as wanted. */
function isOrdered(
  stored: AttributeValue,
  argument: AttributeValue,
  isWanted: (order: number) => boolean,
): boolean {
  return (
    isScalar(stored) &&
    isScalar(argument) &&
    stored.type === argument.type &&
    isWanted(compareScalars(stored, argument))
  );
}

function beginsWith(stored: AttributeValue, prefix: AttributeValue): boolean {
  if (stored.type === 'S' && prefix.type === 'S') return stored.value.startsWith(prefix.value);
  if (stored.type === 'B' && prefix.type === 'B') {
    const head = stored.value.subarray(0, prefix.value.length);
    return Buffer.compare(head, prefix.value) === 0;
  }
  return false;
}

/**
 * Whether a text or binary holds the argument as a part, a set or list as a member, a map as a key.
 * @returns undefined where the question makes no sense, so that neither CONTAINS nor NOT_CONTAINS matches: the
 * argument's type isn't that of the text, the members or the keys, or the attribute is a number.
 */
function contains(stored: AttributeValue, argument: AttributeValue): boolean | undefined {
  if (!isScalar(argument)) return undefined;
  if (stored.type === 'S') {
    return argument.type === 'S' ? includesText(stored.value, argument.value) : undefined;
  }
  if (stored.type === 'B') {
    return argument.type === 'B' ? includesBytes(stored.value, argument.value) : undefined;
  }
  if (isSet(stored)) {
    if (memberType(stored.type) !== argument.type) return undefined;
    if (argument.type === 'B') {
      return (
        stored.type === 'BS' && stored.value.some((member) => Buffer.compare(member, argument.value) === 0)
      );
    }
    // Texts and canonical numbers are equal exactly when they are the same text.
    return stored.type !== 'BS' && stored.value.some((member) => member === argument.value);
  }
  if (isMap(stored)) {
    return mapTypeParts(stored.type).key === argument.type
      ? stored.value.has(scalarText(argument))
      : undefined;
  }
  // A list, which v1 can't write but may meet, holds members of any type: as DynamoDB has it.
  if (stored.type === 'L') return stored.value.some((member) => equalValues(member, argument));
  return undefined;
}
