/** create_table (data API 7.1): `POST /{project}/tables`. */
import type { Service } from '../../../pipeline/types.js';
import { sendJson } from './answer.js';
import { tableUrl } from './links.js';
import { readObject, type Operation, type ProjectRequest } from './operation.js';
import { descriptionToJson, parseTableDefinition } from './table-codec.js';

/** Answers once the table is on record; it becomes ACTIVE soon after. */
export function createTable({ engine, bind }: Service): Operation<ProjectRequest> {
  return async (req, res, project) => {
    const body = await readObject(req);
    if (body === undefined) return;
    const table = await engine.createTable(project, parseTableDefinition(body));
    sendJson(res, `{"table_description":${descriptionToJson(table, tableUrl(req, bind, table.name))}}`);
  };
}
