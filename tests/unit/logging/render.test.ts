import { expect } from 'chai';
import fc from 'fast-check';
import type { LogFields, LogLevel } from '../../../magnetodb/logging/logger.js';
import { renderer } from '../../../magnetodb/logging/render.js';

const TIME = '2026-03-01T12:00:00.123Z';
const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];
const renderText = renderer('text');
const renderJson = renderer('json');

function text(event: string, fields?: LogFields, level: LogLevel = 'info'): string {
  return renderText(TIME, level, event, fields);
}

function json(event: string, fields?: LogFields, level: LogLevel = 'info'): Record<string, unknown> {
  return JSON.parse(renderJson(TIME, level, event, fields)) as Record<string, unknown>;
}

describe('a log record as JSON', () => {
  // Log collectors look for these names.
  it('is one object of time, level, event and fields, in this order', () => {
    expect(renderJson(TIME, 'info', 'request', { request_id: 'req-1', status: 200, took_ms: 1.5 })).to.equal(
      `{"timestamp":"${TIME}","level":"info","event":"request","request_id":"req-1","status":200,"took_ms":1.5}\n`,
    );
  });

  it('holds every kind of value, and leaves out what is undefined', () => {
    const fields = {
      b: true,
      n: null,
      u: undefined,
      o: { a: [1, 'x'] },
      big: 2n ** 70n,
      nan: NaN,
      f: () => 1,
    };
    expect(json('e', fields)).to.deep.equal({
      timestamp: TIME,
      level: 'info',
      event: 'e',
      b: true,
      n: null,
      o: { a: [1, 'x'] },
      big: '1180591620717411303424',
      nan: 'NaN',
      f: 'function',
    });
  });

  // A field from a request must not change what the record says of itself.
  it('keeps fields apart from the time, the level and the event', () => {
    const record = json('e', { level: 'x', event: 'y', timestamp: 'z' });
    expect(record).to.include({ level: 'info', event: 'e', timestamp: TIME });
    expect(record).to.include({ field_level: 'x', field_event: 'y', field_timestamp: 'z' });
  });

  it('tells an error with its code and its causes, and with its stack only at level error', () => {
    const root = Object.assign(new Error('disk full'), { code: 'ENOSPC' });
    const error = new TypeError('not written', { cause: new Error('commit failed', { cause: root }) });
    const causes = [
      { type: 'Error', message: 'commit failed' },
      { type: 'Error', message: 'disk full', code: 'ENOSPC' },
    ];
    expect(json('e', { error }, 'warn').error).to.deep.equal({
      type: 'TypeError',
      message: 'not written',
      causes,
    });
    const atError = json('e', { error }, 'error').error as Record<string, unknown>;
    expect(atError.causes).to.deep.equal(causes);
    expect(atError.stack).to.match(/^TypeError: not written\n +at /);
  });

  // Node's connect tries several addresses; its AggregateError has an empty message.
  it('tells what an AggregateError gathers, and errors inside other fields', () => {
    const error = new AggregateError([new Error('first'), new Error('second')], '');
    expect(json('e', { error }).error).to.deep.include({
      causes: [
        { type: 'Error', message: 'first' },
        { type: 'Error', message: 'second' },
      ],
    });
    expect(json('e', { tries: [new Error('first')] }).tries).to.deep.equal([
      { type: 'Error', message: 'first' },
    ]);
  });

  // Logging must never be what fails.
  it('survives circles, causes without end, and objects that throw', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const loop = new Error('loop');
    loop.cause = new Error('inner', { cause: loop });
    const throwing = {
      toJSON: () => {
        throw new Error('no');
      },
    };
    const record = json('e', { circle, loop, throwing });
    expect(record.circle).to.equal('(not serializable)');
    expect(record.throwing).to.equal('(not serializable)');
    expect(record.loop).to.deep.include({ causes: [{ type: 'Error', message: 'inner' }] });
  });

  // One record must not fill the disk, whatever a client sent.
  it('cuts long values', () => {
    const record = json('e', { text: 'x'.repeat(100_000), list: new Array(100_000).fill(1) });
    expect(record.text).to.be.a('string').with.lengthOf.below(20_000);
    expect(record.list).to.be.a('string').with.lengthOf.below(20_000);
  });
});

describe('a log record as text', () => {
  it('is time, level, event, and key=value pairs', () => {
    expect(text('table created', { table: 'readings', took_ms: 12, ok: true })).to.equal(
      `${TIME} INFO  table created table=readings took_ms=12 ok=true\n`,
    );
    expect(text('stopped', undefined, 'error')).to.equal(`${TIME} ERROR stopped\n`);
  });

  // So that pairs can be told apart again.
  it('quotes values with blanks, quotes or equals signs, and empty ones', () => {
    expect(text('e', { a: 'b c', d: 'e"f', g: 'h=i', j: '' })).to.equal(
      `${TIME} INFO  e a="b c" d="e\\"f" g="h=i" j=""\n`,
    );
  });

  it('tells an error on the same line, with its stack only at level error', () => {
    const error = new Error('no', { cause: Object.assign(new Error('down'), { code: 'ECONNRESET' }) });
    expect(text('e', { error }, 'warn')).to.equal(
      `${TIME} WARN  e error="Error: no; caused by Error [ECONNRESET]: down"\n`,
    );
    const atError = text('e', { error }, 'error');
    expect(atError).to.contain('stack="Error: no\\n ');
    expect(atError.trimEnd()).not.to.contain('\n');
  });
});

// Whoever can put a line break or an escape sequence into the log can forge records or steer a terminal.
describe('a log record in any format', () => {
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.anything({ withBigInt: true, withDate: true }));
  const fields = fc.dictionary(fc.string({ unit: 'binary' }), value, { maxKeys: 4 });

  it('is one line without control characters, whatever it holds', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(renderText, renderJson),
        fc.constantFrom(...LEVELS),
        fc.string({ unit: 'binary' }),
        fields,
        (render, level, event, someFields) => {
          const line = render(TIME, level, event, someFields);
          expect(line.endsWith('\n')).to.equal(true);
          // eslint-disable-next-line no-control-regex -- these are what it looks for
          expect(line.slice(0, -1)).not.to.match(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
        },
      ),
    );
  });

  it('as JSON can be read back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...LEVELS),
        fc.string({ unit: 'binary' }),
        fields,
        (level, event, someFields) => {
          const record = JSON.parse(renderJson(TIME, level, event, someFields)) as Record<string, unknown>;
          expect(record).to.include({ timestamp: TIME, level, event });
        },
      ),
    );
  });
});
