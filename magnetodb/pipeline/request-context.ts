/**
 * What the filters find out about a request and hand on: `req.context`. Made empty with the request, so that any
 * filter order works; each field says who sets it.
 */
import type { ProjectId } from '../engine/requests.js';

/** Limits that hold where no sizelimit filter sets others: 16 MiB, 60 s. */
export const DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024;
export const DEFAULT_BODY_TIMEOUT_MS = 60_000;

export class RequestContext {
  /** `req-` and a UUID, new for each request. Set by the request_id filter. */
  requestId: string | undefined = undefined;
  /** The caller's own `req-…` id, where it sent one. Set by the request_id filter. */
  globalRequestId: string | undefined = undefined;
  /**
   * The project that the token is scoped to. Set by the context filter; the API refuses any other in the URL, or, with
   * `trustUrlProject`, sets the URL's.
   */
  projectId: ProjectId | undefined = undefined;
  /** True: there is no token; the API takes the project from the URL. Set by the context filter without authentication. */
  trustUrlProject = false;
  /** Set by the context filter. */
  userId: string | undefined = undefined;
  /** Set by the context filter. */
  roles: readonly string[] = [];
  /** What the request does, as policy and logs name it: `put_item`. Set by the app. */
  operation: string | undefined = undefined;
  /** The request's URL as the client sees it, where a filter (url_rewriter, http_proxy_to_wsgi) changed it. */
  scheme: string | undefined = undefined;
  host: string | undefined = undefined;
  /** The client's address, where a proxy in front told it. Set by http_proxy_to_wsgi; else the socket's peer counts. */
  remoteAddress: string | undefined = undefined;
  /** The longest body that an app may read, in bytes. Set by the sizelimit filter; bulk_load has limits of its own. */
  maxBodyBytes = DEFAULT_MAX_BODY_BYTES;
  /** How long a body may take to arrive, in milliseconds. Set by the sizelimit filter. */
  bodyTimeoutMs = DEFAULT_BODY_TIMEOUT_MS;
  /** What the URL map and the proxy took off the path's front, without a slash at the end. */
  scriptName = '';
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express's own way to extend its request
  namespace Express {
    interface Request {
      context: RequestContext;
    }
  }
}
