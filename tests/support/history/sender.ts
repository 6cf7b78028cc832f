/** Sends requests over kept connections, and tells what is known of one that got no answer. */
import http from 'node:http';

export type Reply =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** The header Retry-After. */
      readonly retryAfter?: string;
      readonly text: string;
    }
  /** No connection: the service has not seen the request. */
  | { readonly kind: 'unsent'; readonly reason: string }
  /** The connection broke, or time was up: the service may have seen it. */
  | { readonly kind: 'lost'; readonly reason: string };

/** Sends JSON to one service. */
export class Sender {
  readonly #agent: http.Agent;

  /** @param connections how many there may be at one time. */
  constructor(
    private readonly url: string,
    private readonly options: {
      readonly connections: number;
      readonly timeoutMs: number;
      readonly headers: Readonly<Record<string, string>>;
    },
  ) {
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: options.connections });
  }

  /** Resolves when the answer has come as a whole, or can't come any more. */
  post(path: string, body: object): Promise<Reply> {
    return new Promise((resolve) => {
      const json = JSON.stringify(body);
      const { timeoutMs, headers } = this.options;
      const request = http.request(this.url + path, {
        method: 'POST',
        agent: this.#agent,
        headers: {
          ...headers,
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(json),
        },
      });
      const timer = setTimeout(() => {
        request.destroy(new Error(`no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      const settle = (reply: Reply): void => {
        clearTimeout(timer);
        resolve(reply);
      };
      request.on('error', (error: NodeJS.ErrnoException) => {
        // An address with several forms fails with one error for each, wrapped into one without a message.
        const reason = error instanceof AggregateError ? error.errors.map(String).join('; ') : error.message;
        const isUnsent = error.syscall === 'connect' || error.code === 'ECONNREFUSED';
        settle({ kind: isUnsent ? 'unsent' : 'lost', reason });
      });
      request.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (text += part));
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response;
          const retryAfter = headers['retry-after'];
          settle({ kind: 'answer', status, ...(retryAfter === undefined ? {} : { retryAfter }), text });
        });
        response.on('error', (error) => {
          settle({ kind: 'lost', reason: error.message });
        });
      });
      request.end(json);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
