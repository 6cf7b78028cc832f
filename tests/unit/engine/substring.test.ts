import { expect } from 'chai';
import fc from 'fast-check';
import { includesBytes, includesText } from '../../../magnetodb/engine/substring.js';

/** Long enough for the search of our own, and out of few letters, so that much of a part matches in many places. */
const long = fc
  .array(fc.constantFrom('a', 'b', 'aab', 'é', '😀'), { maxLength: 400 })
  .map((all) => all.join(''));
const period = fc.tuple(long, fc.integer({ min: 1, max: 9 })).map(([text, n]) => text.repeat(n));

describe('engine/substring', () => {
  // The built-in searches are the judges of what is right.
  it('finds the same texts and bytes as the built-in searches', () => {
    fc.assert(
      fc.property(period, period, fc.nat(300), fc.nat(300), (text, other, cutFront, cutEnd) => {
        for (const part of [text.slice(cutFront, text.length - cutEnd), other, `${other}b`]) {
          expect(includesText(text, part)).to.equal(text.includes(part));
          const [bytes, partBytes] = [Buffer.from(text), Buffer.from(part)];
          expect(includesBytes(bytes, partBytes)).to.equal(bytes.includes(partBytes));
        }
      }),
      { numRuns: 500 },
    );
  });

  // Where a search that falls back too far would miss the part: its beginning comes again inside of it.
  it('finds a part whose beginning comes twice', () => {
    const part = `${'ab'.repeat(50)}c`;
    expect(includesText(`abab${part}`, part)).to.equal(true);
    expect(includesText(`${part.slice(0, -1)}ab`, part)).to.equal(false);
    expect(includesText(part, part)).to.equal(true);
    expect(includesText(part, `${part}c`)).to.equal(false);
  });

  it('finds the empty part everywhere', () => {
    expect(includesText('', '')).to.equal(true);
    expect(includesBytes(new Uint8Array(), new Uint8Array())).to.equal(true);
    expect(includesBytes(Buffer.of(1), new Uint8Array())).to.equal(true);
  });

  // Bytes that a driver hands out may be a part of a larger buffer.
  it('looks at nothing but the bytes given', () => {
    const whole = Buffer.alloc(300, 1);
    whole[250] = 2;
    expect(includesBytes(whole.subarray(0, 200), whole.subarray(180, 251))).to.equal(false);
    expect(includesBytes(whole.subarray(100), whole.subarray(180, 251))).to.equal(true);
    expect(includesBytes(whole.subarray(0, 250), Buffer.of(2))).to.equal(false);
  });

  // The built-in search takes 13 seconds for these, in which nobody else is served.
  it('takes no long time for parts that nearly match everywhere', () => {
    const text = 'a'.repeat(390_000);
    const parts = [`${'a'.repeat(1000)}b${'a'.repeat(190_000)}`, `${'a'.repeat(63)}b`, `b${'a'.repeat(63)}`];
    const start = performance.now();
    for (const part of parts) {
      expect(includesText(text, part)).to.equal(false);
      expect(includesBytes(Buffer.from(text), Buffer.from(part))).to.equal(false);
    }
    expect(performance.now() - start).to.be.below(1000);
  });
});
