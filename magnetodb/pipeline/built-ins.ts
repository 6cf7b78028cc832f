/**
 * What `use = magnetodb:NAME` means in a paste file: a new filter or app is its file and one line here. A module is
 * loaded only when a paste file uses it. (`magnetodb:urlmap`, the one composite, is the loader's own.)
 */
import type { AppFactory, FilterFactory } from './types.js';

/** A factory of either kind. */
export type Factory = FilterFactory | AppFactory;

/** Name → how to load its factory. */
export const BUILT_INS: ReadonlyMap<string, () => Promise<Factory>> = new Map<string, () => Promise<Factory>>(
  [
    // Filters.
    ['access_log', async () => (await import('../middleware/access-log.js')).factory],
    ['cors', async () => (await import('../middleware/cors.js')).factory],
    ['faultwrapper', async () => (await import('../middleware/faultwrapper.js')).factory],
    ['helmet', async () => (await import('../middleware/helmet.js')).factory],
    ['http_proxy_to_wsgi', async () => (await import('../middleware/http-proxy-to-wsgi.js')).factory],
    ['noauth_context', async () => (await import('../middleware/noauth-context.js')).factory],
    ['request_id', async () => (await import('../middleware/request-id.js')).factory],
    ['sizelimit', async () => (await import('../middleware/sizelimit.js')).factory],
    ['url_rewriter', async () => (await import('../middleware/url-rewriter.js')).factory],
    // Apps.
    ['data_api_v1', async () => (await import('../api/v1/data/app.js')).factory],
    ['versions', async () => (await import('../api/versions.js')).factory],
  ],
);
