/** A small client of the v1 data API. It checks nothing: tests look at the answers. */
import { eventually } from './eventually.js';

/** A JSON value that a test sends. */
export type Sent = unknown;

/** What came back. `body` is the parsed JSON. */
export interface Answer<T = AnswerBody> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: T;
}

export type WireItem = Record<string, Record<string, unknown>>;

export interface Description {
  readonly table_name: string;
  readonly table_id: string;
  readonly table_status: string;
  readonly creation_date_time: string;
  readonly item_count: number;
  readonly table_size_bytes: number;
  readonly attribute_definitions: { attribute_name: string; attribute_type: string }[];
  readonly key_schema: { attribute_name: string; key_type: string }[];
  readonly local_secondary_indexes?: {
    index_name: string;
    key_schema: { attribute_name: string; key_type: string }[];
    projection: { projection_type: string; non_key_attributes?: string[] };
  }[];
  readonly links: { rel: string; href: string }[];
}

/** Every member that an answer may have; a test reads those of its operation. */
export interface AnswerBody {
  readonly item?: WireItem;
  readonly attributes?: WireItem;
  readonly items?: WireItem[];
  readonly count?: number;
  readonly scanned_count?: number;
  readonly last_evaluated_key?: WireItem;
  readonly responses?: Record<string, WireItem[]>;
  readonly unprocessed_keys?: object;
  readonly unprocessed_items?: object;
  readonly table?: Description;
  readonly table_description?: Description;
  readonly tables?: { rel: string; href: string }[];
  readonly last_evaluated_table_name?: string;
  readonly read?: number;
  readonly processed?: number;
  readonly unprocessed?: number;
  readonly failed?: number;
  readonly last_item?: string | null;
  readonly failed_items?: Record<string, string>;
  readonly failed_items_truncated?: boolean;
  readonly code?: number;
  readonly title?: string;
  readonly explanation?: string;
  readonly error?: { message: string; type: string; traceback: null };
}

/** How a table is described in short: `{ h: 'S', r: 'N' }`, the first two being its keys unless `keys` says else. */
export interface TableShape {
  readonly attributes: Record<string, string>;
  readonly hash?: string;
  readonly range?: string;
  /** Index name → its RANGE attribute and projection. */
  readonly indexes?: Record<string, { range: string; projection?: object }>;
}

export class Client {
  /** The URL that the service catalogue would give. */
  readonly url: string;

  constructor(
    serviceUrl: string,
    readonly project: string,
  ) {
    this.url = `${serviceUrl}/v1/data/${project}`;
  }

  /** Sends any request; a body that is no text or bytes is sent as JSON. */
  async send(
    method: string,
    path: string,
    body?: Sent,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(this.url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json') && text !== '';
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : {}) as AnswerBody,
    };
  }

  post(path: string, body: Sent): Promise<Answer> {
    return this.send('POST', path, body);
  }

  get(path: string): Promise<Answer> {
    return this.send('GET', path);
  }

  /** An operation on a table: `call('readings', 'put_item', {…})`. */
  call(table: string, operation: string, body: Sent): Promise<Answer> {
    return this.post(`/tables/${table}/${operation}`, body);
  }

  /** As `call`, and fails where the answer isn't a success. */
  async ok(table: string, operation: string, body: Sent): Promise<AnswerBody> {
    const answer = await this.call(table, operation, body);
    if (answer.status !== 200) throw new Error(`${operation}: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  /** Creates a table and waits until it is ACTIVE. */
  async createTable(name: string, shape: TableShape): Promise<void> {
    const answer = await this.post('/tables', tableBody(name, shape));
    if (answer.status !== 200) throw new Error(`create_table: ${answer.status} ${answer.text}`);
    await this.waitUntilActive(name);
  }

  async waitUntilActive(name: string): Promise<void> {
    await eventually(async () => {
      const { body } = await this.get(`/tables/${name}`);
      if (body.table?.table_status !== 'ACTIVE')
        throw new Error(`table is ${body.table?.table_status ?? 'gone'}`);
    });
  }

  async waitUntilGone(name: string): Promise<void> {
    await eventually(async () => {
      const { status } = await this.get(`/tables/${name}`);
      if (status !== 404) throw new Error('table is still there');
    });
  }

  async put(table: string, ...items: Sent[]): Promise<void> {
    for (const item of items) await this.ok(table, 'put_item', { item });
  }

  async getItem(table: string, key: Sent): Promise<WireItem | undefined> {
    return (await this.ok(table, 'get_item', { key, consistent_read: true })).item;
  }
}

/** create_table's body. */
export function tableBody(name: string, shape: TableShape): object {
  const names = Object.keys(shape.attributes);
  const hash = shape.hash ?? names[0] ?? '';
  const range = shape.range ?? (shape.hash === undefined ? names[1] : undefined);
  const keySchema = (rangeName: string | undefined): object[] => [
    { attribute_name: hash, key_type: 'HASH' },
    ...(rangeName === undefined ? [] : [{ attribute_name: rangeName, key_type: 'RANGE' }]),
  ];
  return {
    table_name: name,
    attribute_definitions: Object.entries(shape.attributes).map(([attribute_name, attribute_type]) => ({
      attribute_name,
      attribute_type,
    })),
    key_schema: keySchema(range),
    ...(shape.indexes === undefined
      ? {}
      : {
          local_secondary_indexes: Object.entries(shape.indexes).map(([index_name, index]) => ({
            index_name,
            key_schema: keySchema(index.range),
            projection: index.projection ?? { projection_type: 'ALL' },
          })),
        }),
  };
}
