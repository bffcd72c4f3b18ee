import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { routeControl } from './control/router.js';
import { badParam } from './graph/graph-error.js';
import { asGraphError, respondError } from './graph/respond.js';
import { routeGraph } from './graph/router.js';
import { GraphError } from './graph/graph-error.js';
import type { World } from './world.js';

const MAX_BODY = 105 * 1024 * 1024;
const KEEP_ALIVE_MS = 65_000;

/** The HTTP server of a simulator: plain `node:http`, since a framework would cost more than the answers do. */
export function createSimulatorServer(world: World): Server {
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, noDelay: true },
    (request, response) => receive(world, request, response),
  );
  // A client that goes away mid-request is its own business.
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

function receive(world: World, request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_BODY) {
      chunks.push(chunk);
    }
  });
  request.on('error', () => response.destroy());
  request.on('end', () => {
    const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    void answer(world, request, response, bytes, length > MAX_BODY);
  });
}

async function answer(
  world: World,
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  isTooLong: boolean,
): Promise<void> {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const search = mark < 0 ? '' : target.slice(mark);
  try {
    if (isTooLong) {
      throw badParam('The request body is too long.');
    }
    if (path === '/' || path.startsWith('/__simulate/')) {
      await routeControl(world, response, request.method ?? 'GET', bytes, path, search);
      return;
    }
    routeGraph(world, request, response, bytes, path, search);
  } catch (error) {
    if (!(error instanceof GraphError)) {
      // A fault of the double, not of its caller: it must be seen, and must not end the process.
      process.stderr.write(`simulator: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    }
    respondError(response, asGraphError(error));
  }
}
