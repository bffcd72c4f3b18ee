import type { ServerResponse } from 'node:http';
import { GraphError } from './graph-error.js';

const JSON_TYPE = 'application/json; charset=UTF-8';

/** Writes an answer whose body is already text. Nothing happens when the client has gone. */
export function respond(response: ServerResponse, status: number, body: string, type = JSON_TYPE): void {
  if (response.destroyed || response.headersSent) {
    return;
  }
  response.writeHead(status, ['content-type', type, 'content-length', String(Buffer.byteLength(body))]);
  response.end(body);
}

export function respondJson(response: ServerResponse, value: unknown, status = 200): void {
  respond(response, status, JSON.stringify(value));
}

export function respondError(response: ServerResponse, error: GraphError): void {
  respond(response, error.http, error.body());
}

/** Any fault of the simulator itself shows as Meta's unknown error, and never ends the process. */
export function asGraphError(error: unknown): GraphError {
  return error instanceof GraphError ? error : new GraphError(1, '', { message: '(#1) An unknown error occurred' });
}
