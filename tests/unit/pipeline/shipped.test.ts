import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { loadPipeline, type Pipeline } from '../../../magnetodb/pipeline/loader.js';
import { compose, fakeService, KeepingLogger, removeFolders, serve, type Served } from './serve.js';

const FOLDER = path.resolve(import.meta.dirname, '../../../etc/magnetodb');

describe('the shipped paste files', () => {
  let pipeline: Pipeline | undefined;
  let served: Served | undefined;
  afterEach(async () => {
    await served?.close();
    await pipeline?.close();
    served = undefined;
    pipeline = undefined;
    await removeFolders();
  });

  const start = async (loading: Promise<Pipeline>): Promise<Served> => {
    const loaded = await loading;
    pipeline = loaded;
    served = await serve((req, res) => {
      loaded.handle(req, res);
    });
    return served;
  };

  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ini'));

  it('are there', () => {
    expect(files).to.include('api-paste.ini');
  });

  for (const file of files) {
    const text = readFileSync(path.join(FOLDER, file), 'utf8');
    const variants: [string, string][] = [
      [file, text],
      // What a comment offers must work when its sign is taken away.
      [`${file} with url_rewriter`, text.replace(/^pipeline = .*\n((?:# .*\n)*)# (pipeline = .*)$/m, '$2')],
    ];
    for (const [name, paste] of variants) {
      describe(name, () => {
        // Clients discover the versions before they have a token.
        it('answers / with the versions', async () => {
          const { request, port } = await start(compose(paste));
          const answer = await request('/');
          expect(answer.status).to.equal(200);
          expect(answer.body).to.have.nested.property(
            'versions[0].links[0].href',
            `http://127.0.0.1:${port}/v1/`,
          );
          expect(answer.headers['x-openstack-request-id']).to.match(/^req-/);
          expect(answer.headers['x-compute-request-id']).to.match(/^req-/);
          expect(answer.headers).to.include({ 'x-content-type-options': 'nosniff' });
        });

        for (const target of ['/no/such/path', '/v1/data', '/v1/data/p1', '/v1/database/p1/tables']) {
          // Data API 17.3: the existing client needs the member `error` in every error.
          it(`answers ${target} with 404 in the fault shape`, async () => {
            const { request } = await start(compose(paste));
            const answer = await request(target, { headers: { Accept: 'application/json' } });
            expect(answer.status).to.equal(404);
            expect(answer.headers['content-type']).to.equal('application/json; charset=UTF-8');
            expect(answer.body).to.deep.include({ code: 404, title: 'Not Found' });
            expect(answer.body).to.have.nested.property('error.type', 'NotFound');
            expect(answer.headers['x-openstack-request-id']).to.match(/^req-/);
          });
        }

        // There is no authentication yet: the file must not open a public port by itself.
        it('is refused where the service listens on all addresses', async () => {
          const service = fakeService({ bind: { host: '0.0.0.0', port: 8480 } });
          const error = await compose(paste, service).then(
            () => undefined,
            (reason: unknown) => reason,
          );
          expect(error).to.have.property('section', 'filter:noauth_context');
        });
      });
    }

    it(`${file}: the variants differ`, () => {
      expect(new Set(variants.map(([, paste]) => paste)).size).to.equal(variants.length);
    });

    // An operator who names a filter that no pipeline names yet must not find that its section is wrong.
    it(`${file}: every filter can be made with the options of the file`, async () => {
      const filters = [...text.matchAll(/^\[filter:(\w+)\]$/gm)].map(([, name]) => name);
      expect(filters).to.include('url_rewriter');
      const all =
        text.replace(/^\[composite:main\]\n(?:.+\n)*/m, '') +
        `\n[pipeline:main]\npipeline = ${filters.join(' ')} versions_app\n`;
      const { request } = await start(compose(all));
      expect((await request('/')).status).to.equal(200);
    });

    it(`${file}: composes from where it lies, and says that there is no authentication`, async () => {
      const logger = new KeepingLogger();
      pipeline = await loadPipeline(path.join(FOLDER, file), fakeService({ logger }));
      expect(logger.lines.filter(({ level }) => level === 'warn')).to.have.length(1);
    });
  }
});
