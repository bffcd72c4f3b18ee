import type { IncomingMessage, ServerResponse } from 'node:http';
import { isJson, type Json } from '../validation/check.js';
import type { World } from '../world.js';
import { badParam } from './graph-error.js';

/** One management call on its way to its handler. */
export interface GraphCall {
  readonly world: World;
  readonly method: string;
  readonly id: string;
  readonly token: string;
  readonly query: URLSearchParams;
  /** Absolute, for paging links. */
  readonly url: string;
  readonly bytes: Buffer;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The parameters of a call: Graph takes them as JSON, as a form and in the query alike. */
export function paramsOf({ bytes, query, request }: GraphCall): Json {
  const params: Json = Object.fromEntries(query);
  if (bytes.length === 0) {
    return params;
  }
  if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    return { ...params, ...Object.fromEntries(new URLSearchParams(bytes.toString('utf8'))) };
  }
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw badParam('The request body is not valid JSON.');
  }
  if (!isJson(body)) {
    throw badParam('The request body must be a JSON object.');
  }
  return { ...params, ...body };
}

/** Only the asked fields; `id` is always added. Nested field lists (`throughput{level}`) count by their name. */
export function picked(object: Json, fields: string | null): Json {
  if (fields === null || fields === '') {
    return object;
  }
  const names = fields.replace(/\{[^}]*\}/g, '').split(',');
  const asked = names
    .map((name) => name.trim())
    .filter((name) => Object.hasOwn(object, name) && object[name] !== undefined);
  return { ...Object.fromEntries(asked.map((name) => [name, object[name]])), id: object.id };
}
