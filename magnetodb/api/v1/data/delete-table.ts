/** delete_table (data API 7.3): `DELETE /{project}/tables/{table}`. */
import { parseTableName } from '../../../engine/names.js';
import type { Service } from '../../../pipeline/types.js';
import { sendJson } from './answer.js';
import { tableUrl } from './links.js';
import type { Operation, TableRequest } from './operation.js';
import { descriptionToJson } from './table-codec.js';

/** Answers once the deletion is on record; the table is gone soon after. */
export function deleteTable({ engine, bind }: Service): Operation<TableRequest> {
  return async (req, res, project) => {
    const table = await engine.deleteTable(project, parseTableName(req.params.table));
    const description = descriptionToJson(table, tableUrl(req, bind, table.name), true);
    sendJson(res, `{"table_description":${description}}`);
  };
}
