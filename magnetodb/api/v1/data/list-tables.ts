/** list_tables (data API 7.2): `GET /{project}/tables`. */
import { parse } from 'node:querystring';
import type { ListTablesRequest } from '../../../engine/requests.js';
import type { Service } from '../../../pipeline/types.js';
import type { Json } from '../../json.js';
import { sendJson } from './answer.js';
import { limitField, rejectLeftover, tableNameField } from './fields.js';
import { tablesUrl } from './links.js';
import type { Operation, ProjectRequest } from './operation.js';

/** `_method` is one that the original understood; it is passed over here as on every other route. */
const PARAMS = new Set(['exclusive_start_table_name', 'limit', '_method']);

/** Answers links to the project's tables, in any state, ascending by name. */
export function listTables({ engine, bind }: Service): Operation<ProjectRequest> {
  return async (req, res, project) => {
    const { names, lastEvaluatedTableName } = await engine.listTables(project, parseParams(req.url));
    const url = tablesUrl(req, bind);
    sendJson(
      res,
      JSON.stringify({
        tables: names.map((name) => ({ rel: 'self', href: `${url}/${name}` })),
        ...(lastEvaluatedTableName === undefined
          ? {}
          : { last_evaluated_table_name: lastEvaluatedTableName }),
      }),
    );
  };
}

/** Of a repeated parameter the last one counts; an empty one is none. @throws {ValidationError} */
function parseParams(url: string): ListTablesRequest {
  const start = url.indexOf('?');
  // Without a prototype, and any name may be a member: `parse` takes care of both.
  const params: Record<string, Json> = Object.create(null) as Record<string, Json>;
  for (const [name, value] of Object.entries(start < 0 ? {} : parse(url.slice(start + 1)))) {
    params[name] = (Array.isArray(value) ? value.at(-1) : value) ?? '';
  }
  const { exclusive_start_table_name: startName, limit: limitText } = params;
  const exclusiveStartTableName =
    startName === undefined || startName === '' ? undefined : tableNameField(startName);
  const limit = limitText === '' ? undefined : limitField(limitText);
  rejectLeftover(params, PARAMS, 'params');
  return {
    ...(exclusiveStartTableName === undefined ? {} : { exclusiveStartTableName }),
    ...(limit === undefined ? {} : { limit }),
  };
}
