import { expect } from 'chai';
import fc from 'fast-check';
import { LineSplitter, type Line } from '../../../magnetodb/api/lines.js';

function splitAll(chunks: readonly Buffer[], maxLineBytes = 1024): Line[] {
  const splitter = new LineSplitter(maxLineBytes);
  const lines = chunks.flatMap((chunk) => [...splitter.split(chunk)]);
  const last = splitter.last();
  return last === undefined ? lines : [...lines, last];
}

describe('LineSplitter', () => {
  // A chunk's border may lie anywhere, inside a character too: lines must not depend on it.
  it('finds the same lines whatever the chunks are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 10 })),
        fc.boolean(),
        fc.array(fc.nat(50)),
        (words, endsInNewline, sizes) => {
          const lines = words.map((word) => `${word.replaceAll('\n', ' ')}\n`);
          const text = Buffer.from(lines.join('') + (endsInNewline ? '' : 'end'));
          const chunks: Buffer[] = [];
          let at = 0;
          for (const size of [...sizes, text.length]) {
            chunks.push(text.subarray(at, at + size));
            at += size;
          }
          const wanted = endsInNewline ? lines : [...lines, 'end'];
          expect(splitAll(chunks).map((line) => line.bytes.toString())).to.deep.equal(wanted);
        },
      ),
    );
  });

  // A blank line is a line, and so counted; the end of the text after a newline is none.
  it('counts blank lines, but nothing after the last newline', () => {
    expect(splitAll([Buffer.from('\n\na\n')])).to.have.lengthOf(3);
    expect(splitAll([])).to.have.lengthOf(0);
  });

  // The bound on memory: a line without end is read past, not kept.
  it('marks a line that is too long and goes on after it', () => {
    const long = Buffer.alloc(700, 'x');
    const lines = splitAll([long, long, long, Buffer.from('x\nnext\n')], 1024);
    expect(lines.map((line) => line.isTooLong)).to.deep.equal([true, false]);
    expect(lines[0]?.bytes.length).to.equal(256);
    expect(lines[1]?.bytes.toString()).to.equal('next\n');
  });

  // The bound includes the newline: exactly as long is allowed.
  it('takes a line of exactly the greatest length', () => {
    const line = `${'x'.repeat(1023)}\n`;
    expect(
      splitAll([Buffer.from(line), Buffer.from(`x${line}`)]).map((each) => each.isTooLong),
    ).to.deep.equal([false, true]);
  });
});
