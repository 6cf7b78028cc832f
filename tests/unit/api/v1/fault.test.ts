import { expect } from 'chai';
import createError from 'http-errors';
import { faultBody, faultOf, SERVICE_FAULTS } from '../../../../magnetodb/api/v1/fault.js';
import {
  ConditionalCheckFailedError,
  ForbiddenError,
  InvalidQueryParameterError,
  OutcomeUnknownError,
  OverQuotaError,
  ResourceInUseError,
  ServiceUnavailableError,
  TableAlreadyExistsError,
  TableNotExistsError,
  ValidationError,
} from '../../../../magnetodb/engine/errors.js';

describe('faultBody', () => {
  // Data API 3.1: the whole shape, which the original's clients take apart.
  it('has the members of the original, and its texts', () => {
    expect(faultBody(404, "Table 'readings' does not exist", 'TableNotExistsException')).to.deep.equal({
      code: 404,
      title: 'Not Found',
      explanation: 'The resource could not be found.',
      error: {
        message: "Table 'readings' does not exist",
        type: 'TableNotExistsException',
        traceback: null,
      },
    });
  });

  const statuses: [number, string, string, string][] = [
    [400, 'Bad Request', 'ValidationError', 'since it is either malformed or otherwise incorrect.'],
    [401, 'Unauthorized', 'Unauthorized', ''],
    [403, 'Forbidden', 'Forbidden', 'Access was denied to this resource.'],
    [404, 'Not Found', 'NotFound', 'The resource could not be found.'],
    [405, 'Method Not Allowed', 'MethodNotAllowed', ''],
    [406, 'Not Acceptable', 'NotAcceptable', ''],
    [408, 'Request Timeout', 'RequestTimeout', ''],
    [411, 'Length Required', 'LengthRequired', ''],
    [413, 'Request Entity Too Large', 'RequestEntityTooLarge', ''],
    [414, 'Request URI Too Long', 'RequestUriTooLong', ''],
    [415, 'Unsupported Media Type', 'UnsupportedMediaType', ''],
    [429, 'Too Many Requests', 'RequestQuotaExceeded', 'too many requests in a given amount of time'],
    [431, 'Request Header Fields Too Large', 'RequestHeaderFieldsTooLarge', ''],
    [500, 'Internal Server Error', 'InternalError', 'incapable of performing the requested operation.'],
    [503, 'Service Unavailable', 'ServiceUnavailable', ''],
  ];
  for (const [status, title, type, explanation] of statuses) {
    // Data API 3.2 and 3.3: one shape for every status, with WebOb's texts where the original showed them.
    it(`knows ${status}`, () => {
      const body = faultBody(status, 'why');
      expect(body).to.deep.include({ code: status, title });
      expect(body.error).to.deep.equal({ message: 'why', type, traceback: null });
      expect(body.explanation).to.contain(explanation).and.not.to.equal('');
    });
  }

  // An operator's filter may answer with any status.
  it('gives any other status a body of the same shape', () => {
    expect(faultBody(418, 'short and stout')).to.deep.include({ code: 418, title: "I'm a Teapot" });
    expect(faultBody(507, 'full')).to.deep.include({ code: 507 });
    expect(faultBody(507, 'full').error.type).to.equal('InternalError');
    expect(faultBody(599, 'odd').title).to.be.a('string');
  });

  // Data API 3.1: the rest of the original's messages was trace.
  it('cuts a message after its first line', () => {
    expect(faultBody(400, 'first\nat secret.ts:1').error.message).to.equal('first');
    expect(faultBody(400, 'first\r\nsecond').error.message).to.equal('first');
  });

  // Data API 17.3: these words break the original's client.
  it('never says "Connection refused"', () => {
    const text = JSON.stringify(
      faultBody(400, "Wrong table name 'Connection refused: connection REFUSED' found"),
    );
    expect(text).not.to.match(/connection refused/i);
    expect(text).to.contain("Wrong table name 'connection failed: connection failed' found");
  });
});

describe('faultOf', () => {
  const told: [Error, number, string, string][] = [
    [new ValidationError('bad'), 400, 'ValidationError', 'bad'],
    [new InvalidQueryParameterError('bad'), 400, 'InvalidQueryParameter', 'bad'],
    [
      new ConditionalCheckFailedError(),
      400,
      'ConditionalCheckFailedException',
      'The conditional request failed',
    ],
    [new TableAlreadyExistsError('t'), 400, 'TableAlreadyExistsException', 'Table t already exists'],
    [new TableNotExistsError('t'), 404, 'TableNotExistsException', "Table 't' does not exist"],
    [new ResourceInUseError('busy'), 400, 'ResourceInUseException', 'busy'],
    [new ForbiddenError('no'), 403, 'Forbidden', 'no'],
    [new OverQuotaError('full'), 403, 'OverQuota', 'full'],
    [new ServiceUnavailableError('later'), 503, 'ServiceUnavailable', 'later'],
    [new OutcomeUnknownError('maybe'), 503, 'OutcomeUnknown', 'maybe'],
  ];
  for (const [error, status, type, message] of told) {
    // Data API 3.2, and the decision on outcomes that are unknown.
    it(`tells ${error.name} as ${status} ${type}`, () => {
      expect(faultOf(error)).to.deep.equal({ status, type, message, headers: {} });
    });
  }

  // The table above must not miss a code that is added later.
  it('has a test for every code of the engine', () => {
    expect(new Set(told.map(([, , type]) => type))).to.deep.equal(
      new Set(Object.values(SERVICE_FAULTS).map(({ type }) => type)),
    );
  });

  // Filters and routes throw these; Allow, Retry-After and the like ride on them.
  it('tells http-errors with their status, message and headers', () => {
    const error = createError(405, 'Only GET', { headers: { Allow: 'GET', 'Retry-After': 5 } });
    expect(faultOf(error)).to.deep.equal({
      status: 405,
      type: 'MethodNotAllowed',
      message: 'Only GET',
      headers: { Allow: 'GET', 'Retry-After': '5' },
    });
  });

  // `expose` is http-errors' word for what clients may read; it is false for 5xx.
  it('keeps the message of an error that is not exposed', () => {
    const fault = faultOf(createError(503, 'cassandra-7.internal is down'));
    expect(fault).to.include({ status: 503, type: 'ServiceUnavailable' });
    expect(fault.message).not.to.contain('cassandra');
  });

  // Decision: 500 names the request's id and nothing else.
  it('tells anything else as 500 that names only the request id', () => {
    for (const error of [
      new Error('secret'),
      new TypeError('secret'),
      'secret',
      undefined,
      null,
      { status: 404, message: 'secret' },
      createError(500, 'secret', { expose: true }),
    ]) {
      expect(faultOf(error, 'req-1')).to.deep.equal({
        status: 500,
        type: 'InternalError',
        message: 'An internal error occurred; the request id is req-1',
        headers: {},
      });
    }
    expect(faultOf(new Error('secret')).message).to.equal('An internal error occurred');
  });

  // A client library's error carries the status of what it called: not ours to hand on.
  it('does not take over the status of an upstream', () => {
    expect(faultOf(Object.assign(new Error('Unauthorized'), { status: 401 })).status).to.equal(500);
    expect(faultOf(Object.assign(new Error('x'), { status: 200, expose: true })).status).to.equal(500);
    expect(faultOf(Object.assign(new Error('x'), { status: 1e9, expose: true })).status).to.equal(500);
  });

  // Express's Router throws a URIError with status 400 for /%zz.
  it('tells a path with a malformed encoding as 400', () => {
    const fault = faultOf(Object.assign(new URIError("Failed to decode param '%zz'"), { status: 400 }));
    expect(fault).to.include({ status: 400, type: 'ValidationError' });
  });
});
