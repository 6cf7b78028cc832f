import { expect } from 'chai';
import fc from 'fast-check';
import { ByteCollector } from '../../../magnetodb/api/byte-collector.js';

describe('ByteCollector', () => {
  // Most bodies come in one piece; a copy of each would cost every request.
  it('hands a single chunk back uncopied', () => {
    const collector = new ByteCollector();
    const chunk = Buffer.from('body');
    collector.add(chunk);
    expect(collector.take()).to.equal(chunk);
  });

  // Whatever the borders of the chunks, the bytes are the same; and a collector can be used again.
  it('joins chunks in their order, again and again', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 })), (rounds) => {
        const collector = new ByteCollector();
        for (const chunks of rounds) {
          const before = chunks.map((chunk) => Buffer.from(chunk));
          for (const chunk of chunks) collector.add(Buffer.from(chunk));
          expect(collector.sizeBytes).to.equal(Buffer.concat(before).length);
          expect(collector.take()).to.deep.equal(Buffer.concat(before));
        }
      }),
    );
  });

  // A body in one-byte chunks is legal HTTP; an object for each byte would be a hundred times its size.
  it('takes many tiny chunks in little memory', () => {
    const collector = new ByteCollector();
    for (let i = 0; i < 1_000_000; i++) collector.add(Buffer.of(i & 0xff));
    const joined = collector.take();
    expect(joined.length).to.equal(1_000_000);
    expect(joined.buffer.byteLength).to.be.below(4_000_000);
  });
});
