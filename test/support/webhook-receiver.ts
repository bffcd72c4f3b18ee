import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One status as it came. */
export interface ReceivedStatus {
  id: string;
  status: string;
  timestamp: string;
  recipient_id?: string;
  recipient_user_id?: string;
  recipient_parent_user_id?: string;
  biz_opaque_callback_data?: string;
  pricing?: { category: string };
  errors?: { code: number; title: string; message: string; error_data: { details: string } }[];
}

/** One message as it came; what it says stands under its type. */
export interface ReceivedMessage {
  id: string;
  type: string;
  timestamp: string;
  from?: string;
  from_user_id?: string;
  text?: { body: string };
  [key: string]: unknown;
}

/** One change of a webhook. */
export interface ReceivedChange {
  field: string;
  value: {
    event?: string;
    message_template_name?: string;
    statuses?: ReceivedStatus[];
    messages?: ReceivedMessage[];
    contacts?: unknown[];
    [key: string]: unknown;
  };
}

/** A receiver of webhooks that keeps the wire bytes. */
export class WebhookReceiver {
  readonly posts: { bytes: Buffer; signature: string; at: number }[] = [];
  answer = 200;
  private server: Server | undefined;
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}/webhook/`;
  }

  async start(): Promise<void> {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.posts.push({
          bytes: Buffer.concat(chunks),
          signature: String(request.headers['x-hub-signature-256'] ?? ''),
          at: performance.now(),
        });
        response.writeHead(this.answer).end();
      });
    });
    await new Promise<void>((resolve) => this.server?.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const { server } = this;
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
  }

  get changes(): ReceivedChange[] {
    return this.posts.flatMap(({ bytes }) => {
      const body = JSON.parse(bytes.toString('utf8')) as { entry: { changes: ReceivedChange[] }[] };
      return body.entry.flatMap((entry) => entry.changes);
    });
  }

  get statuses(): ReceivedStatus[] {
    return this.changes.flatMap(({ value }) => value.statuses ?? []);
  }

  get messages(): ReceivedMessage[] {
    return this.changes.flatMap(({ value }) => value.messages ?? []);
  }

  statusesOf(wamid: string): string[] {
    return this.statuses.filter(({ id }) => id === wamid).map(({ status }) => status);
  }
}

/** Waits until the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error('the awaited condition did not come true');
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
