/** describe_table (data API 7.3): `GET /{project}/tables/{table}`. */
import { parseTableName } from '../../../engine/names.js';
import type { Service } from '../../../pipeline/types.js';
import { sendJson } from './answer.js';
import { tableUrl } from './links.js';
import type { Operation, TableRequest } from './operation.js';
import { descriptionToJson } from './table-codec.js';

/** Answers a table's description, in any of its states. */
export function describeTable({ engine, bind }: Service): Operation<TableRequest> {
  return async (req, res, project) => {
    const table = await engine.describeTable(project, parseTableName(req.params.table));
    sendJson(res, `{"table":${descriptionToJson(table, tableUrl(req, bind, table.name))}}`);
  };
}
