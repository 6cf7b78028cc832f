import { expect } from 'chai';
import fc from 'fast-check';
import { itemToJson } from '../../../magnetodb/engine/item-codec.js';
import { decodeStored, encodeStored, StoredItem } from '../../../magnetodb/engine/stored-item.js';
import type { AttributeValue } from '../../../magnetodb/engine/values.js';
import { item, items, N, S, v1Items } from './arbitraries.js';

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

const JSON_TEXT = '{"a":{"S":"é😀"},"b":{"N":"1"},"c":{"S":""}}';

describe('engine/stored-item', () => {
  describe('StoredItem', () => {
    it('hands its bytes through untouched, not as a copy', () => {
      const json = Buffer.from(JSON_TEXT);
      expect(new StoredItem(json).json).to.equal(json);
    });

    it('parses its bytes once', () => {
      const stored = new StoredItem(Buffer.from(JSON_TEXT));
      expect([...stored.item]).to.deep.equal([
        ['a', S('é😀')],
        ['b', N('1')],
        ['c', S('')],
      ]);
      expect(stored.item).to.equal(stored.item);
    });

    it('writes a parsed item as UTF-8 JSON, and keeps the item', () => {
      const some = item({ a: S('é😀'), b: N('1'), c: S('') });
      const stored = StoredItem.of(some);
      expect(stored.item).to.equal(some);
      expect(textOf(stored.json)).to.equal(JSON_TEXT);
      expect(stored.json).to.deep.equal(stored.json);
    });

    it('reads bytes that are a part of something longer', () => {
      const padded = Buffer.from(`xx${JSON_TEXT}yy`);
      const stored = new StoredItem(new Uint8Array(padded.buffer, padded.byteOffset + 2, padded.length - 4));
      expect([...stored.item.keys()]).to.deep.equal(['a', 'b', 'c']);
    });

    it('knows an item without attributes', () => {
      expect(textOf(StoredItem.EMPTY.json)).to.equal('{}');
      expect(StoredItem.EMPTY.item.size).to.equal(0);
      expect(textOf(StoredItem.of(new Map()).json)).to.equal('{}');
    });
  });

  describe('project', () => {
    const makers: [name: string, make: () => StoredItem][] = [
      ['stored bytes', () => new StoredItem(Buffer.from(JSON_TEXT))],
      [
        'stored bytes that were parsed before',
        () => {
          const stored = new StoredItem(Buffer.from(JSON_TEXT));
          expect(stored.item.size).to.equal(3);
          return stored;
        },
      ],
      ['a parsed item', () => StoredItem.of(item({ a: S('é😀'), b: N('1'), c: S('') }))],
    ];
    for (const [name, make] of makers) {
      it(`keeps the attributes named in stored order, from ${name}`, () => {
        const projected = make().project(['c', 'a', 'c', 'zz', '__proto__']);
        expect(textOf(projected.json)).to.equal('{"a":{"S":"é😀"},"c":{"S":""}}');
        expect([...projected.item.keys()]).to.deep.equal(['a', 'c']);
      });

      it(`gives the same item back where nothing is left out, from ${name}`, () => {
        const stored = make();
        expect(stored.project(['c', 'b', 'a', 'd'])).to.equal(stored);
      });

      it(`gives the item without attributes where nothing is left, from ${name}`, () => {
        expect(textOf(make().project(['d']).json)).to.equal('{}');
        expect(make().project([]).item.size).to.equal(0);
      });
    }
  });

  describe('encodeStored and decodeStored', () => {
    // The stored form: rows written by an older release must stay readable.
    it('puts a format byte before the JSON: 1 for items of the v1 types', () => {
      expect(textOf(encodeStored(StoredItem.of(item({ a: S('x') }))))).to.equal('\x01{"a":{"S":"x"}}');
      expect(textOf(encodeStored(StoredItem.EMPTY))).to.equal('\x01{}');
    });

    const documents: AttributeValue[] = [
      { type: 'BOOL', value: true },
      { type: 'NULL' },
      { type: 'L', value: [] },
      { type: 'M', value: new Map() },
    ];
    for (const value of documents) {
      it(`writes format 2 where an attribute is of type ${value.type}, which processes of v1 alone can't read`, () => {
        const some = item({ a: S('x'), b: value });
        expect(encodeStored(StoredItem.of(some))[0]).to.equal(2);
        expect(encodeStored(new StoredItem(Buffer.from(itemToJson(some))))[0]).to.equal(2);
      });
    }

    it('writes the same from bytes as from a parsed item', () => {
      fc.assert(
        fc.property(items, (some) => {
          const fromItem = encodeStored(StoredItem.of(some));
          const fromBytes = encodeStored(new StoredItem(Buffer.from(itemToJson(some))));
          expect(Buffer.compare(fromItem, fromBytes)).to.equal(0);
        }),
      );
    });

    it('reads what it wrote, for any item', () => {
      fc.assert(
        fc.property(fc.oneof(v1Items, items), (some) => {
          const decoded = decodeStored(Uint8Array.from(encodeStored(StoredItem.of(some))));
          expect(textOf(decoded.json)).to.equal(itemToJson(some));
          expect(itemToJson(decoded.item)).to.equal(itemToJson(some));
        }),
      );
    });

    it('copies nothing: the JSON is a part of the value, and a read item goes back as it came', () => {
      const value = Buffer.from(`\x01${JSON_TEXT}`);
      const decoded = decodeStored(value);
      expect(decoded.json.buffer).to.equal(value.buffer);
      expect(decoded.json.byteOffset).to.equal(value.byteOffset + 1);
      expect(encodeStored(decoded)).to.equal(value);

      const written = StoredItem.of(item({ a: S('x') }));
      expect(written.json.buffer).to.equal(encodeStored(written).buffer);
      expect(encodeStored(written)).to.equal(encodeStored(written));
    });

    for (const [name, value] of [
      ['an unknown format', Buffer.from('\x03{}')],
      ['bare JSON', Buffer.from('{}')],
      ['nothing', Buffer.alloc(0)],
    ] as const) {
      it(`refuses ${name} with a clear error`, () => {
        expect(() => decodeStored(value)).to.throw(
          `a stored item has format ${String(value[0])}; this release reads 1 and 2`,
        );
      });
    }
  });
});
