/** Absolute links to tables, as the client would write them (data API 1.3). */
import { baseUrl } from '../../../pipeline/base-url.js';
import type { Service } from '../../../pipeline/types.js';
import type { ProjectRequest } from './operation.js';

/**
 * What the names of a project's tables are appended to. Made from the request's own URL, so that it is the client's
 * catalogue URL: the scheme and host that a proxy has seen, the prefixes taken off on the way, the project's id as it
 * was spelt, which has only characters that need no encoding.
 */
export function tablesUrl(req: ProjectRequest, bind: Service['bind']): string {
  return `${baseUrl(req, bind)}/${req.params.project}/tables`;
}

/** A table's link. Its name has only characters that need no encoding. */
export function tableUrl(req: ProjectRequest, bind: Service['bind'], table: string): string {
  return `${tablesUrl(req, bind)}/${table}`;
}
