/** batch_write_item (data API 11.2): `POST /{project}/batch_write_item`. */
import { ValidationError } from '../../../engine/errors.js';
import { itemToJson } from '../../../engine/item-codec.js';
import { quoted } from '../../../engine/names.js';
import type { BatchWriteAnswer, TableName, WriteRequest } from '../../../engine/requests.js';
import type { Service } from '../../../pipeline/types.js';
import type { Json, JsonObject } from '../../json.js';
import { sendJson } from './answer.js';
import { objectField, objectListField, rejectLeftover, tableNameField } from './fields.js';
import { readObject, type Operation, type ProjectRequest } from './operation.js';
import { parseItem } from './values.js';

const BODY = new Set(['request_items']);
const PUT_REQUEST = new Set(['item']);
const DELETE_REQUEST = new Set(['key']);

/** Puts and deletes items of several tables; what the storage would not take comes back to be sent again. */
export function batchWriteItem({ engine }: Service): Operation<ProjectRequest> {
  return async (req, res, project) => {
    const body = await readObject(req);
    if (body === undefined) return;
    sendJson(res, answerToJson(await engine.batchWriteItem(project, parseBatchWriteItem(body))));
  };
}

/** @throws {ValidationError} */
export function parseBatchWriteItem(body: JsonObject): ReadonlyMap<TableName, readonly WriteRequest[]> {
  const requests = new Map<TableName, readonly WriteRequest[]>();
  for (const [table, list] of Object.entries(objectField(body.request_items, 'request_items'))) {
    const name = tableNameField(table);
    requests.set(name, objectListField(list, table).flatMap(parseWriteRequests));
  }
  rejectLeftover(body, BODY, 'body');
  return requests;
}

/** One object may hold a put, a delete, both, or nothing. */
function parseWriteRequests(element: JsonObject): WriteRequest[] {
  return Object.entries(element).map(([member, content]) => parseWriteRequest(member, content));
}

function parseWriteRequest(member: string, content: Json): WriteRequest {
  const request = (): JsonObject => objectField(content, member);
  switch (member) {
    case 'put_request': {
      const put = request();
      const item = parseItem(objectField(put.item, 'item'));
      rejectLeftover(put, PUT_REQUEST, member);
      return { kind: 'put', item };
    }
    case 'delete_request': {
      const remove = request();
      const key = parseItem(objectField(remove.key, 'key'));
      rejectLeftover(remove, DELETE_REQUEST, member);
      return { kind: 'delete', key };
    }
    default:
      throw new ValidationError(`Unsupported request type found: ${quoted(member)}`);
  }
}

function answerToJson({ unprocessed }: BatchWriteAnswer): string {
  const tables = Array.from(
    unprocessed,
    ([table, requests]) => `${JSON.stringify(table)}:[${requests.map(requestToJson).join()}]`,
  );
  return `{"unprocessed_items":{${tables.join()}}}`;
}

/** In the request's own form. */
function requestToJson(request: WriteRequest): string {
  return request.kind === 'put'
    ? `{"put_request":{"item":${itemToJson(request.item)}}}`
    : `{"delete_request":{"key":${itemToJson(request.key)}}}`;
}
