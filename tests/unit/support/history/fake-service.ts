/** As much of the v1 data API as a load uses, over registers in memory; and whatever else it is told to do. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { WireItem } from '../../../support/client.js';
import { perform, type Action, type ItemState } from '../../../support/history/operation.js';

/** What happens to a request: its effect, if any, and its answer. */
export type Fate =
  | 'served'
  | 'refused'
  | 'unknown with effect'
  | 'unknown without effect'
  | 'cut before'
  | 'cut after'
  | 'silent'
  | 'undocumented';

export interface FakeService {
  readonly url: string;
  /** The requests that came, and the connections that they came on. */
  readonly requests: readonly { readonly path: string; readonly body: WireRequest }[];
  readonly connections: ReadonlySet<object>;
  close(): Promise<void>;
}

/** The members that a load's requests have. */
export interface WireRequest {
  readonly key?: WireItem;
  readonly item?: WireItem;
  readonly expected?: Record<string, { exists?: boolean; value?: Record<string, string> }>;
  readonly attribute_updates?: object;
}

/** @param fateOf decides on each request, by the number of those before it. */
export async function startFakeService(fateOf: (count: number) => Fate): Promise<FakeService> {
  const states = new Map<string, ItemState>();
  const requests: { path: string; body: WireRequest }[] = [];
  const connections = new Set<object>();

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const body = (await json(req)) as WireRequest;
    connections.add(req.socket);
    const fate = fateOf(requests.length);
    const path = req.url ?? '';
    requests.push({ path, body });
    const id = String((body.key ?? body.item)?.id?.S);
    const before = states.get(id) ?? null;
    const { state, answer } = perform(before, actionOf(path, body));
    if (fate === 'served' || fate === 'unknown with effect' || fate === 'cut after') states.set(id, state);
    switch (fate) {
      case 'served':
        if (answer.kind === 'conditionFailed') send(res, 400, fault('ConditionalCheckFailedException'));
        else if (answer.kind === 'done') send(res, 200, {});
        else {
          const item = wireItem(body.key, answer.state);
          send(res, 200, path.endsWith('/get_item') ? { item } : { attributes: item });
        }
        return;
      case 'refused':
        send(res, 503, fault('ServiceUnavailable'));
        return;
      case 'unknown with effect':
      case 'unknown without effect':
        // A read has an outcome, or none.
        send(res, 503, fault(path.endsWith('/get_item') ? 'ServiceUnavailable' : 'OutcomeUnknown'));
        return;
      case 'cut before':
      case 'cut after':
        req.socket.destroy();
        return;
      case 'silent':
        return;
      case 'undocumented':
        send(res, 500, fault('InternalError'));
    }
  };
  const server = createServer((req, res) => void handle(req, res));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    connections,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function actionOf(path: string, body: WireRequest): Action {
  const condition = conditionOf(body.expected);
  if (path.endsWith('/get_item')) return { kind: 'read' };
  if (path.endsWith('/update_item')) return { kind: 'increment' };
  if (path.endsWith('/delete_item')) return { kind: 'delete', ...condition };
  return { kind: 'put', text: String(body.item?.text?.S), ...condition };
}

function conditionOf(expected: WireRequest['expected']): Pick<Action & { kind: 'put' }, 'condition'> {
  if (expected === undefined) return {};
  if (expected.id?.exists === false) return { condition: { kind: 'absent' } };
  const text = expected.text?.exists === false ? '' : String(expected.text?.value?.S);
  return { condition: { kind: 'equals', value: { text, count: Number(expected.count?.value?.N) } } };
}

function wireItem(key: WireItem | undefined, state: ItemState): object | undefined {
  if (state === null) return undefined;
  const text = state.text === '' ? {} : { text: { S: state.text } };
  return { count: { N: String(state.count) }, ...text, ...key };
}

function fault(type: string): object {
  return { error: { type, message: 'as it was told', traceback: null } };
}

function send(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'Content-Type': 'application/json', 'Retry-After': '1' }).end(JSON.stringify(body));
}
