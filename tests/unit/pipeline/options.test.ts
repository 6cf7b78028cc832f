import { Type, type TSchema } from '@sinclair/typebox';
import { expect } from 'chai';
import { readOptions } from '../../../magnetodb/pipeline/options.js';
import { PasteError, type PasteOption } from '../../../magnetodb/pipeline/paste-file.js';

const option = (name: string, value: string): PasteOption => ({ name, value, line: 7, section: 'filter:x' });

function read(
  schema: TSchema,
  own: Record<string, string>,
  inherited: Record<string, string> = {},
): Record<string, unknown> {
  const list = (texts: Record<string, string>): PasteOption[] =>
    Object.entries(texts).map(([name, value]) => option(name, value));
  return readOptions(
    schema,
    list(own),
    list(inherited),
    (at, name, reason) => new PasteError('p.ini', at?.line, 'filter:x', name, reason),
  );
}

describe('readOptions', () => {
  const booleans: [string, boolean][] = [
    ['true', true],
    ['True', true],
    ['YES', true],
    ['on', true],
    ['1', true],
    // Data API, Q40: the original took any text for true.
    ['False', false],
    ['no', false],
    ['Off', false],
    ['0', false],
  ];
  for (const [text, value] of booleans) {
    it(`takes ${text} for ${value}`, () => {
      expect(read(Type.Object({ is_admin: Type.Boolean() }), { is_admin: text })).to.deep.equal({
        is_admin: value,
      });
    });
  }

  for (const text of ['', '2', 'truthy', 'nope', 'null', 'true false']) {
    // What isn't plainly a boolean must not become one.
    it(`refuses "${text}" as a boolean`, () => {
      expect(() => read(Type.Object({ is_admin: Type.Boolean() }), { is_admin: text }))
        .to.throw(PasteError, 'must be true, false, yes, no, on, off, 1 or 0')
        .that.includes({ option: 'is_admin', line: 7 });
    });
  }

  it('reads integers, numbers and texts', () => {
    const schema = Type.Object({ i: Type.Integer(), n: Type.Number(), s: Type.String() });
    expect(read(schema, { i: '-12', n: '.5', s: '12' })).to.deep.equal({ i: -12, n: 0.5, s: '12' });
  });

  for (const text of ['', '1.5', '1e3', '0x10', '12 MB', ' ', 'Infinity']) {
    // JavaScript's own conversions would take most of these for something.
    it(`refuses "${text}" as an integer`, () => {
      expect(() => read(Type.Object({ i: Type.Integer() }), { i: text })).to.throw(PasteError, 'integer');
    });
  }

  // oslo writes lists with commas; long ones go over several lines.
  it('splits lists at commas and newlines, each item by its own type', () => {
    const schema = Type.Object({ l: Type.Array(Type.Integer()) });
    expect(read(schema, { l: '1, 2,3\n4,\n5' })).to.deep.equal({ l: [1, 2, 3, 4, 5] });
    expect(read(schema, { l: '' })).to.deep.equal({ l: [] });
    expect(() => read(schema, { l: '1,x' })).to.throw(PasteError, 'integer');
  });

  it('reads closed choices, and names them when refusing', () => {
    const schema = Type.Object({ c: Type.Union([Type.Literal('a'), Type.Literal('b')]) });
    expect(read(schema, { c: 'b' })).to.deep.equal({ c: 'b' });
    expect(() => read(schema, { c: 'c' }))
      .to.throw(PasteError)
      .that.includes({ option: 'c' });
    const plain = Type.Object({ c: Type.String({ enum: ['a', 'b'] }) });
    expect(() => read(plain, { c: 'c' })).to.throw(PasteError, 'must be one of a, b');
  });

  it('fills in defaults', () => {
    expect(read(Type.Object({ i: Type.Integer({ default: 5 }) }), {})).to.deep.equal({ i: 5 });
  });

  // A misspelt option that is ignored would leave a limit off.
  it('refuses an own option that the schema does not name', () => {
    expect(() => read(Type.Object({ limit: Type.Optional(Type.Integer()) }), { limt: '1' }))
      .to.throw(PasteError, 'is unknown; known are limit')
      .that.includes({ option: 'limt', line: 7 });
  });

  // Names of Object.prototype are in every object, but in no schema.
  it('refuses options called like members of every object', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const own = [option(name, 'x')];
      expect(() =>
        readOptions(Type.Object({}), own, [], (at, named, reason) => {
          return new PasteError('p.ini', at?.line, undefined, named, reason);
        }),
      ).to.throw(PasteError, 'is unknown');
    }
  });

  // [DEFAULT] is for all sections: each takes what it knows, its own options win.
  it('ignores inherited options that the schema does not name', () => {
    const schema = Type.Object({ a: Type.String(), b: Type.String() });
    expect(read(schema, { b: 'own' }, { a: 'inherited', b: 'inherited', c: 'else' })).to.deep.equal({
      a: 'inherited',
      b: 'own',
    });
  });

  it('refuses a missing option that is required', () => {
    expect(() => read(Type.Object({ need: Type.String() }), {}))
      .to.throw(PasteError, 'is required')
      .that.includes({ option: 'need' });
  });

  // A message may land in a log that more people read than the paste file.
  it('never quotes a value', () => {
    const schema = Type.Object({ password: Type.String({ maxLength: 3 }) });
    expect(() => read(schema, { password: 'hunter2' }))
      .to.throw(PasteError)
      .that.satisfies((error: Error) => !error.message.includes('hunter2'));
  });
});
