/** query (data API 10.1, 10.2): `POST /{project}/tables/{table}/query`. */
import { checkIndexName } from '../../../engine/names.js';
import type { QueryRequest } from '../../../engine/requests.js';
import type { Service } from '../../../pipeline/types.js';
import type { JsonObject } from '../../json.js';
import { parseKeyConditions } from './conditions.js';
import {
  booleanField,
  limitField,
  optionalBooleanField,
  rejectLeftover,
  stringField,
  type Field,
} from './fields.js';
import { readObject, type Operation, type TableRequest } from './operation.js';
import { sendPages } from './pages.js';
import { parseSelect, selectedNamesField } from './select.js';
import { parseStartKey } from './values.js';

const BODY = new Set([
  'attributes_to_get',
  'index_name',
  'select',
  'exclusive_start_key',
  'key_conditions',
  'consistent_read',
  'limit',
  'scan_index_forward',
]);

/** Answers the items of one HASH value, in the order of the table's or an index's RANGE. */
export function query({ engine }: Service): Operation<TableRequest> {
  return async (req, res, project) => {
    const body = await readObject(req);
    if (body === undefined) return;
    const request = parseQuery(body);
    await sendPages(res, engine.query(project, req.params.table, request), {
      showItems: request.select !== 'COUNT',
      showScannedCount: false,
    });
  };
}

/** @throws {ValidationError} */
export function parseQuery(body: JsonObject): QueryRequest {
  const names = selectedNamesField(body.attributes_to_get);
  const indexName = indexNameField(body.index_name);
  const selection = parseSelect(body.select, names);
  const exclusiveStartKey = parseStartKey(body.exclusive_start_key);
  const keyConditions = parseKeyConditions(body.key_conditions);
  const consistentRead = optionalBooleanField(body.consistent_read, 'consistent_read');
  const limit = limitField(body.limit);
  const forward = forwardField(body.scan_index_forward);
  rejectLeftover(body, BODY, 'body');
  return {
    ...selection,
    ...(indexName === undefined ? {} : { indexName }),
    keyConditions,
    consistentRead,
    forward,
    ...(limit === undefined ? {} : { limit }),
    ...(exclusiveStartKey === undefined ? {} : { exclusiveStartKey }),
  };
}

function indexNameField(value: Field): string | undefined {
  if (value === undefined || value === null) return undefined;
  const name = stringField(value, 'index name');
  checkIndexName(name);
  return name;
}

/** Ascending where absent or null. */
function forwardField(value: Field): boolean {
  return value === undefined || value === null || booleanField(value, 'scan_index_forward');
}
