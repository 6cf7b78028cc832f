/**
 * Items as JSON: how they are stored, and, as far as the v1 types go, also how the data API shows them (data API 5.1),
 * so that stored bytes can go into an answer as they are.
 *
 *   {"station":{"S":"north-7"},"value":{"N":"21.5"},"raw":{"B":"AAE="},"flags":{"SS":["a","b"]},"by_hour":{"NSM":{"1":"x"}}}
 *
 * and for the types outside v1 {"BOOL":true}, {"NULL":true}, {"L":[{"S":"x"}]}, {"M":{"name":{"N":"1"}}}. No blanks
 * between tokens; attributes in the Map's order; every text well-formed Unicode, escaped only where JSON must.
 *
 * Reading is done here, not by JSON.parse: that loses the order of names such as "10", and its objects would have to be
 * turned into Maps. The reader trusts that it reads what was written here, but ends with an error on anything else.
 */
import { base64 } from './compare.js';
import type { DecimalText } from './numbers.js';
import { isMapType, type AttributeType, type AttributeValue, type Item } from './values.js';

/** The item's canonical JSON. */
export function itemToJson(item: Item): string {
  return membersToJson(item);
}

/** One value's canonical JSON: `{"N":"21.5"}`. */
export function valueToJson(value: AttributeValue): string {
  switch (value.type) {
    case 'S':
      return `{"S":${quote(value.value)}}`;
    case 'N':
      return `{"N":"${value.value}"}`;
    case 'B':
      return `{"B":"${base64(value.value)}"}`;
    case 'SS':
      return `{"SS":[${value.value.map(quote).join()}]}`;
    case 'NS':
      return `{"NS":["${value.value.join('","')}"]}`;
    case 'BS':
      return `{"BS":["${value.value.map(base64).join('","')}"]}`;
    case 'BOOL':
      return value.value ? '{"BOOL":true}' : '{"BOOL":false}';
    case 'NULL':
      return '{"NULL":true}';
    case 'L':
      return `{"L":[${value.value.map(valueToJson).join()}]}`;
    case 'M':
      return `{"M":${membersToJson(value.value)}}`;
    default: {
      let json = '';
      for (const [key, text] of value.value) {
        json += `${json === '' ? '' : ','}${quote(key)}:${quote(text)}`;
      }
      return `{"${value.type}":{${json}}}`;
    }
  }
}

function membersToJson(members: ReadonlyMap<string, AttributeValue>): string {
  let json = '{';
  for (const [name, value] of members) {
    json += `${json.length === 1 ? '' : ','}${quote(name)}:${valueToJson(value)}`;
  }
  return `${json}}`;
}

/** What JSON must escape, and surrogates, of which it escapes the unpaired ones. */
// eslint-disable-next-line no-control-regex -- control characters are among what JSON must escape
const MAYBE_ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/** As JSON.stringify, which the test spares most texts: a third less time for an item. */
function quote(text: string): string {
  return MAYBE_ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/**
 * The item whose JSON was written by `itemToJson`.
 * @throws SyntaxError for a text that can't have been: the stored bytes are damaged.
 */
export function itemFromJson(json: string): Item {
  const reader = new Reader(json);
  const item = reader.members();
  reader.end();
  return item;
}

/** Some of an item's attributes, still as JSON. */
export interface ProjectedJson {
  /** The same text where every attribute was kept. */
  readonly json: string;
  /** How many attributes were kept. */
  readonly kept: number;
}

/** Keeps the attributes named, in their stored order, without decoding values. @throws SyntaxError as `itemFromJson`. */
export function projectJson(json: string, names: readonly string[]): ProjectedJson {
  const reader = new Reader(json);
  const projected = reader.project(names);
  reader.end();
  return projected;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Reads canonical JSON from front to back: `at` is the place of the next character. */
class Reader {
  private at = 0;
  /** The next backslash at or behind `at`, or the text's length: most texts hold none, and so need no unescaping. */
  private backslash: number;

  constructor(private readonly json: string) {
    this.backslash = this.backslashFrom(0);
  }

  end(): void {
    if (this.at !== this.json.length) this.fail();
  }

  members(): Map<string, AttributeValue> {
    const members = new Map<string, AttributeValue>();
    this.expect(OPEN_OBJECT);
    if (this.skip(CLOSE_OBJECT)) return members;
    do {
      const name = this.text();
      this.expect(COLON);
      members.set(name, this.value());
    } while (this.skip(COMMA));
    this.expect(CLOSE_OBJECT);
    return members;
  }

  project(names: readonly string[]): ProjectedJson {
    this.expect(OPEN_OBJECT);
    if (this.skip(CLOSE_OBJECT)) return { json: this.json, kept: 0 };
    // For the few names of a usual projection a list is quicker than a set, which must be built first.
    const wanted = names.length > 8 ? new Set(names) : undefined;
    let kept = 0;
    let total = 0;
    let json = '{';
    do {
      const start = this.at;
      const name = this.text();
      this.expect(COLON);
      this.skipValue();
      total++;
      if (wanted === undefined ? names.includes(name) : wanted.has(name)) {
        if (kept > 0) json += ',';
        json += this.json.slice(start, this.at);
        kept++;
      }
    } while (this.skip(COMMA));
    this.expect(CLOSE_OBJECT);
    return { json: kept === total ? this.json : `${json}}`, kept };
  }

  private value(): AttributeValue {
    this.expect(OPEN_OBJECT);
    const type = this.text() as AttributeType;
    this.expect(COLON);
    const value = this.content(type);
    this.expect(CLOSE_OBJECT);
    return value;
  }

  private content(type: AttributeType): AttributeValue {
    switch (type) {
      case 'S':
        return { type, value: this.text() };
      case 'N':
        return { type, value: this.number() };
      case 'B':
        return { type, value: this.bytes() };
      case 'SS':
        return { type, value: this.list(() => this.text()) };
      case 'NS':
        return { type, value: this.list(() => this.number()) };
      case 'BS':
        return { type, value: this.list(() => this.bytes()) };
      case 'BOOL':
        return { type, value: this.boolean() };
      case 'NULL':
        this.boolean();
        return { type };
      case 'L':
        return { type, value: this.list(() => this.value()) };
      case 'M':
        return { type, value: this.members() };
      default:
        if (!isMapType(type)) this.fail();
        return { type, value: this.texts() };
    }
  }

  private number(): DecimalText {
    return this.text() as DecimalText;
  }

  private bytes(): Buffer {
    return Buffer.from(this.text(), 'base64');
  }

  private boolean(): boolean {
    for (const [token, value] of [
      ['true', true],
      ['false', false],
    ] as const) {
      if (this.json.startsWith(token, this.at)) {
        this.at += token.length;
        return value;
      }
    }
    return this.fail();
  }

  private list<T>(member: () => T): T[] {
    const members: T[] = [];
    this.expect(OPEN_LIST);
    if (this.skip(CLOSE_LIST)) return members;
    do {
      members.push(member());
    } while (this.skip(COMMA));
    this.expect(CLOSE_LIST);
    return members;
  }

  private texts(): Map<string, string> {
    const texts = new Map<string, string>();
    this.expect(OPEN_OBJECT);
    if (this.skip(CLOSE_OBJECT)) return texts;
    do {
      const key = this.text();
      this.expect(COLON);
      texts.set(key, this.text());
    } while (this.skip(COMMA));
    this.expect(CLOSE_OBJECT);
    return texts;
  }

  private text(): string {
    const start = this.at;
    const end = this.skipText();
    if (this.backslash >= end) return this.json.slice(start + 1, end);
    this.backslash = this.backslashFrom(end);
    return JSON.parse(this.json.slice(start, end + 1)) as string;
  }

  /** Moves behind a text. @returns the place of its closing quote. */
  private skipText(): number {
    this.expect(QUOTE);
    let end = this.json.indexOf('"', this.at);
    if (this.backslash < end) {
      let escape = this.json.indexOf('\\', this.at);
      while (escape >= 0 && escape < end) {
        const next = escape + 2;
        if (next > end) end = this.json.indexOf('"', next);
        escape = this.json.indexOf('\\', next);
      }
    }
    if (end < 0) this.fail();
    this.at = end + 1;
    return end;
  }

  /** Moves behind a value, whatever it holds. */
  private skipValue(): void {
    let depth = 0;
    do {
      switch (this.json.charCodeAt(this.at)) {
        case QUOTE: {
          const end = this.skipText();
          if (this.backslash < end) this.backslash = this.backslashFrom(end);
          continue;
        }
        case OPEN_OBJECT:
        case OPEN_LIST:
          depth++;
          break;
        case CLOSE_OBJECT:
        case CLOSE_LIST:
          depth--;
          break;
        default:
          if (this.at >= this.json.length) this.fail();
      }
      this.at++;
    } while (depth > 0);
  }

  private backslashFrom(from: number): number {
    const backslash = this.json.indexOf('\\', from);
    return backslash < 0 ? this.json.length : backslash;
  }

  private expect(code: number): void {
    if (this.json.charCodeAt(this.at) !== code) this.fail();
    this.at++;
  }

  private skip(code: number): boolean {
    if (this.json.charCodeAt(this.at) !== code) return false;
    this.at++;
    return true;
  }

  /** The message tells the place, never the text: logs hold no values. */
  private fail(): never {
    throw new SyntaxError(`a stored item is damaged at character ${this.at} of ${this.json.length}`);
  }
}
