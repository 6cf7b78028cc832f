/**
 * An item as it is stored: bytes that mostly just pass through, and a way to parse them where something must be known.
 *
 * A stored row's value is one format byte and then the item's canonical JSON in UTF-8 (item-codec.ts):
 *
 *   01  only types of the v1 data API
 *   02  the same, with BOOL, NULL, L or M among them
 *
 * Both bytes are also the UTF-8 of the characters U+0001 and U+0002, so one encoding step makes the whole value.
 */
import { itemFromJson, itemToJson, projectJson } from './item-codec.js';
import { isV1Type, type AttributeValue, type Item } from './values.js';

const FORMAT_V1 = 1;
const FORMAT_DOCUMENTS = 2;

const NOT_MADE_YET = new Uint8Array();

/** One item. Immutable: neither its bytes nor its Map may be changed by who is given them. */
export class StoredItem {
  /** The item without attributes. */
  static readonly EMPTY = new StoredItem(Buffer.from('{}'));

  private bytes: Uint8Array | undefined;
  private parsed: Item | undefined = undefined;
  /** The row's value whose tail `bytes` is. */
  private encoded: Uint8Array | undefined = undefined;

  /** @param json an item's canonical JSON, UTF-8, without the format byte. Kept, not copied. */
  constructor(json: Uint8Array) {
    this.bytes = json;
  }

  /** Wraps a parsed item; its bytes are made when first asked for. */
  static of(item: Item): StoredItem {
    const stored = new StoredItem(NOT_MADE_YET);
    stored.bytes = undefined;
    stored.parsed = item;
    return stored;
  }

  /** The inside of `encodeStored`. */
  static encode(item: StoredItem): Uint8Array {
    if (item.encoded === undefined) {
      const parsed = item.item;
      // The bytes there are, if any, are copied once: they have no room for the format byte in front.
      item.encoded =
        item.bytes === undefined
          ? Buffer.from((holdsDocuments(parsed) ? '\x02' : '\x01') + itemToJson(parsed))
          : Buffer.concat([Buffer.of(holdsDocuments(parsed) ? FORMAT_DOCUMENTS : FORMAT_V1), item.bytes]);
      item.bytes = item.encoded.subarray(1);
    }
    return item.encoded;
  }

  /** The inside of `decodeStored`. */
  static decode(value: Uint8Array): StoredItem {
    const format = value[0];
    if (format !== FORMAT_V1 && format !== FORMAT_DOCUMENTS) {
      throw new Error(
        `a stored item has format ${String(format)}; this release reads ${FORMAT_V1} and ${FORMAT_DOCUMENTS}`,
      );
    }
    const stored = new StoredItem(value.subarray(1));
    stored.encoded = value;
    return stored;
  }

  /** The item's canonical JSON object, UTF-8. */
  get json(): Uint8Array {
    return this.bytes ?? StoredItem.encode(this).subarray(1);
  }

  /** The parsed item, parsed when first asked for. @throws SyntaxError where the bytes are damaged. */
  get item(): Item {
    this.parsed ??= itemFromJson(textOf(this.json));
    return this.parsed;
  }

  /** Only the attributes named, in their stored order; names that the item doesn't have are passed over. */
  project(names: readonly string[]): StoredItem {
    if (this.parsed !== undefined) return this.projectParsed(this.parsed, names);
    const text = textOf(this.json);
    const { json, kept } = projectJson(text, names);
    if (kept === 0) return StoredItem.EMPTY;
    return json === text ? this : new StoredItem(Buffer.from(json));
  }

  private projectParsed(item: Item, names: readonly string[]): StoredItem {
    const wanted = new Set(names);
    const projected = new Map<string, AttributeValue>();
    for (const [name, value] of item) {
      if (wanted.has(name)) projected.set(name, value);
    }
    if (projected.size === 0) return StoredItem.EMPTY;
    return projected.size === item.size ? this : StoredItem.of(projected);
  }
}

/** A row's value for an item: the format byte and the item's JSON. Must not be changed. */
export function encodeStored(item: StoredItem): Uint8Array {
  return StoredItem.encode(item);
}

/**
 * The item of a row's value, which is kept, not copied.
 * @throws Error for a format that this release doesn't know: a newer one has written it, or the value is damaged.
 */
export function decodeStored(value: Uint8Array): StoredItem {
  return StoredItem.decode(value);
}

function textOf(json: Uint8Array): string {
  return Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('utf8');
}

/** Types outside v1 nest only in each other, so the top level tells. */
function holdsDocuments(item: Item): boolean {
  for (const value of item.values()) {
    if (!isV1Type(value.type)) return true;
  }
  return false;
}
