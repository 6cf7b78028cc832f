/**
 * Runs a request through a pipeline's filters, outermost first, into its app, and errors back out through the
 * `handleError`s of the filters that the request has passed, innermost first. An index into an array: no router, no
 * path matching, one small closure for each step, since every request pays for it.
 */
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import createError from 'http-errors';
import type { Filter } from './types.js';

/** A composed part of a pipeline. It never throws and never rejects; what it can't answer goes to `next`, once. */
export type Composed = (req: Request, res: Response, next: (error?: unknown) => void) => void;

/**
 * Composes filters and an app. An app that calls `next` without an error says "no such resource": a 404 error, which
 * goes out through the filters as any other.
 *
 * Once the head of an answer is out, no filter could answer any more: errors then go straight to `next`.
 */
export function chain(filters: readonly Filter[], app: RequestHandler): Composed {
  const steps: readonly Filter[] = [...filters, { handle: app }];
  return (req, res, next) => {
    new Passage(steps, req, res, next).enter(0);
  };
}

/** One request's way through one chain. */
class Passage {
  readonly #steps: readonly Filter[];
  readonly #req: Request;
  readonly #res: Response;
  readonly #done: (error?: unknown) => void;

  constructor(steps: readonly Filter[], req: Request, res: Response, done: (error?: unknown) => void) {
    this.#steps = steps;
    this.#req = req;
    this.#res = res;
    this.#done = done;
  }

  /** Goes in, to the step at `index` or, where that one only handles errors, the next. */
  enter(index: number): void {
    const handle = this.#steps[index]?.handle;
    if (handle === undefined) {
      // The last step is the app and has a handle: this ends.
      this.enter(index + 1);
      return;
    }
    let isPassedOn = false;
    const next = (error?: unknown): void => {
      // A second call of the same `next` would run what lies further in twice: it does nothing.
      if (isPassedOn) return;
      isPassedOn = true;
      if (error) this.leave(index - 1, error);
      else if (index + 1 < this.#steps.length) this.enter(index + 1);
      else this.leave(index - 1, createError(404));
    };
    let result: unknown;
    try {
      result = handle(this.#req, this.#res, next as NextFunction);
    } catch (error) {
      isPassedOn = true;
      this.#fail(index, error);
      return;
    }
    if (isThenable(result)) {
      result.then(undefined, (error: unknown) => {
        isPassedOn = true;
        this.#fail(index, error);
      });
    }
  }

  /** Also for a step that has called `next` before it failed: the error is still its own, and goes outward from it. */
  #fail(index: number, error: unknown): void {
    this.leave(index - 1, error ?? new Error('a filter or app failed without an error'));
  }

  /** Goes out, beginning with the step at `index`. */
  leave(index: number, error: unknown): void {
    for (let at = index; at >= 0 && !this.#res.headersSent; at -= 1) {
      const handleError = this.#steps[at]?.handleError;
      if (handleError === undefined) continue;
      let isPassedOn = false;
      const next = (passedOn?: unknown): void => {
        if (isPassedOn) return;
        isPassedOn = true;
        // `next()` doesn't make an error undone: somebody must answer.
        this.leave(at - 1, passedOn ?? error);
      };
      try {
        const result: unknown = handleError(error, this.#req, this.#res, next as NextFunction);
        if (isThenable(result)) result.then(undefined, next);
      } catch (thrown) {
        next(thrown);
      }
      return;
    }
    this.#done(error);
  }
}

function isThenable(result: unknown): result is PromiseLike<unknown> {
  return (
    typeof result === 'object' && result !== null && 'then' in result && typeof result.then === 'function'
  );
}
