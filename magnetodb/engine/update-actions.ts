/**
 * What update_item's actions do to an item (data API 9.4).
 *
 * Decided here, where that leaves room: a set or map that a DELETE empties is removed with its last member (a map that
 * is empty already, as put_item may store it, stays); DELETE with a value treats BOOL and NULL as the scalars that they
 * are, and L and M as collections that nothing can be taken out of; refusals don't depend on whether the item exists.
 */
import { base64, sortedSet } from './compare.js';
import { InvalidQueryParameterError, ValidationError } from './errors.js';
import { quoted } from './names.js';
import { addDecimals } from './numbers.js';
import type { AttributeUpdate } from './requests.js';
import {
  isMap,
  isSet,
  mapTypeParts,
  type AttributeValue,
  type Item,
  type MapValue,
  type SetValue,
} from './values.js';

/**
 * Applies updates to an item, all or, where one is refused, none.
 * @param old the stored item; undefined: there is none.
 * @param key the item's key attributes.
 * @returns the new item: the old one's attributes in their order, new ones behind them. Where there is no item, one
 * made of the key and all PUT and ADD values, or undefined when there are no such: then nothing is created.
 * @throws {ValidationError} a key attribute is among the updates, ADD has no value, or a sum doesn't fit a number.
 * @throws {InvalidQueryParameterError} ADD or DELETE doesn't fit the stored attribute's type or its own value's.
 */
export function applyUpdates(
  old: Item | undefined,
  key: Item,
  updates: ReadonlyMap<string, AttributeUpdate>,
): Item | undefined {
  const result = new Map(old ?? key);
  let isCreated = false;
  for (const [name, update] of updates) {
    if (key.has(name)) {
      throw new ValidationError(`Key attribute '${quoted(name)}' can't be updated`);
    }
    const value = updated(name, old?.get(name), update);
    if (value === undefined) {
      result.delete(name);
    } else {
      result.set(name, value);
      isCreated = true;
    }
  }
  return old !== undefined || isCreated ? result : undefined;
}

/** One attribute after its update; undefined: it isn't there. */
function updated(
  name: string,
  old: AttributeValue | undefined,
  update: AttributeUpdate,
): AttributeValue | undefined {
  switch (update.action) {
    case 'PUT':
      return update.value;
    case 'ADD':
      if (update.value === undefined) {
        throw new ValidationError("Required property 'value' wasn't found or it's value is null");
      }
      return added(name, old, update.value);
    case 'DELETE':
      return update.value === undefined || old === undefined ? undefined : reduced(name, old, update.value);
  }
}

function added(name: string, old: AttributeValue | undefined, value: AttributeValue): AttributeValue {
  if (value.type === 'N') {
    if (old === undefined) return value;
    if (old.type !== 'N') throw wrongType(name);
    const sum = addDecimals(old.value, value.value);
    if (sum === undefined) {
      throw new ValidationError(
        `Attribute '${quoted(name)}' can't hold the sum: a number has at most 38 digits and is 0 or of a magnitude ` +
          'from 1E-130 to 9.99E+125',
      );
    }
    return { type: 'N', value: sum };
  }
  if (isSet(value)) {
    if (old === undefined) return value;
    const all = isSet(old) ? union(old, value) : undefined;
    if (all === undefined) throw wrongType(name);
    return all;
  }
  if (isMap(value)) {
    if (old === undefined) return value;
    if (!isMap(old) || old.type !== value.type) throw wrongType(name);
    return { type: old.type, value: new Map([...old.value, ...value.value]) };
  }
  throw new InvalidQueryParameterError('ADD allows collections or numbers only');
}

function reduced(name: string, old: AttributeValue, value: AttributeValue): AttributeValue | undefined {
  if (isSet(old)) {
    const rest = isSet(value) ? difference(old, value) : undefined;
    if (rest === undefined) throw wrongType(name);
    return rest.value.length === 0 ? undefined : rest;
  }
  if (isMap(old)) {
    if (!isSet(value) || value.type !== `${mapTypeParts(old.type).key}S`) throw wrongType(name);
    return withoutKeys(old, value);
  }
  if (old.type === 'L' || old.type === 'M') throw wrongType(name);
  return undefined;
}

/** @returns undefined where the sets are of different types. */
function union(a: SetValue, b: SetValue): SetValue | undefined {
  if (a.type === 'SS' && b.type === 'SS') return sortedSet('SS', [...a.value, ...b.value]);
  if (a.type === 'NS' && b.type === 'NS') return sortedSet('NS', [...a.value, ...b.value]);
  if (a.type === 'BS' && b.type === 'BS') return sortedSet('BS', [...a.value, ...b.value]);
  return undefined;
}

/** @returns undefined where the sets are of different types. */
function difference(a: SetValue, b: SetValue): SetValue | undefined {
  if (a.type !== b.type) return undefined;
  const dropped = new Set(memberTexts(b));
  switch (a.type) {
    case 'SS':
      return { type: 'SS', value: a.value.filter((member) => !dropped.has(member)) };
    case 'NS':
      return { type: 'NS', value: a.value.filter((member) => !dropped.has(member)) };
    case 'BS':
      return { type: 'BS', value: a.value.filter((member) => !dropped.has(base64(member))) };
  }
}

function withoutKeys(map: MapValue, keys: SetValue): MapValue | undefined {
  const rest = new Map(map.value);
  for (const key of memberTexts(keys)) rest.delete(key);
  if (rest.size === map.value.size) return map;
  return rest.size === 0 ? undefined : { type: map.type, value: rest };
}

/** A set's members as texts: equal members are equal texts, and are what a map holds as keys. */
function memberTexts(set: SetValue): readonly string[] {
  return set.type === 'BS' ? set.value.map(base64) : set.value;
}

function wrongType(name: string): InvalidQueryParameterError {
  return new InvalidQueryParameterError(`Wrong type for ${quoted(name)}`);
}
