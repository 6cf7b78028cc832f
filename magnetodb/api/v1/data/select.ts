/** `select` and `attributes_to_get` of query and scan (data API 10.3). */
import { ValidationError } from '../../../engine/errors.js';
import { quoted } from '../../../engine/names.js';
import type { Select } from '../../../engine/requests.js';
import { attributeNamesField, stringField, type Field } from './fields.js';

/** What to answer of the items, as the engine takes it. */
export interface Selection {
  readonly select?: Select;
  readonly attributesToGet?: readonly string[];
}

/**
 * `attributes_to_get` of query and scan: other than for get_item, names may repeat, and an empty list counts as one.
 * @throws {ValidationError}
 */
export function selectedNamesField(value: Field): readonly string[] | undefined {
  return value === undefined || value === null
    ? undefined
    : attributeNamesField(value, 'attributes_to_get', false);
}

/**
 * Brings both fields together.
 * @throws {ValidationError} for an unknown `select`, and for a list of names, or an empty one, that it doesn't take.
 */
export function parseSelect(value: Field, names: readonly string[] | undefined): Selection {
  const select = value === undefined || value === null ? undefined : selectField(value);
  if (names === undefined) {
    // Without names, SPECIFIC_ATTRIBUTES means whole items, which is what the absence of both means too.
    return select === undefined || select === 'SPECIFIC_ATTRIBUTES' ? {} : { select };
  }
  if (names.length === 0 || (select !== undefined && select !== 'SPECIFIC_ATTRIBUTES')) {
    throw new ValidationError("Attribute list is only expected with select_type 'SPECIFIC_ATTRIBUTES'");
  }
  return { select: 'SPECIFIC_ATTRIBUTES', attributesToGet: names };
}

function selectField(value: Field): Select {
  const select = stringField(value, 'select');
  switch (select) {
    case 'ALL_ATTRIBUTES':
    case 'ALL_PROJECTED_ATTRIBUTES':
    case 'SPECIFIC_ATTRIBUTES':
    case 'COUNT':
      return select;
    default:
      throw new ValidationError(`Select type '${quoted(select)}' isn't allowed`);
  }
}
