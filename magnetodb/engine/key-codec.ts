/**
 * Key values as bytes whose order is the values' order: compared as unsigned bytes, a shorter text before a longer one
 * that it begins. Equal values give equal bytes, different ones different bytes.
 *
 * S is its UTF-8, B is itself. N, at most 22 bytes:
 *
 *   0                 80
 *   positive          81, exponent + 130, digits
 *   negative          7F, 255 − (exponent + 130), digits' complements, FF
 *
 * The exponent is that of the first digit (5 → 0, 21.5 → 1, 0.07 → −2): −130 to 125, which just fits a byte. The
 * digits, from the first to the last that isn't zero, stand in pairs: 1 + pair, an odd one out counting as its tens.
 * A pair's complement is 255 minus its byte. Where one number's digits begin the other's, the longer one is further
 * from zero: positive ones end with their digits, so the shorter comes first; negative ones end with FF, more than any
 * complement, so it comes last.
 *
 *   21.5 → 81 83 16 33        −21.5 → 7F 7C E9 CC FF
 */
import { MIN_EXPONENT, type DecimalText } from './numbers.js';
import type { ScalarValue } from './values.js';

const SIGN_NEGATIVE = 0x7f;
const SIGN_ZERO = 0x80;
const SIGN_POSITIVE = 0x81;
const NEGATIVE_END = 0xff;

const ZERO_CODE = 0x30;
const POINT_CODE = 0x2e;
const MINUS_CODE = 0x2d;

/** The bytes of a key attribute's value. Those of B are the value's own memory, not a copy. */
export function encodeKeyValue(value: ScalarValue): Buffer {
  switch (value.type) {
    case 'S':
      return Buffer.from(value.value, 'utf8');
    case 'B':
      return Buffer.from(value.value.buffer, value.value.byteOffset, value.value.byteLength);
    case 'N':
      return encodeNumber(value.value);
  }
}

function encodeNumber(text: DecimalText): Buffer {
  if (text === '0') return Buffer.of(SIGN_ZERO);
  const isNegative = text.charCodeAt(0) === MINUS_CODE;
  const start = isNegative ? 1 : 0;

  let end = text.length;
  let point = text.indexOf('.', start);
  let first = start;
  if (point < 0) {
    point = end;
    while (text.charCodeAt(end - 1) === ZERO_CODE) end--;
  } else if (text.charCodeAt(start) === ZERO_CODE) {
    first = point + 1;
    while (text.charCodeAt(first) === ZERO_CODE) first++;
  }
  const exponent = first < point ? point - first - 1 : point - first;

  const count = end - first - (point > first && point < end ? 1 : 0);
  const pairs = (count + 1) >> 1;
  const bytes = Buffer.allocUnsafe(2 + pairs + (isNegative ? 1 : 0));
  const flip = isNegative ? 0xff : 0;
  bytes[0] = isNegative ? SIGN_NEGATIVE : SIGN_POSITIVE;
  bytes[1] = (exponent - MIN_EXPONENT) ^ flip;
  let at = 2;
  let tens = -1;
  for (let i = first; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === POINT_CODE) continue;
    if (tens < 0) {
      tens = (code - ZERO_CODE) * 10;
    } else {
      bytes[at++] = (1 + tens + code - ZERO_CODE) ^ flip;
      tens = -1;
    }
  }
  if (tens >= 0) bytes[at++] = (1 + tens) ^ flip;
  if (isNegative) bytes[at] = NEGATIVE_END;
  return bytes;
}

/**
 * The least byte string greater than every one that begins with `bytes`.
 * @returns undefined where there is none: `bytes` is empty or holds nothing but FF.
 */
export function prefixSuccessor(bytes: Uint8Array): Buffer | undefined {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const successor = Buffer.from(bytes.subarray(0, length));
  successor.writeUInt8(successor.readUInt8(length - 1) + 1, length - 1);
  return successor;
}
