import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import type { Pipeline } from '../../../magnetodb/pipeline/loader.js';
import { compose, fakeService, KeepingLogger, removeFolders, serve, type Served } from './serve.js';

const DOC = path.resolve(import.meta.dirname, '../../../doc/writing-a-filter.rst');
const SHIPPED = path.resolve(import.meta.dirname, '../../../etc/magnetodb/api-paste.ini');

/** The texts of the code blocks of a language, without their indentation. */
function codeBlocks(text: string, language: string): string[] {
  const blocks: string[] = [];
  for (const [, block = ''] of text.matchAll(
    new RegExp(`^\\.\\. code-block:: ${language}\\n\\n((?:   .*\\n|\\n)+)`, 'gm'),
  )) {
    blocks.push(block.replace(/^ {3}/gm, ''));
  }
  return blocks;
}

// A guide whose example fails is worse than none: here the example runs, out of the guide itself.
describe('doc/writing-a-filter.rst', () => {
  const doc = readFileSync(DOC, 'utf8');
  const [filter = ''] = codeBlocks(doc, 'javascript');
  const [section = '', variant = ''] = codeBlocks(doc, 'ini');
  let pipeline: Pipeline;
  let served: Served;
  let logger: KeepingLogger;

  const start = async (changed: (paste: string) => string = (paste) => paste): Promise<void> => {
    // The example's sections, in the shipped file: its own pipeline of that name is replaced.
    const shipped = readFileSync(SHIPPED, 'utf8').replace(/^\[pipeline:data_api_v1\]\n(?:.+\n)*/m, '');
    logger = new KeepingLogger();
    pipeline = await compose(changed(`${shipped}\n${section}\n${variant}`), fakeService({ logger }), {
      'my_filter.mjs': filter,
    });
    served = await serve((req, res) => {
      pipeline.handle(req, res);
    });
  };
  afterEach(async () => {
    await served.close();
    await pipeline.close();
    await removeFolders();
  });

  it('has an example that lets listed addresses in', async () => {
    await start();
    const answer = await served.request('/v1/data/p1');
    expect(answer.status).to.equal(404);
    await pipeline.close();
    expect(logger.lines.at(-1)).to.deep.include({
      event: 'addresses refused in all',
      fields: { refused: 0 },
    });
  });

  it('has an example that refuses others in the fault shape', async () => {
    await start((paste) => paste.replace('127.0.0.1, 192.0.2.7', '192.0.2.7'));
    const answer = await served.request('/v1/data/p1');
    expect(answer.status).to.equal(403);
    expect(answer.body).to.have.nested.property('error.message', 'No access from this address');
    expect(logger.lines.map(({ event }) => event)).to.include('address refused');
  });

  it('has an example whose options are checked', async () => {
    await start();
    const paste = `${section.replace('dry_run = no', 'dry_run = perhaps')}\n[pipeline:main]\npipeline = addresses end\n[app:end]\nuse = magnetodb:versions\n`;
    const error: unknown = await compose(paste, fakeService(), { 'my_filter.mjs': filter }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.include({ section: 'filter:addresses', option: 'dry_run' });
  });

  it('has a second section that changes the first', async () => {
    await start((paste) => paste.replace(/^ +addresses$/m, '    addresses_of_operators'));
    expect((await served.request('/v1/data/p1')).status).to.equal(403);
  });
});
