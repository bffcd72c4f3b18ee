import { createServer, type IncomingMessage } from 'node:http';
import { startTestApp } from './app.js';
import { setUp, type Journey } from './journey.js';
import { startTestSimulator } from './simulator.js';

export type SentJson = Record<string, unknown>;

/** One request as Graph received it, and what it answered. */
export interface GraphCallRecord {
  method: string;
  /** With its query. */
  path: string;
  body: unknown;
  status: number;
  answer: unknown;
}

/** Stands between the product and Graph's double, and remembers what went through. */
export interface GraphRecorder {
  url: string;
  /** All requests that were answered, in the order of their answers. */
  calls: GraphCallRecord[];
  /** Bodies of `POST …/messages`, in the order they came. */
  sent: SentJson[];
  close(): Promise<void>;
}

/** A journey in which one sees the JSON that reaches Meta. */
export interface RecordedJourney extends Journey {
  recorder: GraphRecorder;
}

async function startRecorder(target: string): Promise<GraphRecorder> {
  const sent: SentJson[] = [];
  const calls: GraphCallRecord[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body = await read(request);
      if (request.method === 'POST' && /\/messages$/.test(request.url ?? '')) {
        sent.push(JSON.parse(body.toString('utf8')) as SentJson);
      }
      const { host: _host, connection: _connection, ...headers } = request.headers;
      const answer = await fetch(target + (request.url ?? ''), {
        method: request.method,
        headers: headers as Record<string, string>,
        body: request.method === 'GET' ? undefined : new Uint8Array(body),
      });
      const answered = Buffer.from(await answer.arrayBuffer());
      calls.push({
        method: request.method ?? '',
        path: request.url ?? '',
        body: parsed(body),
        status: answer.status,
        answer: parsed(answered),
      });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' });
      response.end(answered);
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    sent,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export async function startRecordedJourney(
  options: { worker?: boolean; simulator?: Record<string, unknown>; env?: Record<string, string> } = {},
): Promise<RecordedJourney> {
  const simulator = await startTestSimulator(options.simulator);
  const recorder = await startRecorder(simulator.url);
  const api = await startTestApp({
    worker: options.worker ?? true,
    env: { GRAPH_API_BASE_URL: recorder.url, ...options.env },
  });
  await simulator.configure({ callback_url: `${api.url}/whatsapp/webhook/` });
  return {
    api,
    simulator,
    recorder,
    ...(await setUp(api)),
    close: async () => {
      await api.close();
      await recorder.close();
      await simulator.close();
    },
  };
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) {
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}

/** As JSON; null when it is none. */
function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}
