/**
 * Answers errors in the v1 fault shape (data API, 3.1), and logs those that somebody should know of. Outside of all
 * that may fail, inside of request_id and access_log.
 *
 * Reads:  context.requestId, context.operation.
 * Sets:   status, body, Content-Type and Content-Length of the answer, the headers that the error brings (Allow,
 *         WWW-Authenticate), Retry-After with 503.
 *
 * | error                                   | log                                                        |
 * |-----------------------------------------|------------------------------------------------------------|
 * | a refusal (below 500)                   | nothing; with `show_trace`, info                           |
 * | storage can't serve, outcome unknown    | warn, with the cause and what to look at                   |
 * | 503 without a cause: too many writes to | debug: no operator can help, and a client must not be able |
 * | one item, a queue that is full          | to fill the log                                            |
 * | anything else                           | error, once, with its stack                                |
 * | any, when the client has gone away      | debug: nobody is there to be answered                      |
 *
 * `show_trace` made the original send stacks to clients. A stack tells an attacker more than it tells a user, who can
 * name the request id instead: the option is kept for the paste files that have it, and only puts more into the log.
 *
 * A refusal's message quotes what was sent, keys and values among it, and no log holds these: of a refusal, the log has
 * its type, its code and the places in the code.
 */
import { Type, type Static } from '@sinclair/typebox';
import { answerFault, DEFAULT_RETRY_AFTER_SECONDS, faultOf } from '../api/v1/fault.js';
import { ServiceError } from '../engine/errors.js';
import type { FilterFactory } from '../pipeline/types.js';

const Options = Type.Object({
  show_trace: Type.Boolean({
    default: false,
    description: 'Log refusals too: their types and stacks, without messages. Clients never get a stack.',
  }),
  retry_after: Type.Integer({
    minimum: 0,
    default: DEFAULT_RETRY_AFTER_SECONDS,
    description: 'Seconds that clients are told to wait after a 503.',
  }),
});

/** `use = magnetodb:faultwrapper` */
export const factory: FilterFactory<Static<typeof Options>> = {
  kind: 'filter',
  options: Options,
  create: ({ show_trace: showTrace, retry_after: retryAfter }, { logger }) => ({
    handleError: (error: unknown, req, res, _next) => {
      const { requestId, operation } = req.context;
      const fault = faultOf(error, requestId);
      const about = { request_id: requestId, operation, status: fault.status, type: fault.type };
      const fields = { ...about, error };
      const isRefusal = fault.status < 500;
      if (res.destroyed || req.socket.destroyed) {
        if (logger.isEnabled('debug')) {
          const shown = isRefusal ? { ...about, ...withoutMessage(error) } : fields;
          logger.debug('request failed after its client had gone', shown);
        }
      } else if (!isRefusal) {
        if (error instanceof ServiceError && error.cause === undefined) logger.debug('load shed', fields);
        else if (error instanceof ServiceError)
          logger.warn('storage trouble', { ...fields, advice: advice(error) });
        else if (fault.status === 503) logger.warn('service unavailable', fields);
        else logger.error('request failed', fields);
      } else if (showTrace) {
        logger.info('request refused', { ...about, ...withoutMessage(error) });
      }
      answerFault(res, fault, retryAfter);
    },
  }),
};

interface MessagelessError {
  readonly code?: string;
  readonly stack?: string;
}

/** A refusal's code and the frames of its stack, which begins with the message: that may have any number of lines. */
function withoutMessage(error: unknown): MessagelessError {
  if (!(error instanceof Error)) return {};
  const code = error instanceof ServiceError ? { code: error.code } : {};
  const { message, stack = '' } = error;
  const start = stack.indexOf(message);
  if (start < 0) return code;
  const frames = stack
    .slice(start + message.length)
    .split('\n')
    .filter((line) => /^ +at /.test(line));
  return { ...code, stack: frames.join('\n') };
}

function advice(error: ServiceError): string {
  return error.code === 'OutcomeUnknown'
    ? 'a write may or may not have happened and its client was told so; if there are many, look at the storage: its load, its nodes, its disks'
    : 'look at the storage: is it up, with enough nodes for a quorum, and has it space; the client was told to try again';
}
