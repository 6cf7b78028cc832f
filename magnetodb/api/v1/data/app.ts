/**
 * The v1 data API as a pipeline's app, `use = magnetodb:data_api_v1`, mounted at `/v1/data`: routes (data API 1.2), and
 * what is checked before an operation runs (section 2, steps 3 and 4).
 *
 * One trailing slash is accepted on any route. What isn't routed goes to `next`: no such resource.
 */
import { Type, type Static } from '@sinclair/typebox';
import { Router, type NextFunction, type RequestHandler, type Response } from 'express';
import createError from 'http-errors';
import { ForbiddenError } from '../../../engine/errors.js';
import { parseProjectId } from '../../../engine/names.js';
import type { AppFactory } from '../../../pipeline/types.js';
import { batchGetItem } from './batch-get-item.js';
import { batchWriteItem } from './batch-write-item.js';
import { bulkLoad } from './bulk-load.js';
import { createTable } from './create-table.js';
import { deleteItem } from './delete-item.js';
import { deleteTable } from './delete-table.js';
import { describeTable } from './describe-table.js';
import { getItem } from './get-item.js';
import { listTables } from './list-tables.js';
import type { Operation, ProjectRequest } from './operation.js';
import { putItem } from './put-item.js';
import { query } from './query.js';
import { scan } from './scan.js';
import { updateItem } from './update-item.js';

const options = Type.Object({
  max_line_size: Type.Integer({
    description: "bulk_load: a line's greatest length in bytes, newline included.",
    minimum: 1024,
    maximum: 64 * 1024 * 1024,
    default: 4 * 1024 * 1024,
  }),
  bulk_concurrency: Type.Integer({
    description: 'bulk_load: how many puts of one load may be under way.',
    minimum: 1,
    maximum: 4096,
    default: 64,
  }),
  idle_timeout: Type.Number({
    description: 'bulk_load: seconds for which the client may send nothing. There is no limit on the whole.',
    exclusiveMinimum: 0,
    maximum: 86_400,
    default: 60,
  }),
  max_failed_items: Type.Integer({
    description: 'bulk_load: how many failed lines the answer tells; further ones are counted only.',
    minimum: 0,
    default: 1000,
  }),
  max_failed_size: Type.Integer({
    description: 'bulk_load: how many bytes of failed lines the answer tells; further ones are counted only.',
    minimum: 0,
    default: 8 * 1024 * 1024,
  }),
});

/** `use = magnetodb:data_api_v1`. */
export const factory: AppFactory<Static<typeof options>> = {
  kind: 'app',
  options,
  create(settings, service) {
    const router = Router({ caseSensitive: true });
    const load = bulkLoad(service, {
      maxLineBytes: settings.max_line_size,
      concurrency: settings.bulk_concurrency,
      idleTimeoutMs: settings.idle_timeout * 1000,
      maxFailedItems: settings.max_failed_items,
      maxFailedBytes: settings.max_failed_size,
    });

    // In the order of how often they are called: each route before costs every request a look.
    router
      .route('/:project/tables/:table/get_item')
      .post(perform('get_item', getItem(service)))
      .all(onlyAllow('POST'));
    router
      .route('/:project/tables/:table/put_item')
      .post(perform('put_item', putItem(service)))
      .all(onlyAllow('POST'));
    router
      .route('/:project/tables/:table/query')
      .post(perform('query', query(service)))
      .all(onlyAllow('POST'));
    router
      .route('/:project/tables/:table/update_item')
      .post(perform('update_item', updateItem(service)))
      .all(onlyAllow('POST'));
    router
      .route('/:project/tables/:table/delete_item')
      .post(perform('delete_item', deleteItem(service)))
      .all(onlyAllow('POST'));
    router
      .route('/:project/batch_get_item')
      .post(perform('batch_get_item', batchGetItem(service)))
      .all(onlyAllow('POST'));
    router
      .route('/:project/batch_write_item')
      .post(perform('batch_write_item', batchWriteItem(service)))
      .all(onlyAllow('POST'));
    router
      .route('/:project/tables/:table/scan')
      .post(perform('scan', scan(service)))
      .all(onlyAllow('POST'));
    router.route('/:project/tables/:table/bulk_load').post(perform('bulk_load', load)).all(onlyAllow('POST'));
    router
      .route('/:project/data/tables/:table/bulk_load')
      .post(perform('bulk_load', load))
      .all(onlyAllow('POST'));
    router
      .route('/:project/tables/:table')
      .get(perform('describe_table', describeTable(service)))
      .delete(perform('delete_table', deleteTable(service)))
      .all(onlyAllow('GET, HEAD, DELETE'));
    router
      .route('/:project/tables')
      .get(perform('list_tables', listTables(service)))
      .post(perform('create_table', createTable(service)))
      .all(onlyAllow('GET, HEAD, POST'));

    // Not the router itself: its `bind` is HTTP's method BIND, and who composes the pipeline binds what it is given.
    return (req, res, next) => {
      router(req, res, next);
    };
  },
};

/** A route's handler: what comes before every operation, and then the operation. */
function perform<R extends ProjectRequest>(name: string, operation: Operation<R>) {
  return (req: R, res: Response, next: NextFunction): Promise<void> | undefined => {
    const { context } = req;
    context.operation = name;
    checkAccept(req);
    const project = parseProjectId(req.params.project);
    if (project === undefined) {
      next('router'); // past the route's answer to other methods
      return undefined;
    }
    if (context.trustUrlProject) context.projectId = project;
    else if (project !== context.projectId) throw new ForbiddenError('No access to project');
    return operation(req, res, project);
  };
}

/** Answers are JSON: a client that takes nothing of the kind gets 406. */
function checkAccept(req: ProjectRequest): void {
  const { accept } = req.headers;
  if (accept === undefined || accept === '*/*' || accept === 'application/json' || accept === '') return;
  // A type with a parameter is accepted only where it is offered with it.
  if (req.accepts(['application/json', 'application/json; charset=UTF-8']) === false) {
    throw createError(406, 'Only application/json can be answered, which the Accept header excludes');
  }
}

function onlyAllow(methods: string): RequestHandler {
  return () => {
    throw createError(405, `The method is not allowed here; allowed: ${methods}`, {
      headers: { Allow: methods },
    });
  };
}
