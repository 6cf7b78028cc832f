/**
 * Paste's URL map, `use = magnetodb:urlmap`: sends a request to the app, pipeline or composite whose prefix matches
 * the front of its path. Whole segments only: `/v1/data` takes `/v1/data` and `/v1/data/x`, not `/v1/database`. The
 * longest prefix wins, whatever the file's order; `/` takes the rest.
 *
 * The matched prefix moves from `req.url` to `req.baseUrl`, as under Express's Router, and to `context.scriptName`.
 */
import type { Composed } from './chain.js';

export interface UrlMapEntry {
  /** Begins with a slash and, unless it is `/` itself, doesn't end in one. */
  readonly prefix: string;
  readonly target: Composed;
}

const SLASH = 47;
const QUESTION_MARK = 63;

/** Composes a URL map. A request that no prefix matches goes to `next` without an error: no such resource. */
export function urlMap(entries: readonly UrlMapEntry[]): Composed {
  const mounts = entries
    .map(({ prefix, target }) => ({ prefix: prefix === '/' ? '' : prefix, target }))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  return (req, res, next) => {
    const { url } = req;
    for (const { prefix, target } of mounts) {
      if (!url.startsWith(prefix)) continue;
      const after = url.length === prefix.length ? QUESTION_MARK : url.charCodeAt(prefix.length);
      if (after !== SLASH && after !== QUESTION_MARK) continue;
      if (prefix !== '') {
        const rest = url.slice(prefix.length);
        req.url = after === SLASH ? rest : `/${rest}`;
        req.baseUrl += prefix;
        req.context.scriptName += prefix;
      }
      target(req, res, next);
      return;
    }
    next();
  };
}
