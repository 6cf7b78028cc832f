/**
 * Version discovery, in the form that OpenStack's clients (keystoneauth) read: GET and HEAD of `/` list all versions,
 * of `/v1` one. Without authentication, since clients ask before they have a token.
 *
 * ```json
 * {"versions": [{"id": "v1.0", "status": "CURRENT", "links": [{"rel": "self", "href": "http://kv.example.org:8480/v1/"}]}]}
 * ```
 *
 * Reads: `context.scheme`, `context.host`, `context.scriptName`, the Host header. POST of `/` is not found: the
 * DynamoDB API will live there.
 */
import { Type } from '@sinclair/typebox';
import createError from 'http-errors';
import { baseUrl } from '../pipeline/base-url.js';
import type { AppFactory } from '../pipeline/types.js';
import { JSON_CONTENT_TYPE } from './v1/fault.js';

/** The versions of the API, newest first. `path` ends in a slash, as a URL that others are joined to. */
const VERSIONS = [{ id: 'v1.0', status: 'CURRENT', path: '/v1/' }] as const;

/** `use = magnetodb:versions`; no options. */
export const factory: AppFactory = {
  kind: 'app',
  options: Type.Object({}),
  create: (_options, { bind }) => {
    return (req, res, next) => {
      const [path = ''] = req.url.split('?', 1);
      const versions = describe(baseUrl(req, bind));
      let document;
      if (path === '/') document = { versions };
      else if (path === '/v1' || path === '/v1/') document = { version: versions[0] };
      if (document === undefined || (path === '/' && req.method === 'POST')) {
        next();
        return;
      }
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        throw createError(405, 'Version discovery takes GET and HEAD', { headers: { Allow: 'GET, HEAD' } });
      }
      const body = JSON.stringify(document);
      res.setHeader('Content-Type', JSON_CONTENT_TYPE);
      res.setHeader('Content-Length', Buffer.byteLength(body));
      res.end(body);
    };
  },
};

function describe(base: string): object[] {
  return VERSIONS.map(({ id, status, path }) => ({
    id,
    status,
    links: [{ rel: 'self', href: base + path }],
  }));
}
