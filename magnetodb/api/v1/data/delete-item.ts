/** delete_item (data API 9.5): `POST /{project}/tables/{table}/delete_item`. */
import type { DeleteItemRequest } from '../../../engine/requests.js';
import type { Service } from '../../../pipeline/types.js';
import type { JsonObject } from '../../json.js';
import { sendItem } from './answer.js';
import { parseExpected } from './conditions.js';
import { objectField, rejectLeftover, returnValuesField } from './fields.js';
import { readObject, type Operation, type TableRequest } from './operation.js';
import { parseItem } from './values.js';

const BODY = new Set(['expected', 'key', 'return_values']);
const RETURN_VALUES = ['NONE', 'ALL_OLD'] as const;

/** Removes an item, which need not exist; answers the old one where that is asked for. */
export function deleteItem({ engine }: Service): Operation<TableRequest> {
  return async (req, res, project) => {
    const body = await readObject(req);
    if (body === undefined) return;
    const shown = await engine.deleteItem(project, req.params.table, parseDeleteItem(body));
    sendItem(res, 'attributes', shown);
  };
}

/** @throws {ValidationError} */
export function parseDeleteItem(body: JsonObject): DeleteItemRequest {
  const expected = parseExpected(body.expected, 'delete_item');
  const key = parseItem(objectField(body.key, 'key'));
  const returnValues = returnValuesField(body.return_values, RETURN_VALUES);
  rejectLeftover(body, BODY, 'body');
  return { key, expected, returnValues };
}
