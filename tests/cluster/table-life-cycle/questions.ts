/**
 * What tests ask an engine about one table, be it in their own process or in another: questions and answers are plain
 * values, so that they pass between processes.
 */
import { parseProjectId, parseTableName } from '../../../magnetodb/engine/names.js';
import type { Engine, ProjectId, TableDefinition } from '../../../magnetodb/engine/requests.js';
import type { Item, V1Type } from '../../../magnetodb/engine/values.js';
import type { DecimalText } from '../../../magnetodb/engine/numbers.js';

/** One table of one project. */
export interface Place {
  readonly project: string;
  readonly table: string;
}

export type Question = Place &
  (
    | { readonly ask: 'create'; readonly keyType?: 'S' | 'N' }
    /** Answers the status, or an error's code. */
    | { readonly ask: 'status' }
    | { readonly ask: 'delete' }
    | { readonly ask: 'put'; readonly id: string; readonly value: string }
    /** Answers the item's value, read consistently; undefined: there is none. */
    | { readonly ask: 'get'; readonly id: string }
  );

/** A table's id and status as create and delete give them, a text, or nothing. */
export type Reply = { readonly id: string; readonly status: string } | string | undefined;

/** Puts a question to an engine. @throws what the engine throws; `status` throws nothing. */
export async function answer(engine: Engine, question: Question): Promise<Reply> {
  const project = projectOf(question.project);
  const { table } = question;
  switch (question.ask) {
    case 'create': {
      const { id, status } = await engine.createTable(project, definitionOf(table, question.keyType));
      return { id, status };
    }
    case 'status':
      try {
        return (await engine.describeTable(project, parseTableName(table))).status;
      } catch (error) {
        return codeOf(error);
      }
    case 'delete': {
      const { id, status } = await engine.deleteTable(project, parseTableName(table));
      return { id, status };
    }
    case 'put': {
      const item: Item = new Map([...keyOf(question.id), ['value', { type: 'S', value: question.value }]]);
      await engine.putItem(project, table, { item, expected: new Map(), returnValues: 'NONE' });
      return undefined;
    }
    case 'get': {
      const stored = await engine.getItem(project, table, { key: keyOf(question.id), consistentRead: true });
      return textOf(stored?.item, 'value');
    }
  }
}

/** A table whose HASH attribute is `id`. */
export function definitionOf(name: string, keyType: V1Type = 'S'): TableDefinition {
  return {
    name: parseTableName(name),
    attributes: new Map([['id', keyType]]),
    hashKey: 'id',
    indexes: [],
  };
}

export function projectOf(raw: string): ProjectId {
  return parseProjectId(raw)!;
}

/** An item's key, or an item of nothing else. */
export function keyOf(id: string, type: 'S' | 'N' = 'S'): Item {
  return new Map([['id', type === 'S' ? { type: 'S', value: id } : { type: 'N', value: id as DecimalText }]]);
}

/** An attribute that is a text or a number. */
export function textOf(item: Item | undefined, name: string): string | undefined {
  const attribute = item?.get(name);
  return attribute?.type === 'S' || attribute?.type === 'N' ? attribute.value : undefined;
}

/** The code of an engine's error; what it is instead, where it has none. */
export function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code);
  return String(error);
}
