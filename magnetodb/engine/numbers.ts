/**
 * Decimal numbers as texts: exact, with up to 38 significant digits, in one canonical form each, so that equal numbers
 * are equal texts. JavaScript's own numbers keep 15 to 17 digits and are used only where that is provably enough.
 *
 * Canonical: plain decimal, `-` before negative numbers, no `+`, no exponent, no leading zeros but the one before a
 * point, no zeros at the end of a fraction, no point without a fraction, zero without a sign.
 * `"+01.50"` → `1.5`, `"1e2"` → `100`, `"-0"` → `0`, `".5"` → `0.5`.
 */
declare const brand: unique symbol;

/** A number's canonical text. Made by `parseDecimal` and `addDecimals`; at most 170 characters. */
export type DecimalText = string & { readonly [brand]: 'DecimalText' };

/** The most significant digits that a number may have; zeros at either end don't count. */
export const MAX_DIGITS = 38;
/** A number's magnitude, unless it is zero, is at least 10^-130 … */
export const MIN_EXPONENT = -130;
/** … and below 10^126. */
export const MAX_EXPONENT = 125;

/** Text is indexed below 2^30, so an exponent beyond this can't be made up for by any number of digits. */
const HUGE_EXPONENT = 1e12;

const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const UPPER_E = 0x45;
const LOWER_E = 0x65;

function isBlank(code: number): boolean {
  return code === SPACE || (code >= TAB && code <= CARRIAGE_RETURN);
}

/**
 * The only maker of a DecimalText out of a caller's text: an optional sign, ASCII digits with at most one point among
 * or beside them, an optional exponent; ASCII blanks around are dropped. Takes time linear in the text's length and,
 * where it refuses, no memory.
 * @returns undefined for what isn't such a text, has more than 38 significant digits, or is out of range. Nothing is
 * ever rounded.
 */
export function parseDecimal(text: string): DecimalText | undefined {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;

  let at = start;
  const sign = at < end ? text.charCodeAt(at) : 0;
  if (sign === MINUS || sign === PLUS) at++;

  // The mantissa: where its digits begin and end, where the point and the digits that count are.
  const mantissaStart = at;
  let point = -1;
  let first = -1;
  let last = -1;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) {
      if (code !== ZERO) {
        if (first < 0) first = at;
        // Even with the point in between that is a digit too many; a long text need not be read to its end.
        if (at - first > MAX_DIGITS) return undefined;
        last = at;
      }
    } else if (code === POINT && point < 0) {
      point = at;
    } else {
      break;
    }
  }
  const mantissaEnd = at;
  if (mantissaEnd - mantissaStart - (point < 0 ? 0 : 1) === 0) return undefined;

  let exponent = 0;
  const hasExponent = at < end;
  if (hasExponent) {
    const letter = text.charCodeAt(at);
    if (letter !== LOWER_E && letter !== UPPER_E) return undefined;
    const parsed = parseExponent(text, at + 1, end);
    if (parsed === undefined) return undefined;
    exponent = parsed;
  }
  if (first < 0) return '0' as DecimalText;

  const count = last - first + 1 - (point > first && point < last ? 1 : 0);
  if (count > MAX_DIGITS) return undefined;
  const integerEnd = point < 0 ? mantissaEnd : point;
  const magnitude = (first < integerEnd ? integerEnd - first - 1 : integerEnd - first) + exponent;
  if (magnitude < MIN_EXPONENT || magnitude > MAX_EXPONENT) return undefined;

  const integerStart = sign === MINUS ? start + 1 : start;
  const isCanonical =
    !hasExponent &&
    sign !== PLUS &&
    // A lone zero only before a point, …
    (first === integerStart || (integerEnd === integerStart + 1 && first > integerEnd)) &&
    // … and a fraction, if there is a point, that ends in a digit that counts.
    (point < 0 || last === mantissaEnd - 1);
  if (isCanonical) return (start === 0 && end === text.length ? text : text.slice(start, end)) as DecimalText;

  const digits =
    point > first && point < last
      ? text.slice(first, point) + text.slice(point + 1, last + 1)
      : text.slice(first, last + 1);
  return plainText(sign === MINUS, digits, magnitude);
}

/** The digits and sign of an exponent; one that no text of digits could make up for is cut to a huge one. */
function parseExponent(text: string, start: number, end: number): number | undefined {
  let at = start;
  const sign = at < end ? text.charCodeAt(at) : 0;
  if (sign === MINUS || sign === PLUS) at++;
  if (at === end) return undefined;
  let exponent = 0;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code < ZERO || code > NINE) return undefined;
    exponent = Math.min(exponent * 10 + (code - ZERO), HUGE_EXPONENT);
  }
  return sign === MINUS ? -exponent : exponent;
}

/** Writes `d.ddd × 10^magnitude`; `digits` begins and ends with a digit other than zero. */
function plainText(isNegative: boolean, digits: string, magnitude: number): DecimalText {
  let plain: string;
  if (magnitude < 0) {
    plain = `0.${'0'.repeat(-magnitude - 1)}${digits}`;
  } else if (magnitude >= digits.length - 1) {
    plain = digits + '0'.repeat(magnitude + 1 - digits.length);
  } else {
    plain = `${digits.slice(0, magnitude + 1)}.${digits.slice(magnitude + 1)}`;
  }
  return (isNegative ? `-${plain}` : plain) as DecimalText;
}

/** Orders numbers by value: below zero when `a` is less than `b`, zero when equal, else above zero. */
export function compareDecimals(a: DecimalText, b: DecimalText): number {
  if (a === b) return 0;
  const isNegative = a.charCodeAt(0) === MINUS;
  if (isNegative !== (b.charCodeAt(0) === MINUS)) return isNegative ? -1 : 1;
  // More digits before the point mean more, as there are no needless zeros. Where there are as many, both points stand
  // at the same place, and the order of the texts is that of the numbers: a point or a digit comes after a text's end.
  const lengths = integerEnd(a) - integerEnd(b);
  const magnitudes = lengths !== 0 ? lengths : a < b ? -1 : 1;
  return isNegative ? -magnitudes : magnitudes;
}

function integerEnd(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? text.length : point;
}

/** Integers of so many characters, a sign among them, add up exactly as JavaScript numbers: the sum is below 2^53. */
const SAFE_LENGTH = 15;

/** The exact sum. @returns undefined when it takes more than 38 digits or is out of range. */
export function addDecimals(a: DecimalText, b: DecimalText): DecimalText | undefined {
  const pointA = a.indexOf('.');
  const pointB = b.indexOf('.');
  if (pointA < 0 && pointB < 0 && a.length <= SAFE_LENGTH && b.length <= SAFE_LENGTH) {
    return String(Number(a) + Number(b)) as DecimalText;
  }
  // Both as integers of the smaller one's last place: at most 126 + 167 digits.
  const scaleA = pointA < 0 ? 0 : a.length - pointA - 1;
  const scaleB = pointB < 0 ? 0 : b.length - pointB - 1;
  const scale = Math.max(scaleA, scaleB);
  const sum = scaled(a, scale - scaleA) + scaled(b, scale - scaleB);
  return parseDecimal(`${sum}e-${scale}`);
}

function scaled(text: DecimalText, zeros: number): bigint {
  return BigInt(text.replace('.', '') + '0'.repeat(zeros));
}
