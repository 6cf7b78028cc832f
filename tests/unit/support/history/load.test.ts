import { expect } from 'chai';
import { expectLinearizable, judge } from '../../../support/history/checker.js';
import { interpret, runLoad, type Load, type LoadOptions } from '../../../support/history/load.js';
import { describeOperation, type Action } from '../../../support/history/operation.js';
import { seededRandom } from '../../../support/history/random.js';
import type { Reply } from '../../../support/history/sender.js';
import { startFakeService, type Fate, type FakeService } from './fake-service.js';
import { increment, put, putIfAbsent, read, remove, value } from './histories.js';

const KEY = { id: { S: 'x' } };

function answer(status: number, body: object | string): Reply {
  return { kind: 'answer', status, text: typeof body === 'string' ? body : JSON.stringify(body) };
}

function fault(status: number, type: string): Reply {
  return answer(status, { error: { type, message: 'x', traceback: null } });
}

const refusal: Reply = {
  kind: 'answer',
  status: 503,
  retryAfter: '1',
  text: JSON.stringify({ error: { type: 'ServiceUnavailable', message: 'x', traceback: null } }),
};

describe('the load recorder', () => {
  // doc/data-api.rst, Errors and Items: what each answer says of the operation.
  describe('understands', () => {
    const item = { ...KEY, text: { S: 'a' }, count: { N: '2' } };
    const understood: [what: string, action: Action, reply: Reply, told: string][] = [
      ['an item', read, answer(200, { item }), 'read → "a"+2'],
      [
        'an item that an increment made',
        read,
        answer(200, { item: { count: { N: '1' }, ...KEY } }),
        'read → ""+1',
      ],
      ['no item', read, answer(200, {}), 'read → absent'],
      ['a put', put('a'), answer(200, {}), 'put "a" → done'],
      ['a delete', remove, answer(200, {}), 'delete → done'],
      ['an increment', increment, answer(200, { attributes: item }), 'increment → "a"+2'],
      [
        'a condition that failed',
        putIfAbsent('a'),
        fault(400, 'ConditionalCheckFailedException'),
        'put "a" if absent → condition failed',
      ],
      ['a refusal', put('a'), refusal, 'put "a" → refused'],
      ['an unknown outcome', put('a'), fault(503, 'OutcomeUnknown'), 'put "a" → unknown'],
      ['a connection that broke', put('a'), { kind: 'lost', reason: '' }, 'put "a" → unknown'],
      ['no connection', put('a'), { kind: 'unsent', reason: '' }, 'put "a" → refused'],
    ];
    for (const [what, action, reply, told] of understood) {
      it(what, () => {
        const { outcome, undocumented } = interpret(action, reply, 5, KEY);
        expect(describeOperation({ client: '', item: '', action, invokedNs: 0, outcome })).to.equal(told);
        expect(undocumented).to.equal(undefined);
      });
    }

    const undocumented: [what: string, action: Action, reply: Reply][] = [
      ['a 500', put('a'), fault(500, 'InternalError')],
      ['a table that is gone', put('a'), fault(404, 'TableNotExistsException')],
      [
        'a condition that failed where there was none',
        put('a'),
        fault(400, 'ConditionalCheckFailedException'),
      ],
      ['a read of unknown outcome', read, fault(503, 'OutcomeUnknown')],
      ['a 503 without a type', put('a'), answer(503, 'upstream down')],
      ['a refusal that does not say when to come again', put('a'), fault(503, 'ServiceUnavailable')],
      ['a success without JSON', put('a'), answer(200, 'ok')],
      ['an increment that answers nothing', increment, answer(200, {})],
      ['another item', read, answer(200, { item: { ...item, id: { S: 'y' } } })],
      ['an item with more than was put', read, answer(200, { item: { ...item, more: { S: 'y' } } })],
      ['an item without its count', read, answer(200, { item: KEY })],
    ];
    for (const [what, action, reply] of undocumented) {
      it(`as undocumented ${what}`, () => {
        const { outcome, undocumented } = interpret(action, reply, 5, KEY);
        expect(outcome).to.deep.equal({ kind: 'unknown' });
        expect(undocumented).to.match(new RegExp(`^${reply.kind === 'answer' ? reply.status : ''} `));
      });
    }
  });

  describe('records', () => {
    const services: FakeService[] = [];

    afterEach(async () => {
      for (const service of services.splice(0)) await service.close();
    });

    async function serve(fateOf: (count: number) => Fate = () => 'served'): Promise<FakeService> {
      const service = await startFakeService(fateOf);
      services.push(service);
      return service;
    }

    async function load(options: Partial<LoadOptions> & Pick<LoadOptions, 'urls'>): Promise<Load> {
      return await runLoad({
        project: 'project',
        table: 'table',
        clients: 8,
        items: 3,
        maxOperations: 500,
        requestTimeoutMs: 100,
        pauseMs: 1,
        ...options,
      });
    }

    it('a history of all kinds of operations, and a last read of each item', async () => {
      const service = await serve();
      const { history, undocumented, tally } = await load({ urls: [service.url] });
      expect(undocumented).to.deep.equal([]);
      expectLinearizable(history);
      expect(history.length).to.equal(503);
      expect(Object.keys(tally)).to.include.members([
        'read answered',
        'put answered',
        'put condition failed',
        'delete answered',
        'delete condition failed',
        'increment answered',
      ]);
      const last = history.slice(-3);
      expect(last.map(({ item, action }) => `${action.kind} ${item}`)).to.have.members([
        'read item-0',
        'read item-1',
        'read item-2',
      ]);
      expect(service.requests[0]?.path).to.match(/^\/v1\/data\/project\/tables\/table\//);
    });

    // Setting up a connection for each request would be most of the load.
    it('over connections that are kept, to all services', async () => {
      const first = await serve();
      const second = await serve();
      await load({ urls: [first.url, second.url], mix: { put: 1 } });
      for (const { requests, connections } of [first, second]) {
        expect(requests.length).to.be.above(150);
        expect(connections.size).to.be.at.most(8);
      }
    });

    // Every answer that a cluster with dying nodes gives, with and without an effect behind it.
    it('what is unknown as unknown, and what had no effect as refused', async () => {
      const random = seededRandom(5);
      const service = await serve((count) =>
        random.fraction() < 0.8 || count > 490
          ? 'served'
          : random.pick<Fate>([
              'refused',
              'unknown with effect',
              'unknown without effect',
              'cut before',
              'cut after',
              'silent',
            ]),
      );
      const { history, undocumented, tally } = await load({ urls: [service.url], items: 10 });
      expect(undocumented).to.deep.equal([]);
      expectLinearizable(history);
      expect(tally).to.include.keys('put unknown', 'put refused', 'increment unknown', 'increment refused');
    });

    it('what is undocumented', async () => {
      const service = await serve((count) => (count === 10 ? 'undocumented' : 'served'));
      const { undocumented } = await load({ urls: [service.url] });
      expect(undocumented.length).to.equal(1);
      expect(undocumented[0]?.what).to.match(/^500 .*InternalError/);
    });

    it('what a service that is not there refuses', async () => {
      const gone = await startFakeService(() => 'served');
      await gone.close();
      const service = await serve();
      const { undocumented, tally } = await load({ urls: [gone.url, service.url], maxOperations: 100 });
      expect(undocumented).to.deep.equal([]);
      expect(tally).to.include.keys('read answered', 'read refused');
    });

    // An acknowledged write that is lost shows at the latest here.
    it('last reads as soon as the service answers again', async () => {
      const service = await serve((count) => (count < 100 ? 'served' : count < 150 ? 'refused' : 'served'));
      const { history, undocumented } = await load({ urls: [service.url], maxOperations: 100 });
      expect(undocumented).to.deep.equal([]);
      expect(history.filter(({ client, outcome }) => client === 'last' && outcome.kind === 'refused')).not.to
        .be.empty;
      expect(
        history.filter(({ client, outcome }) => client === 'last' && outcome.kind === 'answered').length,
      ).to.equal(3);
    });

    it('as undocumented a service that doesn’t come back', async () => {
      const service = await serve((count) => (count < 100 ? 'served' : 'refused'));
      const { undocumented } = await load({ urls: [service.url], maxOperations: 100, finalReadMs: 20 });
      expect(undocumented.map(({ what }) => what)).to.deep.equal(
        Array.from({ length: 3 }, () => 'no answer to the last read within 20 ms'),
      );
    });

    it('until a signal', async () => {
      const end = new AbortController();
      const service = await serve((count) => {
        if (count === 50) end.abort();
        return 'served';
      });
      const { history } = await load({ urls: [service.url], signal: end.signal, maxOperations: 100_000 });
      expect(history.length).to.be.within(51, 70);
    });

    it('the same choices for the same seed', async () => {
      const chosen: string[][] = [];
      for (const seed of [1, 1, 2]) {
        const service = await serve();
        const { history } = await load({ urls: [service.url], clients: 1, maxOperations: 50, seed });
        chosen.push(history.slice(0, 50).map((one) => `${one.item} ${describeOperation(one)}`));
      }
      expect(chosen[1]).to.deep.equal(chosen[0]);
      expect(chosen[2]).not.to.deep.equal(chosen[0]);
    });

    it('keys of another shape', async () => {
      const service = await serve();
      const keyOf = (item: string) => ({ id: { S: item }, range: { N: '7' } });
      const { history, undocumented } = await load({
        urls: [service.url],
        keyOf,
        mix: { putIfAbsent: 1 },
        maxOperations: 20,
      });
      expect(undocumented).to.deep.equal([]);
      expect(service.requests[0]?.body).to.deep.equal({
        item: { ...keyOf(history[0]!.item), text: { S: 't1' }, count: { N: '0' } },
        expected: { id: { exists: false } },
      });
    });

    it('nothing without an end', async () => {
      let thrown: unknown;
      await runLoad({ urls: ['http://127.0.0.1:1'], project: 'p', table: 't', clients: 1, items: 1 }).catch(
        (error: unknown) => (thrown = error),
      );
      expect(thrown).to.be.instanceOf(TypeError);
    });

    it('a history in which a lost write shows', async () => {
      const service = await serve();
      const { history } = await load({
        urls: [service.url],
        clients: 1,
        items: 1,
        mix: { put: 1 },
        maxOperations: 3,
      });
      expectLinearizable(history);
      const lost = history.map((one) =>
        one.client === 'last' && one.outcome.kind === 'answered'
          ? { ...one, outcome: { ...one.outcome, answer: { kind: 'state' as const, state: value('t1') } } }
          : one,
      );
      expect(judge(lost).kind).to.equal('violated');
    });
  });
});
