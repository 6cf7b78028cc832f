import { once } from 'node:events';
import net from 'node:net';
import { expect } from 'chai';
import createError from 'http-errors';
import {
  OutcomeUnknownError,
  ServiceUnavailableError,
  TableNotExistsError,
  ValidationError,
} from '../../../magnetodb/engine/errors.js';
import { factory } from '../../../magnetodb/middleware/faultwrapper.js';
import { factory as requestId } from '../../../magnetodb/middleware/request-id.js';
import { fakeService, KeepingLogger, type Answer, type Served } from '../pipeline/serve.js';
import { make, serveFilters } from './run.js';

describe('magnetodb:faultwrapper', () => {
  let served: Served;
  let logger: KeepingLogger;
  afterEach(() => served.close());

  const answerTo = async (
    error: Error,
    texts: Record<string, string> = {},
    method = 'GET',
  ): Promise<Answer> => {
    logger = new KeepingLogger();
    const filters = [await make(requestId), await make(factory, texts, fakeService({ logger }))];
    served = await serveFilters(filters, () => Promise.reject(error));
    return served.request('/', { method });
  };

  // Data API 3.1; a refusal is the client's affair, and none of the log's.
  it('answers refusals in the fault shape, and logs nothing', async () => {
    const answer = await answerTo(new TableNotExistsError('readings'));
    expect(answer.status).to.equal(404);
    expect(answer.headers).to.include({ 'content-type': 'application/json; charset=UTF-8' });
    expect(answer.headers['x-openstack-request-id']).to.match(/^req-/);
    expect(answer.body).to.deep.equal({
      code: 404,
      title: 'Not Found',
      explanation: 'The resource could not be found.',
      error: { message: "Table 'readings' does not exist", type: 'TableNotExistsException', traceback: null },
    });
    expect(logger.lines).to.deep.equal([]);
  });

  it('sets the headers that an error brings', async () => {
    const answer = await answerTo(createError(405, 'No', { headers: { Allow: 'GET, POST' } }));
    expect(answer.headers).to.include({ allow: 'GET, POST' });
  });

  // Decision: 500 has the request's id and nothing else; the log has everything, once.
  it('answers the unexpected with 500 and the request id, and logs it once', async () => {
    const answer = await answerTo(new Error('connect ECONNREFUSED 10.0.0.7'));
    const id = String(answer.headers['x-openstack-request-id']);
    expect(answer.status).to.equal(500);
    expect(answer.body).to.have.nested.property(
      'error.message',
      `An internal error occurred; the request id is ${id}`,
    );
    expect(answer.body).to.have.nested.property('error.type', 'InternalError');
    expect(answer.text).not.to.contain('10.0.0.7');
    expect(logger.lines).to.have.length(1);
    expect(logger.lines[0]).to.include({ level: 'error', event: 'request failed' });
    expect(logger.lines[0]?.fields).to.include({ request_id: id, status: 500 });
    expect(logger.lines[0]?.fields.error).to.have.property('message', 'connect ECONNREFUSED 10.0.0.7');
  });

  // Decision: 503 with Retry-After. The operator learns the cause, the client does not.
  it('answers storage trouble with 503, Retry-After, and a warning with its cause', async () => {
    const cause = new Error('10.0.0.7 is down');
    const answer = await answerTo(new ServiceUnavailableError('The storage can not serve now', { cause }));
    expect(answer.status).to.equal(503);
    expect(answer.headers).to.include({ 'retry-after': '1' });
    expect(answer.body).to.have.nested.property('error.type', 'ServiceUnavailable');
    expect(answer.text).not.to.contain('10.0.0.7');
    expect(logger.lines).to.have.length(1);
    expect(logger.lines[0]).to.include({ level: 'warn', event: 'storage trouble' });
    expect(logger.lines[0]?.fields.error).to.have.property('cause', cause);
    expect(logger.lines[0]?.fields.advice).to.contain('quorum');
  });

  // Else a client that hammers one item would fill the log with advice about a storage that is well.
  it('answers a queue that is full with 503, without a warning', async () => {
    const answer = await answerTo(new ServiceUnavailableError('Too many writes to one item'));
    expect(answer.status).to.equal(503);
    expect(answer.headers).to.include({ 'retry-after': '1' });
    expect(logger.lines.filter(({ level }) => level !== 'debug')).to.deep.equal([]);
  });

  it('takes the seconds of Retry-After from its option, or from the error', async () => {
    const ours = await answerTo(new ServiceUnavailableError('x'), { retry_after: '7' });
    expect(ours.headers).to.include({ 'retry-after': '7' });
    await served.close();
    const own = await answerTo(createError(503, { headers: { 'retry-after': '9' } }), { retry_after: '7' });
    expect(own.headers).to.include({ 'retry-after': '9' });
  });

  // A client that repeats a write of unknown outcome may do it twice.
  it('does not ask a client to repeat what may have happened', async () => {
    const answer = await answerTo(
      new OutcomeUnknownError('The write may have happened', { cause: new Error('timeout') }),
    );
    expect(answer.status).to.equal(503);
    expect(answer.body).to.have.nested.property('error.type', 'OutcomeUnknown');
    expect(answer.headers).not.to.have.property('retry-after');
    expect(logger.lines[0]?.fields.advice).to.contain('may or may not have happened');
  });

  // The original sent the stack to the client.
  it('logs refusals with their stack for show_trace, and still tells clients nothing', async () => {
    const answer = await answerTo(new TableNotExistsError('t'), { show_trace: 'True' });
    expect(answer.body).to.have.nested.property('error.traceback', null);
    expect(answer.text).not.to.contain('.ts');
    expect(logger.lines[0]).to.include({ level: 'info', event: 'request refused' });
    expect(logger.lines[0]?.fields.stack).to.contain('faultwrapper.test');
  });

  // No log holds a key or an item's value, and messages quote what was sent: here a value of three lines, one of which
  // looks like a line of a stack.
  it('keeps what a refusal quotes out of the log', async () => {
    const message = 'Can\'t recognize \'{"S": "secret\n    at secret\nsecret"}\'';
    const answer = await answerTo(new ValidationError(message), { show_trace: 'True' });
    expect(answer.text).to.contain('secret');
    expect(logger.lines[0]).to.include({ level: 'info', event: 'request refused' });
    expect(logger.lines[0]?.fields).to.include({ type: 'ValidationError', code: 'Validation', status: 400 });
    expect(logger.lines[0]?.fields).not.to.have.property('error');
    expect(logger.lines[0]?.fields.stack).to.match(/^ +at .*faultwrapper\.test/);
    expect(JSON.stringify(logger.lines)).not.to.contain('secret');
  });

  it('answers HEAD without a body', async () => {
    const answer = await answerTo(createError(404), {}, 'HEAD');
    expect(answer).to.deep.include({ status: 404, text: '' });
    expect(Number(answer.headers['content-length'])).to.be.greaterThan(50);
  });

  // An app that fails after it has described its answer: the fault must not be taken for that answer.
  it('drops headers that described another body', async () => {
    logger = new KeepingLogger();
    served = await serveFilters([await make(factory, {}, fakeService({ logger }))], (_req, res) => {
      res.setHeader('Content-Encoding', 'gzip');
      res.setHeader('Content-Length', 3);
      res.setHeader('ETag', '"x"');
      throw createError(400, 'bad');
    });
    const answer = await served.request('/');
    expect(answer.headers).not.to.have.any.keys('content-encoding', 'etag');
    expect(answer.body).to.have.nested.property('error.message', 'bad');
  });

  // Clients that hang up in the middle of a request are everyday: no operator must be called for them.
  it('does not raise an alarm for a client that has gone', async () => {
    logger = new KeepingLogger();
    served = await serveFilters([await make(factory, {}, fakeService({ logger }))], async (req) => {
      await once(req, 'close');
      throw new Error('aborted');
    });
    const socket = net.connect(served.port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf', () => socket.destroy());
    const line = await logger.waitFor('request failed after its client had gone');
    expect(line.level).to.equal('debug');
    expect(line.fields.error).to.have.property('message', 'aborted');
  });

  it('keeps what a refusal quotes out of the log when its client has gone, too', async () => {
    logger = new KeepingLogger();
    served = await serveFilters([await make(factory, {}, fakeService({ logger }))], async (req) => {
      await new Promise((resolve) => req.once('close', resolve));
      throw new ValidationError('secret');
    });
    const socket = net.connect(served.port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf', () => socket.destroy());
    const line = await logger.waitFor('request failed after its client had gone');
    expect(line.fields).to.include({ code: 'Validation' });
    expect(JSON.stringify(line)).not.to.contain('secret');
  });
});
