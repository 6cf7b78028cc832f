/** scan (data API 10.4): `POST /{project}/tables/{table}/scan`. */
import type { ScanRequest } from '../../../engine/requests.js';
import type { Service } from '../../../pipeline/types.js';
import type { JsonObject } from '../../json.js';
import { parseScanFilter } from './conditions.js';
import { integerField, limitField, rejectLeftover } from './fields.js';
import { readObject, type Operation, type TableRequest } from './operation.js';
import { sendPages } from './pages.js';
import { parseSelect, selectedNamesField } from './select.js';
import { parseStartKey } from './values.js';

const BODY = new Set([
  'attributes_to_get',
  'select',
  'limit',
  'exclusive_start_key',
  'scan_filter',
  'total_segments',
  'segment',
]);

const MAX_SEGMENTS = 4096;

/** Answers the items of a table, or of a segment of it, that pass a filter. */
export function scan({ engine }: Service): Operation<TableRequest> {
  return async (req, res, project) => {
    const body = await readObject(req);
    if (body === undefined) return;
    const request = parseScan(body);
    await sendPages(res, engine.scan(project, req.params.table, request), {
      showItems: request.select !== 'COUNT',
      showScannedCount: true,
    });
  };
}

/** @throws {ValidationError} */
export function parseScan(body: JsonObject): ScanRequest {
  const names = selectedNamesField(body.attributes_to_get);
  const selection = parseSelect(body.select, names);
  const limit = limitField(body.limit);
  const exclusiveStartKey = parseStartKey(body.exclusive_start_key);
  const filter = parseScanFilter(body.scan_filter);
  const { total_segments: total, segment: number } = body;
  const totalSegments = total === undefined ? 1 : integerField(total, 'total_segments', 1, MAX_SEGMENTS);
  const segment = number === undefined ? 0 : integerField(number, 'segment', 0, totalSegments - 1);
  rejectLeftover(body, BODY, 'body');
  return {
    ...selection,
    filter,
    segment,
    totalSegments,
    ...(limit === undefined ? {} : { limit }),
    ...(exclusiveStartKey === undefined ? {} : { exclusiveStartKey }),
  };
}
