/** put_item (data API 9.2): `POST /{project}/tables/{table}/put_item`. */
import type { PutItemRequest } from '../../../engine/requests.js';
import type { Service } from '../../../pipeline/types.js';
import type { JsonObject } from '../../json.js';
import { sendItem } from './answer.js';
import { parseExpected } from './conditions.js';
import { integerField, objectField, rejectLeftover, returnValuesField, type Field } from './fields.js';
import { readObject, type Operation, type TableRequest } from './operation.js';
import { parseItem } from './values.js';

const BODY = new Set(['expected', 'item', 'return_values', 'time_to_live']);
const RETURN_VALUES = ['NONE', 'ALL_OLD', 'ALL_NEW'] as const;

/** Stores a whole item; answers the old or the new one where that is asked for. */
export function putItem({ engine }: Service): Operation<TableRequest> {
  return async (req, res, project) => {
    const body = await readObject(req);
    if (body === undefined) return;
    const shown = await engine.putItem(project, req.params.table, parsePutItem(body));
    sendItem(res, 'attributes', shown);
  };
}

/** @throws {ValidationError} */
export function parsePutItem(body: JsonObject): PutItemRequest {
  const expected = parseExpected(body.expected, 'put_item');
  const item = parseItem(objectField(body.item, 'item'));
  const returnValues = returnValuesField(body.return_values, RETURN_VALUES);
  const timeToLiveSeconds = timeToLiveField(body.time_to_live);
  rejectLeftover(body, BODY, 'body');
  return timeToLiveSeconds === undefined
    ? { item, expected, returnValues }
    : { item, expected, returnValues, timeToLiveSeconds };
}

/** Absent, null and 0: the item stays. */
function timeToLiveField(value: Field): number | undefined {
  if (value === undefined || value === null) return undefined;
  const seconds = integerField(value, 'time_to_live', 0);
  return seconds === 0 ? undefined : seconds;
}
