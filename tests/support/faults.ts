import { expect } from 'chai';
import type { Answer } from './client.js';

/** What a refusal must say: its exact message, a pattern, or nothing that matters. */
export type Message = string | RegExp | undefined;

/** Checks an answer's whole fault shape (data API 3.1). */
export function expectFault(answer: Answer, status: number, type?: string, message?: Message): void {
  expect(answer.status, answer.text).to.equal(status);
  expect(answer.headers.get('content-type')).to.equal('application/json; charset=UTF-8');
  const { code, title, explanation, error } = answer.body;
  expect(code).to.equal(status);
  expect(title).to.be.a('string').that.is.not.empty;
  expect(explanation).to.be.a('string').that.is.not.empty;
  expect(error).to.have.all.keys('message', 'type', 'traceback');
  expect(error?.traceback).to.equal(null);
  if (type !== undefined) expect(error?.type, answer.text).to.equal(type);
  if (typeof message === 'string') expect(error?.message).to.equal(message);
  else if (message !== undefined) expect(error?.message).to.match(message);
  else expect(error?.message).to.be.a('string').that.is.not.empty;
}

/** A ValidationError: status 400, title Bad Request. */
export function expectInvalid(answer: Answer, message?: Message): void {
  expectFault(answer, 400, 'ValidationError', message);
  expect(answer.body.title).to.equal('Bad Request');
}

/** An operation on a table that isn't there; all that data API 15 lists. */
export function expectNoTable(answer: Answer, table: string): void {
  expectFault(answer, 404, 'TableNotExistsException', `Table '${table}' does not exist`);
  expect(answer.body.title).to.equal('Not Found');
  expect(answer.body.explanation).to.equal('The resource could not be found.');
}
