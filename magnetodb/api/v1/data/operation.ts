/** What an operation of the data API is: one file each, each with a function that makes its handler. */
import type { Request, Response } from 'express';
import type { ProjectId } from '../../../engine/requests.js';
import { readBody } from '../../body.js';
import { parseJson, type JsonObject } from '../../json.js';
import { objectField } from './fields.js';

/** A request on a project: `/v1/data/{project}/…`. */
export type ProjectRequest = Request<{ project: string }>;
/** A request on a table: `/v1/data/{project}/tables/{table}…`. The table's name is as the URL has it, unchecked. */
export type TableRequest = Request<{ project: string; table: string }>;

/**
 * Answers a request that may use the project. Sends nothing where the client has gone away.
 * @throws {ServiceError} or {HttpError}, for the fault wrapper to answer.
 */
export type Operation<R extends ProjectRequest> = (
  req: R,
  res: Response,
  project: ProjectId,
) => Promise<void>;

/**
 * The body, which must be a JSON object; undefined where the client went away.
 * @throws {ValidationError}, and what readBody throws.
 */
export async function readObject(req: ProjectRequest | TableRequest): Promise<JsonObject | undefined> {
  const bytes = await readBody(req as Request);
  return bytes === undefined ? undefined : objectField(parseJson(bytes), 'body');
}
