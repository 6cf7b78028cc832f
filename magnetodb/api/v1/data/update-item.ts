/** update_item (data API 9.4): `POST /{project}/tables/{table}/update_item`. */
import { ValidationError } from '../../../engine/errors.js';
import { checkAttributeName, quoted } from '../../../engine/names.js';
import type { AttributeUpdate, UpdateAction, UpdateItemRequest } from '../../../engine/requests.js';
import type { AttributeValue } from '../../../engine/values.js';
import type { Service } from '../../../pipeline/types.js';
import { isJsonObject, type JsonObject } from '../../json.js';
import { sendItem } from './answer.js';
import { parseExpected } from './conditions.js';
import {
  objectField,
  rejectLeftover,
  required,
  returnValuesField,
  stringField,
  type Field,
} from './fields.js';
import { readObject, type Operation, type TableRequest } from './operation.js';
import { parseItem, parseTypedValue, SizeBudget } from './values.js';

const BODY = new Set(['expected', 'attribute_updates', 'key', 'return_values']);
const UPDATE = new Set(['action', 'value']);
const RETURN_VALUES = ['NONE', 'ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW'] as const;

/** Changes attributes of an item; answers old or new attributes where that is asked for. */
export function updateItem({ engine }: Service): Operation<TableRequest> {
  return async (req, res, project) => {
    const body = await readObject(req);
    if (body === undefined) return;
    const shown = await engine.updateItem(project, req.params.table, parseUpdateItem(body));
    sendItem(res, 'attributes', shown);
  };
}

/** @throws {ValidationError} */
export function parseUpdateItem(body: JsonObject): UpdateItemRequest {
  const expected = parseExpected(body.expected, 'update_item');
  const updates = parseUpdates(objectField(body.attribute_updates, 'attribute_updates'));
  const key = parseItem(objectField(body.key, 'key'));
  const returnValues = returnValuesField(body.return_values, RETURN_VALUES);
  rejectLeftover(body, BODY, 'body');
  return { key, updates, expected, returnValues };
}

function parseUpdates(object: JsonObject): ReadonlyMap<string, AttributeUpdate> {
  const budget = new SizeBudget();
  const updates = new Map<string, AttributeUpdate>();
  for (const [name, member] of Object.entries(object)) {
    checkAttributeName(name);
    const update = objectField(member, name);
    const action = parseAction(update.action);
    const value = parseUpdateValue(update.value, budget);
    rejectLeftover(update, UPDATE, name);
    if (value === undefined && action === 'ADD') throw required('value');
    updates.set(name, value === undefined ? { action } : { action, value });
  }
  return updates;
}

function parseAction(value: Field): UpdateAction {
  const action = stringField(value, 'action');
  if (action === 'PUT' || action === 'ADD' || action === 'DELETE') return action;
  throw new ValidationError(`Update action '${quoted(action)}' isn't allowed`);
}

/** Absent, null and `{}` mean that there is no value. */
function parseUpdateValue(value: Field, budget: SizeBudget): AttributeValue | undefined {
  if (value === undefined || value === null) return undefined;
  if (isJsonObject(value) && Object.keys(value).length === 0) return undefined;
  return parseTypedValue(value, 'value', budget);
}
