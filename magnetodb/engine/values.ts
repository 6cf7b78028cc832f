/**
 * The value model: what an attribute may hold, in any API. The types of the v1 data API (three scalars, three sets,
 * nine maps with scalar keys and values) and those that only DynamoDB has (BOOL, NULL, L, M).
 *
 * Invariants that the makers of values (codec.ts, the API codecs, update-actions.ts) keep, and all others rely on:
 * - N holds canonical text (numbers.ts), so equal numbers are equal texts;
 * - S holds well-formed Unicode, no unpaired surrogates;
 * - sets are distinct and ascending: numbers by value, texts by code point, binary by unsigned bytes; never empty.
 */
import type { DecimalText } from './numbers.js';

export type ScalarType = 'S' | 'N' | 'B';
export type SetType = 'SS' | 'NS' | 'BS';
/** Key type, value type, M. */
export type MapType = `${ScalarType}${ScalarType}M`;
export type DocumentType = 'BOOL' | 'NULL' | 'L' | 'M';
/** The 15 types that a v1 table may declare. */
export type V1Type = ScalarType | SetType | MapType;
export type AttributeType = V1Type | DocumentType;

export const SCALAR_TYPES: readonly ScalarType[] = ['S', 'N', 'B'];
export const SET_TYPES: readonly SetType[] = ['SS', 'NS', 'BS'];
export const MAP_TYPES: readonly MapType[] = ['SSM', 'SNM', 'SBM', 'NSM', 'NNM', 'NBM', 'BSM', 'BNM', 'BBM'];
export const V1_TYPES: readonly V1Type[] = [...SCALAR_TYPES, ...SET_TYPES, ...MAP_TYPES];

export type ScalarValue =
  | { readonly type: 'S'; readonly value: string }
  | { readonly type: 'N'; readonly value: DecimalText }
  | { readonly type: 'B'; readonly value: Uint8Array };

export type SetValue =
  | { readonly type: 'SS'; readonly value: readonly string[] }
  | { readonly type: 'NS'; readonly value: readonly DecimalText[] }
  | { readonly type: 'BS'; readonly value: readonly Uint8Array[] };

/**
 * Keys are texts: a string itself, a number's canonical text, binary's canonical base64, so that equal keys are equal
 * texts. Values are texts in the same way.
 */
export interface MapValue {
  readonly type: MapType;
  readonly value: ReadonlyMap<string, string>;
}

export type DocumentValue =
  | { readonly type: 'BOOL'; readonly value: boolean }
  | { readonly type: 'NULL' }
  | { readonly type: 'L'; readonly value: readonly AttributeValue[] }
  | { readonly type: 'M'; readonly value: ReadonlyMap<string, AttributeValue> };

export type AttributeValue = ScalarValue | SetValue | MapValue | DocumentValue;

/** Attributes by name. A Map, since names such as `__proto__` are legal. */
export type Item = ReadonlyMap<string, AttributeValue>;

const V1_TYPE_SET: ReadonlySet<string> = new Set(V1_TYPES);

export function isV1Type(tag: string): tag is V1Type {
  return V1_TYPE_SET.has(tag);
}

export function isScalarType(type: AttributeType): type is ScalarType {
  return type === 'S' || type === 'N' || type === 'B';
}

export function isSetType(type: AttributeType): type is SetType {
  return type === 'SS' || type === 'NS' || type === 'BS';
}

export function isMapType(type: AttributeType): type is MapType {
  return type.length === 3 && type.endsWith('M');
}

/** A map type's key type and value type. */
export function mapTypeParts(type: MapType): { readonly key: ScalarType; readonly value: ScalarType } {
  return { key: type.charAt(0) as ScalarType, value: type.charAt(1) as ScalarType };
}

export function isScalar(value: AttributeValue): value is ScalarValue {
  return isScalarType(value.type);
}

export function isSet(value: AttributeValue): value is SetValue {
  return isSetType(value.type);
}

export function isMap(value: AttributeValue): value is MapValue {
  return isMapType(value.type);
}
