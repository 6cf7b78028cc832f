/**
 * Turns the texts of a paste section into the options that a factory's schema names. A text becomes what the schema
 * says at that name:
 *
 * | schema    | text                                                                      |
 * |-----------|---------------------------------------------------------------------------|
 * | `string`  | as it stands                                                              |
 * | `boolean` | true, yes, on, 1 or false, no, off, 0, in any case; nothing else          |
 * | `integer` | decimal digits, maybe signed                                              |
 * | `number`  | decimal, maybe with a fraction                                            |
 * | `array`   | items separated by commas or newlines, each as the schema's `items` says  |
 *
 * A boolean by truthiness would take `is_admin = False` for true, as the first MagnetoDB did.
 */
import type { TSchema } from '@sinclair/typebox';
import { Ajv, type ErrorObject } from 'ajv';
import type { PasteError, PasteOption } from './paste-file.js';

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
]);

const ajv = new Ajv({ useDefaults: true, strict: false });

/** An object schema's part that concerns us; a factory may be written without TypeBox, as plain JSON Schema. */
interface ObjectSchema {
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly additionalProperties?: boolean | TSchema;
}

/**
 * Reads one section's options.
 * @param own are the section's own options: one that the schema doesn't name is refused, unless the schema allows
 * `additionalProperties`.
 * @param inherited come from `[DEFAULT]` and `set`, the strongest last: those that the schema doesn't name are ignored.
 * @param fail makes the error for an option, or for the section where an option is missing.
 * @throws what `fail` makes.
 */
export function readOptions(
  schema: TSchema,
  own: readonly PasteOption[],
  inherited: readonly PasteOption[],
  fail: (option: PasteOption | undefined, name: string, reason: string) => PasteError,
): Record<string, unknown> {
  const { properties = {}, additionalProperties = false } = schema as ObjectSchema;
  const isKnown = (name: string): boolean => Object.hasOwn(properties, name);
  const given = new Map<string, PasteOption>();
  for (const option of inherited) {
    if (isKnown(option.name)) given.set(option.name, option);
  }
  for (const option of own) {
    if (!isKnown(option.name) && additionalProperties === false) {
      const known = Object.keys(properties).sort().join(', ');
      const reason =
        known === '' ? 'is unknown; there are no options here' : `is unknown; known are ${known}`;
      throw fail(option, option.name, reason);
    }
    given.set(option.name, option);
  }

  const values = Object.fromEntries(
    [...given.values()].map((option) => [
      option.name,
      coerce(isKnown(option.name) ? properties[option.name] : undefined, option.value),
    ]),
  );
  const validate = ajv.compile(schema);
  if (!validate(values)) {
    const [error] = validate.errors ?? [];
    const name = error === undefined ? '' : optionName(error);
    throw fail(given.get(name), name, error === undefined ? 'is wrong' : reasonFor(error));
  }
  return values;
}

/** The text as the type that the schema names; the text itself where it is none of that type, for ajv to refuse. */
function coerce(schema: TSchema | undefined, text: string): unknown {
  const { type, items, anyOf } = (schema ?? {}) as { type?: unknown; items?: TSchema; anyOf?: TSchema[] };
  if (anyOf !== undefined) {
    const fitting = anyOf.find((variant) => ajv.validate(variant, coerce(variant, text)));
    return fitting === undefined ? text : coerce(fitting, text);
  }
  switch (type) {
    case 'boolean':
      return BOOLEANS.get(text.toLowerCase()) ?? text;
    case 'integer':
      return /^[+-]?\d+$/.test(text) ? Number(text) : text;
    case 'number':
      return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/.test(text) ? Number(text) : text;
    case 'array':
      return text
        .split(/[,\n]/)
        .map((item) => item.trim())
        .filter((item) => item !== '')
        .map((item) => coerce(items, item));
    default:
      return text;
  }
}

function optionName(error: ErrorObject): string {
  const missing: unknown = (error.params as { missingProperty?: unknown }).missingProperty;
  if (error.instancePath === '' && typeof missing === 'string') return missing;
  return (error.instancePath.split('/')[1] ?? '').replaceAll('~1', '/').replaceAll('~0', '~');
}

/** Never the value: it may be a password. */
function reasonFor(error: ErrorObject): string {
  const params = error.params as { type?: unknown; allowedValues?: unknown; missingProperty?: unknown };
  if (error.keyword === 'required') return 'is required';
  if (params.type === 'boolean') return 'must be true, false, yes, no, on, off, 1 or 0';
  if (Array.isArray(params.allowedValues)) return `must be one of ${params.allowedValues.join(', ')}`;
  return error.message ?? 'is wrong';
}
