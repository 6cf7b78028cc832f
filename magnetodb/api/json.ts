/**
 * Reads and quotes JSON texts: parsed once, strictly, and so that no digit of a number is lost.
 *
 * `JSON.parse` turns numbers into doubles and doesn't tell `5` from `5.0`. So a text that may hold a bare number of 16
 * or more digits, or one with a fraction or an exponent, is gone through before: such numbers become strings that no
 * client can send, because they begin with half a surrogate pair, and after parsing these become JsonNumbers:
 *
 *   {"N":12345678901234567890}  →  {"N":"\ud80012345678901234567890"}  →  { N: JsonNumber('12345678901234567890') }
 *   {"limit":5}                 →  { limit: 5 }
 *
 * A parser written in JavaScript that keeps numbers' texts takes eighty times as long as V8's own, in which time the
 * process would serve nobody else: three seconds for a body of 16 MB.
 */
import { isUtf8 } from 'node:buffer';
import { ValidationError } from '../engine/errors.js';
import { MAX_QUOTED_LENGTH } from '../engine/names.js';

/** A number that isn't a short integer, as the text had it. */
export class JsonNumber {
  constructor(readonly text: string) {}

  /** Whether the text is an integer's: `1e2` and `5.0` aren't. */
  get isInteger(): boolean {
    return /^-?\d+$/.test(this.text);
  }
}

/** What a JSON text holds. A `number` is always an integer of at most 15 digits. */
export type Json = null | boolean | number | string | JsonNumber | readonly Json[] | JsonObject;
/** Members are the object's own enumerable properties, `__proto__` among them where the text has it. */
export interface JsonObject {
  readonly [name: string]: Json;
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
  );
}

/** `Array.isArray` for Json, whose lists are read-only. */
export function isJsonList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/**
 * Matches every text with a bare number that `JSON.parse` would not give back as it was written, and some texts where
 * such a number stands inside a string. A bare number follows one of `:`, `,`, `[`, or begins the text.
 */
const INEXACT_NUMBER = /(?:[:,[]|^)\s*-?(?:\d{16}|\d+[.eE])/;
const SHORT_INTEGER = /^-?\d{1,15}$/;
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** An escaped half of a surrogate pair, maybe a lone one. Raw ones can't be: the text comes from UTF-8. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
/** With the `u` flag, pairs are one character, so this finds lone halves only. */
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;

/**
 * What a JSON text holds. Of a repeated member the last one wins.
 * @param what begins the message of an error, which doesn't echo the text.
 * @throws {ValidationError} for what isn't UTF-8, has a byte order mark, is empty or malformed, or holds an unpaired
 *   surrogate; and for a long text that nests more than MAX_DEPTH levels deep. A short one may nest as it likes:
 *   nothing below calls itself for a level.
 */
export function parseJson(bytes: Buffer, what = "The request's body"): Json {
  if (!isUtf8(bytes)) throw new ValidationError(`${what} is not valid JSON: it is not UTF-8`);
  const text = bytes.toString('utf8');
  if (text.length > MAX_UNCHECKED_LENGTH && isTooDeep(text)) {
    throw new ValidationError(`${what} is nested too deeply: up to ${MAX_DEPTH} levels are allowed`);
  }
  // Before numbers are marked by what is refused here.
  if (SURROGATE_ESCAPE.test(text) && holdsLoneSurrogate(parseText(text, what))) {
    throw new ValidationError(`${what} holds an unpaired surrogate`);
  }
  return INEXACT_NUMBER.test(text)
    ? unmarkNumbers(parseText(markNumbers(text), what))
    : parseText(text, what);
}

function parseText(text: string, what: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    // V8's message quotes the text, so it goes no further.
    if (error instanceof SyntaxError) throw new ValidationError(`${what} is not valid JSON`);
    throw error;
  }
}

const MARK = 0xd800;
/**
 * The deepest item that any API takes has 32 levels, each of them two of JSON's, and an envelope of a few more. Millions
 * of levels take V8 seconds to build, only to be refused afterwards.
 */
const MAX_DEPTH = 80;
/** Texts of up to this many characters are parsed at once, however deep: that takes milliseconds. */
const MAX_UNCHECKED_LENGTH = 64 * 1024;

function isTooDeep(text: string): boolean {
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    if (code === OPEN_LIST || code === OPEN_OBJECT) depth++;
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
    if (depth > MAX_DEPTH) return true;
    at++;
  }
  return false;
}

const QUOTE = 0x22;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const COLON = 0x3a;

/**
 * Makes a string of each number that isn't a short integer. What isn't a number by JSON's grammar stays as it is, so
 * that the text is malformed afterwards if it was before.
 */
function markNumbers(text: string): string {
  let marked = '';
  let copied = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (code === MINUS || isDigit(code)) {
      let end = at + 1;
      while (isNumberPart(text.charCodeAt(end))) end++;
      const token = text.slice(at, end);
      if (!SHORT_INTEGER.test(token) && JSON_NUMBER.test(token) && !isMemberName(text, end)) {
        marked += `${text.slice(copied, at)}"\\ud800${token}"`;
        copied = end;
      }
      at = end;
    } else {
      at++;
    }
  }
  return marked + text.slice(copied);
}

/** Whether a colon follows: then the token before `at` stands where a member's name belongs, and a number can't. */
function isMemberName(text: string, at: number): boolean {
  let next = at;
  while (isWhiteSpace(text.charCodeAt(next))) next++;
  return text.charCodeAt(next) === COLON;
}

/** JSON's white space: tab, line feed, carriage return, blank. */
function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

/** The place behind the string that begins at `start`, or the text's end where it has none. */
function endOfString(text: string, start: number): number {
  let at = start;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at + 1;
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Digits, and `+ - . E e`. False behind the text's end, where there is no code. */
function isNumberPart(code: number): boolean {
  return isDigit(code) || code === MINUS || code === 0x2b || code === 0x2e || code === 0x45 || code === 0x65;
}

/** Turns marked strings, in place, into the numbers that they were. */
function unmarkNumbers(root: Json): Json {
  const holder: Json[] = [root];
  const left: (Json[] | Record<string, Json>)[] = [holder];
  const unmarked = (value: Json): Json => {
    // A whole surrogate pair may begin with the same unit; a number follows only a mark.
    if (typeof value === 'string') {
      const isMarked = value.charCodeAt(0) === MARK && value.charCodeAt(1) < 0x80;
      return isMarked ? new JsonNumber(value.slice(1)) : value;
    }
    if (typeof value === 'object' && value !== null) left.push(value as Json[] | Record<string, Json>);
    return value;
  };
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) value[i] = unmarked(value[i] ?? null);
    } else {
      // `__proto__` among them is an own property, which an assignment finds before the inherited one.
      for (const name of Object.keys(value)) value[name] = unmarked(value[name] ?? null);
    }
  }
  return holder[0] ?? null;
}

/** Goes through the value with a stack of its own, since a text may nest more deeply than calls can. */
function holdsLoneSurrogate(root: Json): boolean {
  const left: Json[] = [root];
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (typeof value === 'string') {
      if (LONE_SURROGATE.test(value)) return true;
    } else if (isJsonList(value)) {
      for (const member of value) left.push(member);
    } else if (isJsonObject(value)) {
      for (const [name, member] of Object.entries(value)) {
        if (LONE_SURROGATE.test(name)) return true;
        left.push(member);
      }
    }
  }
  return false;
}

/** A value's JSON text for a message, cut at `max` characters; takes time for the part shown only. */
export function quoteJson(value: Json, max = MAX_QUOTED_LENGTH): string {
  const text = jsonText(value, max);
  if (text.length <= max) return text;
  // Half of a surrogate pair at the cut would not be well-formed text.
  const end = isHighSurrogate(text.charCodeAt(max - 1)) ? max - 1 : max;
  return `${text.slice(0, end)}…`;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** The value's text, or more than `max` characters of its beginning. Each level writes a character, so calls end. */
function jsonText(value: Json, max: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, max + 1));
  if (value instanceof JsonNumber) return value.text;
  if (isJsonList(value)) {
    let text = '[';
    for (const member of value) {
      if (text.length > max) return text;
      text += (text.length > 1 ? ', ' : '') + jsonText(member, max - text.length);
    }
    return `${text}]`;
  }
  if (isJsonObject(value)) {
    let text = '{';
    for (const name in value) {
      if (text.length > max) return text;
      text += `${text.length > 1 ? ', ' : ''}${jsonText(name, max - text.length)}: `;
      if (text.length > max) return text;
      text += jsonText(value[name] ?? null, max - text.length);
    }
    return `${text}}`;
  }
  return String(value);
}
