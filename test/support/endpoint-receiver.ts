import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** An event as it came. */
export interface ReceivedEvent {
  headers: IncomingHttpHeaders;
  text: string;
  body: { id: string; type: string; timestamp: string; account_id: number | null; data: Record<string, unknown> };
  /** By the monotonic clock, in ms. */
  at: number;
}

/** Answers the n-th event, counted from 1. */
export type Answering = (response: ServerResponse, event: ReceivedEvent, count: number) => void;

/** Somebody's endpoint for our events. */
export class EndpointReceiver {
  readonly received: ReceivedEvent[] = [];
  /** How it answers; set by the test. */
  answering: Answering = (response) => answer(response, 200);
  private server: Server | undefined;
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}/events`;
  }

  /** Events by what their data says of `n`. */
  get numbers(): unknown[] {
    return this.received.map(({ body }) => body.data.n);
  }

  /** Starts where it was before, if it was. */
  async start(): Promise<this> {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('error', () => undefined);
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const event = {
          headers: request.headers,
          text,
          body: JSON.parse(text) as ReceivedEvent['body'],
          at: performance.now(),
        };
        this.received.push(event);
        this.answering(response, event, this.received.length);
      });
    });
    await new Promise<void>((resolve) => this.server?.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve));
  }
}

export function answer(
  response: ServerResponse,
  status: number,
  body = 'ok',
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(body);
}

/** As the public library checks it. */
export function isSigned({ text, headers }: ReceivedEvent, secret: string): boolean {
  try {
    new Webhook(secret).verify(text, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
