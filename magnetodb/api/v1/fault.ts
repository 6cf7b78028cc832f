/**
 * The v1 APIs' error body (data API, 3.1 to 3.3), and what turns an error into it.
 *
 * ```json
 * {"code": 404, "title": "Not Found", "explanation": "The resource could not be found.",
 *  "error": {"message": "Table 'readings' does not exist", "type": "TableNotExistsException", "traceback": null}}
 * ```
 *
 * It is the body of every answer from 400 on, also of those that no operation gives (404 of the routes, 405, 413 …):
 * the existing client reads `error.message` of any JSON object and dies where there is none (data API, 17.3).
 * `traceback` is always null: a stack is nobody's business but the operator's, whose log has it.
 */
import { STATUS_CODES, type ServerResponse } from 'node:http';
import { ServiceError, type ErrorCode } from '../../engine/errors.js';

/** What an error looks like from outside. */
export interface Fault {
  readonly status: number;
  /** The name that programs read, as `TableNotExistsException`. */
  readonly type: string;
  readonly message: string;
  /** Besides the body's own: Allow, Retry-After, WWW-Authenticate … */
  readonly headers: Readonly<Record<string, string>>;
}

/** The v1 dialect of the engine's errors. The types are the original's, where it had one (data API, 3.2). */
export const SERVICE_FAULTS = {
  Validation: { status: 400, type: 'ValidationError' },
  InvalidQueryParameter: { status: 400, type: 'InvalidQueryParameter' },
  ConditionalCheckFailed: { status: 400, type: 'ConditionalCheckFailedException' },
  TableAlreadyExists: { status: 400, type: 'TableAlreadyExistsException' },
  TableNotExists: { status: 404, type: 'TableNotExistsException' },
  ResourceInUse: { status: 400, type: 'ResourceInUseException' },
  Forbidden: { status: 403, type: 'Forbidden' },
  OverQuota: { status: 403, type: 'OverQuota' },
  ServiceUnavailable: { status: 503, type: 'ServiceUnavailable' },
  OutcomeUnknown: { status: 503, type: 'OutcomeUnknown' },
} as const satisfies Record<ErrorCode, { readonly status: number; readonly type: string }>;

/**
 * Per status: title and explanation, in WebOb's words where the original showed them, and the type of a fault that
 * comes from the transport. (Node's own titles change with its version.)
 */
interface Status {
  readonly title: string;
  readonly type: string;
  readonly explanation: string;
}
const STATUSES: ReadonlyMap<number, Status> = new Map([
  [
    400,
    {
      title: 'Bad Request',
      type: 'ValidationError',
      explanation:
        'The server could not comply with the request since it is either malformed or otherwise incorrect.',
    },
  ],
  [
    401,
    {
      title: 'Unauthorized',
      type: 'Unauthorized',
      explanation: 'The request has no token, or one that is not valid any more.',
    },
  ],
  [403, { title: 'Forbidden', type: 'Forbidden', explanation: 'Access was denied to this resource.' }],
  [404, { title: 'Not Found', type: 'NotFound', explanation: 'The resource could not be found.' }],
  [
    405,
    {
      title: 'Method Not Allowed',
      type: 'MethodNotAllowed',
      explanation: 'This resource does not take this method.',
    },
  ],
  [
    406,
    {
      title: 'Not Acceptable',
      type: 'NotAcceptable',
      explanation: 'The answer would have a form that the request does not accept.',
    },
  ],
  [
    408,
    { title: 'Request Timeout', type: 'RequestTimeout', explanation: 'The request took too long to arrive.' },
  ],
  [
    411,
    {
      title: 'Length Required',
      type: 'LengthRequired',
      explanation: 'The request must say how long its body is.',
    },
  ],
  [
    413,
    {
      title: 'Request Entity Too Large',
      type: 'RequestEntityTooLarge',
      explanation: 'The body of the request is too long.',
    },
  ],
  [
    414,
    {
      title: 'Request URI Too Long',
      type: 'RequestUriTooLong',
      explanation: 'The URL of the request is too long.',
    },
  ],
  [
    415,
    {
      title: 'Unsupported Media Type',
      type: 'UnsupportedMediaType',
      explanation: 'The body of the request has a form that is not taken here.',
    },
  ],
  [
    429,
    {
      title: 'Too Many Requests',
      type: 'RequestQuotaExceeded',
      explanation: 'The client has sent too many requests in a given amount of time',
    },
  ],
  [
    431,
    {
      title: 'Request Header Fields Too Large',
      type: 'RequestHeaderFieldsTooLarge',
      explanation: 'The headers of the request are too long.',
    },
  ],
  [
    500,
    {
      title: 'Internal Server Error',
      type: 'InternalError',
      explanation: 'The server has either erred or is incapable of performing the requested operation.',
    },
  ],
  [
    503,
    {
      title: 'Service Unavailable',
      type: 'ServiceUnavailable',
      explanation: 'The server can not serve the request now. Try again later.',
    },
  ],
]);
const OTHER_REFUSAL = { type: 'BadRequest', explanation: 'The server does not serve such a request.' };
const OTHER_FAILURE = { type: 'InternalError', explanation: 'The server failed to serve the request.' };

/** Seconds that a client should wait after a 503 before it tries again, where nobody said otherwise. */
export const DEFAULT_RETRY_AFTER_SECONDS = 1;

/** The body's media type, which the original's clients compare without regard to case. */
export const JSON_CONTENT_TYPE = 'application/json; charset=UTF-8';

/** Headers that speak of a body which was meant to be sent, and now is not. */
const STALE_HEADERS = ['Content-Encoding', 'Content-Range', 'ETag', 'Last-Modified', 'Transfer-Encoding'];

/** The body, to be sent as JSON. */
export interface FaultBody {
  readonly code: number;
  readonly title: string;
  readonly explanation: string;
  readonly error: { readonly message: string; readonly type: string; readonly traceback: null };
}

/**
 * The fault body.
 * @param status 400 to 599.
 * @param message is cut after its first line (data API, 3.1).
 * @param type defaults to what the status means when the transport gives it: 404 `NotFound`.
 */
export function faultBody(status: number, message: string, type?: string): FaultBody {
  const known = describeStatus(status);
  return {
    code: status,
    title: known.title,
    explanation: known.explanation,
    error: { message: speakable(message), type: type ?? known.type, traceback: null },
  };
}

/**
 * How an error is told to a client.
 * - The engine's errors by SERVICE_FAULTS, with their own messages.
 * - Errors in the manner of `http-errors`, with a `status` from 400 to 599: their `headers`, and their message where
 *   `expose` says so.
 * - Any other is a 500 that names nothing but the request's id.
 */
export function faultOf(error: unknown, requestId?: string): Fault {
  if (error instanceof ServiceError) {
    const { status, type } = SERVICE_FAULTS[error.code];
    return { status, type, message: error.message, headers: {} };
  }
  const status = statusOf(error);
  // Express's Router throws this for a path with a bad percent-encoding; its message quotes the path.
  if (error instanceof URIError && status === 400) {
    return fault(400, 'The URL holds a malformed percent-encoding');
  }
  if (status === undefined || status === 500) {
    const message = 'An internal error occurred';
    return fault(500, requestId === undefined ? message : `${message}; the request id is ${requestId}`);
  }
  const { expose, headers, message } = error as { expose?: unknown; headers?: unknown; message: string };
  return fault(status, expose === true ? message : describeStatus(status).explanation, textsOf(headers));
}

/**
 * Answers with a fault, keeping the headers that filters have set (request id, CORS, security). The head must not have
 * been sent. With 503 goes Retry-After, unless the fault has its own, or says that a write may have happened: whoever
 * gets that must look before it tries again.
 */
export function answerFault(
  res: ServerResponse,
  { status, type, message, headers }: Fault,
  retryAfterSeconds = DEFAULT_RETRY_AFTER_SECONDS,
): void {
  const body = JSON.stringify(faultBody(status, message, type));
  for (const name of STALE_HEADERS) res.removeHeader(name);
  res.statusCode = status;
  const isToBeRepeated = status === 503 && type !== SERVICE_FAULTS.OutcomeUnknown.type;
  if (isToBeRepeated) res.setHeader('Retry-After', retryAfterSeconds);
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.setHeader('Content-Type', JSON_CONTENT_TYPE);
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.end(body);
}

function fault(status: number, message: string, headers: Fault['headers'] = {}): Fault {
  return { status, type: describeStatus(status).type, message, headers };
}

function describeStatus(status: number): Status {
  const title = STATUS_CODES[status] ?? 'Unknown Error';
  return STATUSES.get(status) ?? { title, ...(status < 500 ? OTHER_REFUSAL : OTHER_FAILURE) };
}

/** The first line; and never "Connection refused", on which the original's client breaks (data API, 17.3). */
function speakable(message: string): string {
  const [line = ''] = message.split(/[\r\n]/, 1);
  return line.replace(/connection refused/gi, 'connection failed');
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  const { status } = error;
  const isFault = typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599;
  // An upstream's error may carry the upstream's status: only who says so (`expose` is there) speaks to our client.
  return isFault && ('expose' in error || error instanceof URIError) ? status : undefined;
}

function textsOf(headers: unknown): Record<string, string> {
  if (typeof headers !== 'object' || headers === null) return {};
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
