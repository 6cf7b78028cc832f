/** batch_get_item (data API 11.1): `POST /{project}/batch_get_item`. */
import { itemToJson } from '../../../engine/item-codec.js';
import type { BatchGetAnswer, BatchGetRequest, TableName } from '../../../engine/requests.js';
import type { Service } from '../../../pipeline/types.js';
import type { JsonObject } from '../../json.js';
import { joinItems, sendBytes } from './answer.js';
import {
  attributesToGetField,
  objectField,
  objectListField,
  optionalBooleanField,
  rejectLeftover,
  tableNameField,
} from './fields.js';
import { readObject, type Operation, type ProjectRequest } from './operation.js';
import { parseItem } from './values.js';

const BODY = new Set(['request_items']);
const TABLE_REQUEST = new Set(['consistent_read', 'attributes_to_get', 'keys']);

/** Answers items of several tables; keys beyond the engine's bound on an answer come back to be asked for again. */
export function batchGetItem({ engine }: Service): Operation<ProjectRequest> {
  return async (req, res, project) => {
    const body = await readObject(req);
    if (body === undefined) return;
    sendBytes(res, answerToJson(await engine.batchGetItem(project, parseBatchGetItem(body))));
  };
}

/** @throws {ValidationError} */
export function parseBatchGetItem(body: JsonObject): ReadonlyMap<TableName, BatchGetRequest> {
  const requests = new Map<TableName, BatchGetRequest>();
  for (const [table, member] of Object.entries(objectField(body.request_items, 'request_items'))) {
    const name = tableNameField(table);
    const request = objectField(member, table);
    const consistentRead = optionalBooleanField(request.consistent_read, 'consistent_read');
    const attributesToGet = attributesToGetField(request.attributes_to_get);
    const keys = objectListField(request.keys, 'keys').map(parseItem);
    rejectLeftover(request, TABLE_REQUEST, table);
    requests.set(
      name,
      attributesToGet === undefined ? { keys, consistentRead } : { keys, consistentRead, attributesToGet },
    );
  }
  rejectLeftover(body, BODY, 'body');
  return requests;
}

function answerToJson({ responses, unprocessed }: BatchGetAnswer): Buffer {
  const parts: Buffer[] = [];
  for (const [table, items] of responses) {
    const front = parts.length === 0 ? '{"responses":{' : ',';
    parts.push(joinItems(`${front}${JSON.stringify(table)}:[`, items, ']'));
  }
  if (parts.length === 0) parts.push(Buffer.from('{"responses":{'));
  const left = Array.from(
    unprocessed,
    ([table, request]) => `${JSON.stringify(table)}:${requestToJson(request)}`,
  );
  parts.push(Buffer.from(`},"unprocessed_keys":{${left.join()}}}`));
  return Buffer.concat(parts);
}

/** In the request's own form, options included, so that a client can send it as it is. */
function requestToJson({ keys, attributesToGet, consistentRead }: BatchGetRequest): string {
  return (
    `{"keys":[${keys.map(itemToJson).join()}]` +
    (attributesToGet === undefined ? '' : `,"attributes_to_get":${JSON.stringify(attributesToGet)}`) +
    (consistentRead ? ',"consistent_read":true}' : '}')
  );
}
