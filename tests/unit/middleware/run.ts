/** Runs one filter over real HTTP, in front of an app that tells what the filter has left in the context. */
import type { Request, Response } from 'express';
import { factory as faultwrapper } from '../../../magnetodb/middleware/faultwrapper.js';
import { chain } from '../../../magnetodb/pipeline/chain.js';
import { readOptions } from '../../../magnetodb/pipeline/options.js';
import { PasteError } from '../../../magnetodb/pipeline/paste-file.js';
import type { Filter, FilterFactory, Service } from '../../../magnetodb/pipeline/types.js';
import { fakeService, serve, type Served } from '../pipeline/serve.js';

/** The filter as a paste file's texts make it. */
export async function make<Options>(
  factory: FilterFactory<Options>,
  texts: Readonly<Record<string, string>> = {},
  service: Service = fakeService(),
): Promise<Filter> {
  const own = Object.entries(texts).map(([name, value]) => ({ name, value, line: 1, section: 'filter:x' }));
  const options = readOptions(
    factory.options,
    own,
    [],
    (_at, name, reason) => new PasteError('p', 1, 'filter:x', name, reason),
  );
  const made = await factory.create(options as Options, service);
  return typeof made === 'function' ? { handle: made } : made;
}

export type Handle = (req: Request, res: Response) => void | Promise<void>;

const tellContext: Handle = (req, res) => {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(req.context));
};

/** Serves filters in front of an app; without one, the app answers with the request's context as JSON. */
export async function serveFilters(
  filters: readonly Filter[],
  app: Handle = tellContext,
  logger?: Service['logger'],
): Promise<Served> {
  const wrapper = await make(faultwrapper, {}, fakeService(logger === undefined ? {} : { logger }));
  const composed = chain([wrapper, ...filters], app);
  return serve((req, res) => {
    req.originalUrl = req.url;
    composed(req, res, (error) => {
      res.destroy(error instanceof Error ? error : new Error('nobody answered'));
    });
  });
}
