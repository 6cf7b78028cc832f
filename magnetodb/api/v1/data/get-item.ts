/** get_item (data API 9.3): `POST /{project}/tables/{table}/get_item`. */
import type { GetItemRequest } from '../../../engine/requests.js';
import type { Service } from '../../../pipeline/types.js';
import type { JsonObject } from '../../json.js';
import { sendItem } from './answer.js';
import { attributesToGetField, objectField, optionalBooleanField, rejectLeftover } from './fields.js';
import { readObject, type Operation, type TableRequest } from './operation.js';
import { parseItem } from './values.js';

const BODY = new Set(['attributes_to_get', 'key', 'consistent_read']);

/** Answers one item, whole or in part, as it is stored. */
export function getItem({ engine }: Service): Operation<TableRequest> {
  return async (req, res, project) => {
    const body = await readObject(req);
    if (body === undefined) return;
    sendItem(res, 'item', await engine.getItem(project, req.params.table, parseGetItem(body)));
  };
}

/** The key's content is looked at last. @throws {ValidationError} */
export function parseGetItem(body: JsonObject): GetItemRequest {
  const attributesToGet = attributesToGetField(body.attributes_to_get);
  const key = objectField(body.key, 'key');
  const consistentRead = optionalBooleanField(body.consistent_read, 'consistent_read');
  rejectLeftover(body, BODY, 'body');
  return attributesToGet === undefined
    ? { key: parseItem(key), consistentRead }
    : { key: parseItem(key), attributesToGet, consistentRead };
}
