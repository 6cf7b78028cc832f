/**
 * `expected`, `key_conditions` and `scan_filter` as the wire has them (data API, section 8). What a condition means, and
 * whether it fits the table's schema, is the engine's part.
 */
import { ValidationError } from '../../../engine/errors.js';
import { checkAttributeName, quoted } from '../../../engine/names.js';
import type {
  Expected,
  ExpectedCondition,
  KeyCondition,
  KeyOperator,
  ScanCondition,
  ScanOperator,
} from '../../../engine/requests.js';
import { isScalar, type AttributeValue } from '../../../engine/values.js';
import { isJsonList, quoteJson, type JsonObject } from '../../json.js';
import {
  booleanField,
  listField,
  objectField,
  rejectLeftover,
  required,
  stringField,
  type Field,
} from './fields.js';
import { parseTypedValue, SizeBudget } from './values.js';

const NOTHING_EXPECTED: Expected = new Map();

/**
 * `expected`. The three operations differ in what they take for "none" (8.1): put_item only absence, update_item also
 * null, delete_item also every other empty value.
 * @throws {ValidationError}
 */
export function parseExpected(value: Field, operation: 'put_item' | 'update_item' | 'delete_item'): Expected {
  if (value === undefined) return NOTHING_EXPECTED;
  if (value === null) {
    if (operation === 'put_item') throw required('expected');
    return NOTHING_EXPECTED;
  }
  if (operation === 'delete_item' && isEmpty(value)) return NOTHING_EXPECTED;
  const object = objectField(value, 'expected');
  const expected = new Map<string, ExpectedCondition>();
  const budget = new SizeBudget();
  for (const [name, condition] of Object.entries(object)) {
    checkAttributeName(name);
    expected.set(name, parseExpectedCondition(objectField(condition, name), budget));
  }
  return expected;
}

function isEmpty(value: Field): boolean {
  return value === '' || value === 0 || value === false || (isJsonList(value) && value.length === 0);
}

function parseExpectedCondition(condition: JsonObject, budget: SizeBudget): ExpectedCondition {
  const members = Object.entries(condition);
  const [first] = members;
  if (first === undefined || members.length !== 1) {
    throw new ValidationError(
      `Can't recognize attribute expected condition format: '${quoteJson(condition)}'`,
    );
  }
  const [member, content] = first;
  switch (member) {
    case 'value':
      return { kind: 'equals', value: parseTypedValue(content, 'value', budget) };
    case 'exists':
      return { kind: booleanField(content, 'exists') ? 'exists' : 'absent' };
    default:
      throw new ValidationError(`Unsupported condition type found: ${quoted(member)}`);
  }
}

/** What messages call a condition of `key_conditions`, and one of `scan_filter`. */
type ConditionClass = 'IndexedCondition' | 'ScanCondition';

/** @throws {ValidationError} */
export function parseKeyConditions(value: Field): ReadonlyMap<string, KeyCondition> {
  const conditions = new Map<string, KeyCondition>();
  const budget = new SizeBudget();
  for (const [name, condition] of Object.entries(objectField(value, 'key_conditions'))) {
    checkAttributeName(name);
    const { operator, values } = parseCondition(condition, name, budget);
    if (!isKeyOperator(operator)) throw notAllowed('IndexedCondition', operator);
    checkArguments('IndexedCondition', operator, values);
    if (operator === 'EQ') checkPrimitive('IndexedCondition', operator, values);
    conditions.set(name, { operator, values });
  }
  return conditions;
}

const NO_FILTER: ReadonlyMap<string, ScanCondition> = new Map();

/** Absent, null and the empty list mean no filter. @throws {ValidationError} */
export function parseScanFilter(value: Field): ReadonlyMap<string, ScanCondition> {
  if (value === undefined || value === null) return NO_FILTER;
  if (isJsonList(value) && value.length === 0) return NO_FILTER;
  const conditions = new Map<string, ScanCondition>();
  const budget = new SizeBudget();
  for (const [name, condition] of Object.entries(objectField(value, 'scan_filter'))) {
    checkAttributeName(name);
    const { operator, values } = parseCondition(condition, name, budget);
    if (!isScanOperator(operator)) throw notAllowed('ScanCondition', operator);
    checkArguments('ScanCondition', operator, values);
    conditions.set(name, { operator, values });
  }
  return conditions;
}

const CONDITION_MEMBERS = new Set(['comparison_operator', 'attribute_value_list']);

function parseCondition(
  value: Field,
  name: string,
  budget: SizeBudget,
): { operator: string; values: readonly AttributeValue[] } {
  const condition = objectField(value, name);
  const { comparison_operator: rawOperator, attribute_value_list: rawValues } = condition;
  const operator =
    rawOperator === undefined || rawOperator === null
      ? 'None' // what messages show for a missing one
      : stringField(rawOperator, 'comparison_operator');
  const list =
    rawValues === undefined || rawValues === null ? [] : listField(rawValues, 'attribute_value_list');
  rejectLeftover(condition, CONDITION_MEMBERS, name);
  return { operator, values: list.map((member) => parseTypedValue(member, 'attribute_value_list', budget)) };
}

const KEY_OPERATORS: ReadonlySet<string> = new Set<KeyOperator>([
  'EQ',
  'LT',
  'LE',
  'GT',
  'GE',
  'BETWEEN',
  'BEGINS_WITH',
]);
const SCAN_OPERATORS: ReadonlySet<string> = new Set<ScanOperator>([
  'EQ',
  'LT',
  'LE',
  'GT',
  'GE',
  'BETWEEN',
  'BEGINS_WITH',
  'NE',
  'CONTAINS',
  'NOT_CONTAINS',
  'IN',
  'NULL',
  'NOT_NULL',
]);

function isKeyOperator(operator: string): operator is KeyOperator {
  return KEY_OPERATORS.has(operator);
}

function isScanOperator(operator: string): operator is ScanOperator {
  return SCAN_OPERATORS.has(operator);
}

function notAllowed(what: ConditionClass, operator: string): ValidationError {
  return new ValidationError(`${what} of type['${quoted(operator)}'] is not allowed`);
}

/** The number and the types of arguments, in the order in which 8.2 reports them. */
function checkArguments(
  what: ConditionClass,
  operator: ScanOperator,
  values: readonly AttributeValue[],
): void {
  switch (operator) {
    case 'EQ':
    case 'NE':
      checkCount(what, operator, values, 1);
      return;
    case 'LT':
    case 'LE':
    case 'GT':
    case 'GE':
    case 'CONTAINS':
    case 'NOT_CONTAINS':
      checkCount(what, operator, values, 1);
      checkPrimitive(what, operator, values);
      return;
    case 'BETWEEN':
      checkBetween(what, values);
      return;
    case 'BEGINS_WITH':
      // Clients know its messages under the name of GE.
      checkCount(what, 'GE', values, 1);
      checkPrimitive(what, 'GE', values);
      if (values[0]?.type === 'N') {
        throw new ValidationError(`BEGINS_WITH condition type is not allowed forargument of the N type`);
      }
      return;
    case 'IN':
      if (values.length === 0) {
        throw new ValidationError(
          `${what} of type['IN'] requires from 1 to 9223372036854775807 arguments provided, but 0 found`,
        );
      }
      checkPrimitive(what, operator, values);
      return;
    case 'NULL':
    case 'NOT_NULL':
      checkCount(what, operator, values, 0);
  }
}

function checkBetween(what: ConditionClass, values: readonly AttributeValue[]): void {
  const [low, high] = values;
  if (low === undefined || high === undefined || values.length !== 2) {
    throw new ValidationError(
      `BETWEEN condition type requires exactly 2 arguments, but ${values.length} given`,
    );
  }
  if (low.type !== high.type) {
    throw new ValidationError(
      'BETWEEN condition type requires arguments of the same type, but different types given',
    );
  }
  checkPrimitive(what, 'GE', values);
}

function checkCount(
  what: ConditionClass,
  operator: ScanOperator,
  values: readonly AttributeValue[],
  count: number,
): void {
  if (values.length !== count) {
    throw new ValidationError(
      `${what} of type['${operator}'] requires exactly ${count} arguments, but ${values.length} found`,
    );
  }
}

function checkPrimitive(
  what: ConditionClass,
  operator: ScanOperator,
  values: readonly AttributeValue[],
): void {
  if (!values.every(isScalar)) {
    throw new ValidationError(`${what} of type['${operator}'] allows only primitive arguments`);
  }
}
