import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { expect } from 'chai';
import { loadPipeline, PasteError, type Pipeline } from '../../../magnetodb/pipeline/loader.js';
import {
  compose,
  fakeService,
  folderWith,
  KeepingLogger,
  removeFolders,
  serve,
  type Served,
} from './serve.js';

/**
 * Filters and apps that the tests name in paste files. `trail` notes the filters passed in a response header;
 * `thrower` and its kin fail in each way that there is.
 */
const PARTS = `
const object = (properties = {}) => ({ type: 'object', properties });
const filter = (create, properties) => ({ kind: 'filter', options: object(properties), create });
const app = (handle, properties) => ({ kind: 'app', options: object(properties), create: () => handle });
const text = { type: 'string' };

export const trail = filter(({ name, events }, { logger }) => {
  logger.info('made', { name });
  return {
    handle(req, res, next) {
      res.setHeader('X-Trail', [res.getHeader('X-Trail') ?? '', name].join(' ').trim());
      next();
    },
    close() { logger.info('closed', { name }); },
  };
}, { name: text });

export const catcher = filter(({ name, passes }) => ({
  handle: (req, res, next) => { next(); },
  handleError(error, req, res, next) {
    if (passes === 'throws') throw new Error(name + ' ' + error.message);
    if (passes === 'rejects') return Promise.reject(new Error(name + ' ' + error.message));
    if (passes === 'next') { next(new Error(name + ' ' + error.message)); return; }
    if (passes === 'empty') { next(); return; }
    res.statusCode = 418;
    res.end(name + ' ' + error.message);
  },
}), { name: text, passes: text });

export const failing = filter(({ how }) => (req, res, next) => {
  if (how === 'throws') throw new Error('thrown');
  if (how === 'rejects') return Promise.reject(new Error('rejected'));
  if (how === 'rejects with nothing') return Promise.reject();
  if (how === 'after next') { next(); throw new Error('late'); }
  next(new Error('passed on'));
}, { how: text });

export const twice = filter(() => (req, res, next) => { next(); next(); next(new Error('again')); });
export const refusing = filter(() => { throw new Error('not on this machine'); });
export const empty = filter(() => ({}));
export const badCloser = filter(() => ({
  handle: (req, res, next) => { next(); },
  close() { throw new Error('stuck'); },
}));

export const echo = app((req, res) => {
  const { url, baseUrl, originalUrl, context } = req;
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify({ url, baseUrl, originalUrl, scriptName: context.scriptName, host: context.host }));
});
export const ok = app((req, res) => { res.end('ok'); });
export const other = app((req, res) => { res.end('other'); });
export const nobody = app((req, res, next) => { next(); });
export const appThrows = app(() => { throw new Error('secret detail'); });
export const half = app(async (req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/plain' });
  res.write('half');
  await new Promise((resolve) => setImmediate(resolve));
  throw new Error('too late');
});
export const whole = app((req, res) => {
  res.end('whole');
  throw new Error('after the end');
});
export const numeral = app((req, res) => { res.end('n'); }, { limit: { type: 'integer' }, is_admin: { type: 'boolean' } });
export const notAFactory = { kind: 'filter' };
export default ok;
`;

describe('loadPipeline', () => {
  let pipeline: Pipeline | undefined;
  let served: Served | undefined;
  let logger: KeepingLogger;

  beforeEach(() => {
    logger = new KeepingLogger();
  });
  afterEach(async () => {
    await served?.close();
    await pipeline?.close();
    served = undefined;
    pipeline = undefined;
    await removeFolders();
  });

  const load = async (paste: string): Promise<Pipeline> => {
    pipeline = await compose(paste, fakeService({ logger }), { 'parts.mjs': PARTS });
    return pipeline;
  };
  const start = async (paste: string): Promise<Served> => {
    const { handle } = await load(paste).then((loaded) => ({
      handle: (...args: Parameters<Pipeline['handle']>) => {
        loaded.handle(...args);
      },
    }));
    served = await serve(handle);
    return served;
  };
  const refused = async (paste: string): Promise<PasteError> => {
    try {
      await load(paste);
    } catch (error) {
      if (error instanceof PasteError) return error;
      throw error;
    }
    throw new Error('the paste file was taken');
  };
  const section = (kind: 'filter' | 'app', name: string, part: string, ...options: string[]): string =>
    [`[${kind}:${name}]`, `use = ./parts.mjs#${part}`, ...options, ''].join('\n');

  describe('composition', () => {
    // The file is the only place where order is decided.
    it('passes the filters in the order of the file, then the app', async () => {
      const { request } = await start(
        '[pipeline:main]\npipeline = b\n  a c\n  end\n' +
          section('app', 'end', 'ok') +
          ['a', 'b', 'c'].map((name) => section('filter', name, 'trail', `name = ${name}`)).join(''),
      );
      const answer = await request('/');
      expect(answer.text).to.equal('ok');
      expect(answer.headers['x-trail']).to.equal('b a c');
    });

    it('takes an app alone for main, by its default export', async () => {
      const { request } = await start('[app:main]\nuse = ./parts.mjs\n');
      expect((await request('/any')).text).to.equal('ok');
    });

    // Paste Deploy makes one for each use; a rate limit over two APIs needs one for both.
    it('makes one filter for a section, however many pipelines name it', async () => {
      await load(
        '[composite:main]\nuse = magnetodb:urlmap\n/a = one\n/b = two\n' +
          '[pipeline:one]\npipeline = f end\n[pipeline:two]\npipeline = f end\n' +
          section('filter', 'f', 'trail', 'name = f') +
          section('app', 'end', 'ok'),
      );
      expect(logger.lines.filter(({ event }) => event === 'made')).to.have.length(1);
    });

    // Paste Deploy: [filter:b] with use = a is a variant of a.
    it('lets a section use another one and change its options', async () => {
      const { request } = await start(
        '[pipeline:main]\npipeline = a b end\n' +
          section('filter', 'a', 'trail', 'name = a') +
          '[filter:b]\nuse = a\nname = b\n' +
          section('app', 'end', 'ok'),
      );
      expect((await request('/')).headers['x-trail']).to.equal('a b');
    });

    // Paste Deploy: inherited options, overridden by `set`; by the section's own line, here, too.
    it('lets sections inherit options, and override them', async () => {
      const { request } = await start(
        '[DEFAULT]\nname = inherited\nunknown = ignored\n' +
          '[pipeline:main]\npipeline = a b c end\n' +
          section('filter', 'a', 'trail') +
          section('filter', 'b', 'trail', 'set name = set') +
          section('filter', 'c', 'trail', 'name = own') +
          section('app', 'end', 'ok'),
      );
      expect((await request('/')).headers['x-trail']).to.equal('inherited set own');
    });

    it('loads factories from packages beside the paste file', async () => {
      const folder = await folderWith({
        'p.ini':
          '[pipeline:main]\npipeline = esm cjs end\n[filter:esm]\nuse = @ours/esm#filter\nname = e\n' +
          '[filter:cjs]\nuse = cjs-filters/trail#filter\nname = c\n[app:end]\nuse = @ours/esm\n',
      });
      const esm = path.join(folder, 'node_modules/@ours/esm');
      const cjs = path.join(folder, 'node_modules/cjs-filters');
      await mkdir(path.join(esm, 'lib'), { recursive: true });
      await mkdir(cjs, { recursive: true });
      const description = { name: '@ours/esm', type: 'module', exports: { '.': { import: './lib/x.js' } } };
      await writeFile(path.join(esm, 'package.json'), JSON.stringify(description));
      await writeFile(path.join(esm, 'lib/x.js'), `${PARTS}\nexport { trail as filter };`);
      await writeFile(path.join(cjs, 'package.json'), '{"name":"cjs-filters"}');
      await writeFile(
        path.join(cjs, 'trail.js'),
        PARTS.replaceAll('export const ', 'const ').replace(
          'export default ok',
          'module.exports = { filter: trail }',
        ),
      );
      pipeline = await loadPipeline(path.join(folder, 'p.ini'), fakeService({ logger }));
      const names = logger.lines.filter(({ event }) => event === 'made').map(({ fields }) => fields.name);
      expect(names).to.deep.equal(['e', 'c']);
    });
  });

  describe('URL map', () => {
    const MAP =
      '[composite:main]\nuse = magnetodb:urlmap\n/v1 = echo\n/v1/data/ = data\n/ = root\n' +
      '[pipeline:data]\npipeline = echo\n' +
      section('app', 'echo', 'echo') +
      section('app', 'root', 'other');

    const mapped: [string, Record<string, string>][] = [
      ['/v1/data', { url: '/', baseUrl: '/v1/data' }],
      ['/v1/data/', { url: '/', baseUrl: '/v1/data' }],
      ['/v1/data?a=/b', { url: '/?a=/b', baseUrl: '/v1/data' }],
      ['/v1/data/p/tables?x', { url: '/p/tables?x', baseUrl: '/v1/data' }],
      ['/v1/database', { url: '/database', baseUrl: '/v1' }],
      ['/v1?x', { url: '/?x', baseUrl: '/v1' }],
    ];
    for (const [target, { url, baseUrl }] of mapped) {
      // Paste: the longest prefix wins, over whole segments, and moves to SCRIPT_NAME.
      it(`gives ${target} to ${String(baseUrl)}`, async () => {
        const { request } = await start(MAP);
        expect((await request(target)).body).to.deep.equal({
          url,
          baseUrl,
          originalUrl: target,
          scriptName: baseUrl,
        });
      });
    }

    it('gives the rest to /', async () => {
      const { request } = await start(MAP);
      expect((await request('/V1')).text).to.equal('other');
      expect((await request('/v1x')).text).to.equal('other');
    });

    // A balancer's check must not take a mistyped path for a living service.
    it('answers 404 in the fault shape where no prefix matches', async () => {
      const { request } = await start(
        '[composite:main]\nuse = magnetodb:urlmap\n/a = end\n' + section('app', 'end', 'ok'),
      );
      const answer = await request('/b');
      expect(answer.status).to.equal(404);
      expect(answer.body).to.deep.include({ code: 404, title: 'Not Found' });
    });

    // RFC 9112, 3.2.2: servers take the absolute form, and its host wins.
    it('takes the absolute form of a target', async () => {
      const { request } = await start(MAP);
      const answer = await request('http://kv.example.org:81/v1/data/x?y', { headers: { Host: 'else' } });
      expect(answer.body).to.deep.include({
        url: '/x?y',
        originalUrl: '/v1/data/x?y',
        host: 'kv.example.org:81',
      });
    });

    it('maps a composite into a composite', async () => {
      const { request } = await start(
        '[composite:main]\nuse = magnetodb:urlmap\n/v1 = inner\n' +
          '[composite:inner]\nuse = magnetodb:urlmap\n/data = echo\n' +
          section('app', 'echo', 'echo'),
      );
      expect((await request('/v1/data/x')).body).to.deep.include({ url: '/x', scriptName: '/v1/data' });
      expect((await request('/v1/x')).status).to.equal(404);
    });
  });

  describe('errors of requests', () => {
    const failing = (how: string, ...filters: [string, string][]): string =>
      `[pipeline:main]\npipeline = ${filters.map(([name]) => name).join(' ')} f end\n` +
      filters
        .map(([name, passes]) => section('filter', name, 'catcher', `name = ${name}`, `passes = ${passes}`))
        .join('') +
      section('filter', 'f', 'failing', `how = ${how}`) +
      section('app', 'end', 'nobody');

    for (const [how, message] of [
      ['throws', 'thrown'],
      ['rejects', 'rejected'],
      ['next', 'passed on'],
      ['rejects with nothing', 'a filter or app failed without an error'],
    ] as const) {
      // pipeline/types.ts: thrown, rejected or passed on, it is one.
      it(`go to the nearest filter outside, when a filter ${how}`, async () => {
        const { request } = await start(failing(how, ['outer', 'answers'], ['inner', 'answers']));
        expect(await request('/')).to.deep.include({ status: 418, text: `inner ${message}` });
      });
    }

    for (const passes of ['throws', 'rejects', 'next']) {
      it(`go further out, when an error handler ${passes}`, async () => {
        const { request } = await start(failing('throws', ['outer', 'answers'], ['inner', passes]));
        expect((await request('/')).text).to.equal('outer inner thrown');
      });
    }

    // next() without an error from an error handler answers nothing: the error stays.
    it('stay what they are, when an error handler passes nothing on', async () => {
      const { request } = await start(failing('throws', ['outer', 'answers'], ['inner', 'empty']));
      expect((await request('/')).text).to.equal('outer thrown');
    });

    it('do not reach filters that the request has not passed', async () => {
      const { request } = await start(
        '[pipeline:main]\npipeline = f inner end\n' +
          section('filter', 'f', 'failing', 'how = throws') +
          section('filter', 'inner', 'catcher', 'name = inner', 'passes = answers') +
          section('app', 'end', 'ok'),
      );
      expect((await request('/')).status).to.equal(500);
    });

    it('leave an inner pipeline for the filters of the outer one', async () => {
      const { request } = await start(
        '[pipeline:main]\npipeline = outer map\n[composite:map]\nuse = magnetodb:urlmap\n/ = in\n' +
          '[pipeline:in]\npipeline = inner end\n' +
          section('filter', 'outer', 'catcher', 'name = outer', 'passes = answers') +
          section('filter', 'inner', 'catcher', 'name = inner', 'passes = next') +
          section('app', 'end', 'appThrows'),
      );
      expect((await request('/')).text).to.equal('outer inner secret detail');
    });

    // An app that has no such resource says so by next(): filters see it as an error, so that they can shape it.
    it('include the 404 of an app that passes on', async () => {
      const { request } = await start(
        '[pipeline:main]\npipeline = c end\n' +
          section('filter', 'c', 'catcher', 'name = c', 'passes = answers') +
          section('app', 'end', 'nobody'),
      );
      expect((await request('/')).text).to.equal('c Not Found');
    });

    // DESIGN: a 5xx never shows a detail; the operator finds it in the log.
    it('that nobody answers are 500 without detail, and logged with it', async () => {
      const { request } = await start(section('app', 'main', 'appThrows'));
      const answer = await request('/');
      expect(answer.status).to.equal(500);
      expect(answer.headers['content-type']).to.equal('application/json; charset=UTF-8');
      expect(answer.body).to.deep.include({ code: 500, title: 'Internal Server Error' });
      expect(answer.text).not.to.contain('secret');
      expect(logger.lines).to.have.length(1);
      expect(logger.lines[0]).to.include({ level: 'error', event: 'request failed' });
      expect(logger.lines[0]?.fields.error).to.have.property('message', 'secret detail');
    });

    // A filter that calls next twice must not run a request twice.
    it('come from a first next only: further calls do nothing', async () => {
      const { request } = await start(
        '[pipeline:main]\npipeline = t a end\n' +
          section('filter', 't', 'twice') +
          section('filter', 'a', 'trail', 'name = a') +
          section('app', 'end', 'ok'),
      );
      const answer = await request('/');
      expect(answer.text).to.equal('ok');
      expect(answer.headers['x-trail']).to.equal('a');
      expect(logger.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
    });

    // A client must never take half an answer for a whole one: the connection is cut before the last chunk.
    it('that come after the head cut the connection and are logged', async () => {
      const { port } = await start(
        '[pipeline:main]\npipeline = c end\n' +
          section('filter', 'c', 'catcher', 'name = c', 'passes = answers') +
          section('app', 'end', 'half'),
      );
      const socket = net.connect(port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      let received = '';
      socket.on('data', (piece: Buffer) => (received += piece.toString()));
      socket.on('error', () => undefined); // a reset is as good a cut as any
      await once(socket, 'close');
      expect(received).to.contain('half');
      expect(received).not.to.match(/0\r\n\r\n$/);
      const line = await logger.waitFor('error after the head of the answer');
      expect(line.level).to.equal('error');
      expect(line.fields).to.include({ cut: true });
    });

    // What is whole is no half answer: the client keeps it and its connection.
    it('that come after a whole answer only go to the log', async () => {
      const { request } = await start(section('app', 'main', 'whole'));
      expect(await request('/')).to.deep.include({ status: 200, text: 'whole' });
      expect((await logger.waitFor('error after the head of the answer')).fields).to.include({ cut: false });
    });

    it('that a filter throws after it has passed on leave the answer alone', async () => {
      const { request } = await start(
        '[pipeline:main]\npipeline = f end\n' +
          section('filter', 'f', 'failing', 'how = after next') +
          section('app', 'end', 'ok'),
      );
      expect(await request('/')).to.deep.include({ status: 200, text: 'ok' });
    });
  });

  describe('close', () => {
    const PASTE =
      '[pipeline:main]\npipeline = a bad b end\n' +
      section('filter', 'a', 'trail', 'name = a') +
      section('filter', 'bad', 'badCloser') +
      section('filter', 'b', 'trail', 'name = b') +
      section('app', 'end', 'ok');
    const closedNames = (): unknown[] =>
      logger.lines.filter(({ event }) => event === 'closed').map(({ fields }) => fields.name);

    // What was made last may use what was made first; one that is stuck must not leak the others' resources.
    it('closes all parts once, the last made first, whatever fails', async () => {
      const loaded = await load(PASTE);
      await Promise.all([loaded.close(), loaded.close()]);
      await loaded.close();
      expect(closedNames()).to.deep.equal(['b', 'a']);
      expect(logger.lines.filter(({ level }) => level === 'error')).to.have.length(1);
      expect(logger.lines.find(({ level }) => level === 'error')?.fields).to.include({
        section: 'filter:bad',
      });
    });

    // A start that fails half-way must not keep sockets or timers open.
    it('closes what was made when composition fails', async () => {
      await refused(
        '[pipeline:main]\npipeline = a no end\n' +
          section('filter', 'a', 'trail', 'name = a') +
          section('filter', 'no', 'refusing') +
          section('app', 'end', 'ok'),
      );
      expect(closedNames()).to.deep.equal(['a']);
    });
  });

  describe('refuses', () => {
    const END = section('app', 'end', 'ok');
    const wrong: [what: string, paste: string, place: Partial<PasteError>, message: string][] = [
      [
        'a file without main',
        '[app:other]\nuse = ./parts.mjs\n',
        { line: undefined },
        'there is no [composite:main]',
      ],
      ['a filter named main', section('filter', 'main', 'trail'), {}, 'there is no [composite:main]'],
      [
        'a filter that is not there',
        '[pipeline:main]\npipeline = nope end\n' + END,
        { line: 2, section: 'pipeline:main', option: 'pipeline' },
        'there is no [filter:nope]',
      ],
      [
        'an app that is not there',
        '[pipeline:main]\npipeline = nope\n',
        { line: 2, section: 'pipeline:main', option: 'pipeline' },
        'there is no [app:nope], [pipeline:nope] or [composite:nope]',
      ],
      [
        'an app among filters',
        '[pipeline:main]\npipeline = end end\n' + END,
        { line: 2, option: 'pipeline' },
        '[app:end] is no filter',
      ],
      [
        'a filter at the end',
        '[pipeline:main]\npipeline = f\n' + section('filter', 'f', 'trail'),
        { line: 2, option: 'pipeline' },
        '[filter:f] is no app',
      ],
      [
        'an app factory in a filter section',
        '[pipeline:main]\npipeline = f end\n' + section('filter', 'f', 'ok') + END,
        { line: 4, section: 'filter:f', option: 'use' },
        'is an app, not a filter',
      ],
      [
        'a filter factory in an app section',
        section('app', 'main', 'trail'),
        { line: 2, section: 'app:main', option: 'use' },
        'is a filter, not an app',
      ],
      ['an empty pipeline', '[pipeline:main]\npipeline =\n', { line: 2, option: 'pipeline' }, 'is required'],
      ['a pipeline without its list', '[pipeline:main]\n', { line: 1, option: 'pipeline' }, 'is required'],
      [
        'another option in a pipeline',
        '[pipeline:main]\npipeline = end\nx = 1\n' + END,
        { line: 3, option: 'x' },
        '',
      ],
      [
        'set in a pipeline',
        '[pipeline:main]\nset x = 1\npipeline = end\n' + END,
        { line: 2, option: 'x' },
        'set',
      ],
      [
        'a pipeline inside itself',
        '[pipeline:main]\npipeline = map\n[composite:map]\nuse = magnetodb:urlmap\n/ = main\n',
        { section: 'pipeline:main' },
        'pipeline:main → composite:map → pipeline:main',
      ],
      [
        'sections that use each other',
        '[app:main]\nuse = b\n[app:b]\nuse = c\n[app:c]\nuse = b\n',
        { option: 'use' },
        'app:b → app:c → app:b',
      ],
      [
        'use of a section of another kind',
        '[app:main]\nuse = p\n[pipeline:p]\npipeline = end\n' + END,
        { line: 2, option: 'use' },
        '[pipeline:p] is a pipeline',
      ],
      [
        'a section without use',
        '[app:main]\nx = 1\n',
        { line: 1, section: 'app:main', option: 'use' },
        'is required',
      ],
      [
        'an unknown built-in',
        '[app:main]\nuse = magnetodb:nope\n',
        { line: 2, option: 'use' },
        "'magnetodb:nope' is not built in; built in are access_log,",
      ],
      [
        'a Python factory',
        '[app:main]\nuse = egg:magnetodb#app\n',
        { line: 2, option: 'use' },
        "'egg:' is Python's",
      ],
      [
        'a file that is not there',
        '[app:main]\nuse = ./nope.js#x\n',
        { line: 2, option: 'use' },
        "module './nope.js' can't be loaded",
      ],
      [
        'a package that is not there',
        '[app:main]\nuse = no-such-package-here\n',
        { line: 2, option: 'use' },
        "there is no [app:no-such-package-here], and module 'no-such-package-here' can't be loaded",
      ],
      [
        'an export that is not there',
        '[app:main]\nuse = ./parts.mjs#nope\n',
        { line: 2, option: 'use' },
        "has no export 'nope'",
      ],
      [
        'an export that is no factory',
        '[app:main]\nuse = ./parts.mjs#notAFactory\n',
        { line: 2, option: 'use' },
        'is no factory',
      ],
      [
        'a filter without a handler',
        '[pipeline:main]\npipeline = f end\n' + section('filter', 'f', 'empty') + END,
        { line: 4, section: 'filter:f' },
        'without a handler',
      ],
      [
        'what the factory refuses',
        '[pipeline:main]\npipeline = f end\n' + section('filter', 'f', 'refusing') + END,
        { line: 3, section: 'filter:f' },
        "can't be made: not on this machine",
      ],
      [
        'an unknown option',
        section('app', 'main', 'numeral', 'limits = 3'),
        { line: 3, section: 'app:main', option: 'limits' },
        'is unknown; known are is_admin, limit',
      ],
      [
        'an ill-typed option',
        section('app', 'main', 'numeral', 'limit = many'),
        { line: 3, section: 'app:main', option: 'limit' },
        'integer',
      ],
      [
        'an inherited option that is ill-typed, where it was written',
        '[DEFAULT]\nis_admin = maybe\n' + section('app', 'main', 'numeral'),
        { line: 2, section: 'DEFAULT', option: 'is_admin' },
        '(for [app:main])',
      ],
      [
        'a composite of another kind',
        '[composite:main]\nuse = x:y\n',
        { line: 2, option: 'use' },
        'magnetodb:urlmap',
      ],
      ['a composite without use', '[composite:main]\n/ = end\n' + END, { line: 1, option: 'use' }, 'urlmap'],
      ['an empty map', '[composite:main]\nuse = magnetodb:urlmap\n', { line: 2 }, 'needs a line /prefix'],
      [
        'a prefix without its slash',
        '[composite:main]\nuse = magnetodb:urlmap\nv1 = end\n' + END,
        { line: 3, option: 'v1' },
        'begins with a slash',
      ],
      [
        'one prefix in two spellings',
        '[composite:main]\nuse = magnetodb:urlmap\n/v1 = end\n/v1/ = end\n' + END,
        { line: 4, option: '/v1/' },
        'twice',
      ],
      [
        'a filter in a map',
        '[composite:main]\nuse = magnetodb:urlmap\n/ = f\n' + section('filter', 'f', 'trail'),
        { line: 3, option: '/' },
        '[filter:f] is no app',
      ],
    ];
    for (const [what, paste, place, message] of wrong) {
      // Whatever is wrong in the file must stop the start and name its place.
      it(what, async () => {
        const error = await refused(paste);
        expect(error.message).to.contain(message);
        expect(error).to.include(place);
        expect(error.file).to.match(/api-paste\.ini$/);
      });
    }

    it('a file that is not there', async () => {
      const loading = loadPipeline('/nonexistent/api-paste.ini', fakeService());
      const error = await loading.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(PasteError).that.has.property('file', '/nonexistent/api-paste.ini');
    });
  });
});
