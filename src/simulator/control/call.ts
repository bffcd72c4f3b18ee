import type { ServerResponse } from 'node:http';
import { respondJson } from '../graph/respond.js';
import { isJson, type Json } from '../validation/check.js';
import type { World } from '../world.js';

/** One call of the control plane. */
export interface ControlCall {
  readonly world: World;
  readonly response: ServerResponse;
  readonly bytes: Buffer;
  readonly query: URLSearchParams;
  /** The last part of the path where it names something. */
  readonly name: string;
}

export type ControlHandler = (call: ControlCall) => void | Promise<void>;

/** The JSON object of a call; an empty body counts as `{}`. Undefined after it was refused. */
export function bodyOf({ bytes, response }: ControlCall): Json | undefined {
  if (bytes.length === 0) {
    return {};
  }
  try {
    const body: unknown = JSON.parse(bytes.toString('utf8'));
    if (isJson(body)) {
      return body;
    }
  } catch {
    // Told to the caller below, like any other body that is no object.
  }
  refuse(response, ['the body must be a JSON object']);
  return undefined;
}

export function refuse(response: ServerResponse, problems: string[], status = 400): void {
  respondJson(response, { error: problems.join('; '), problems }, status);
}
