import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** A question as it came. */
export interface ReceivedQuestion {
  body: Record<string, unknown>;
  headers: IncomingHttpHeaders;
  text: string;
}

/** The endpoint of somebody else that knows what a flow shows next. */
export class FlowServer {
  readonly questions: ReceivedQuestion[] = [];
  /** How it answers; set by the test. */
  answering: (question: Record<string, unknown>, response: ServerResponse) => void = (_question, response) =>
    response.writeHead(200).end('{}');
  private server: Server | undefined;

  get url(): string {
    return `http://127.0.0.1:${(this.server?.address() as AddressInfo).port}/flows`;
  }

  async start(): Promise<this> {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const body = JSON.parse(text) as Record<string, unknown>;
        this.questions.push({ body, headers: request.headers, text });
        this.answering(body, response);
      });
    });
    await new Promise<void>((resolve) => this.server?.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve));
  }

  answerWith(body: unknown, status = 200): void {
    this.answering = (_question, response) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  isSigned({ text, headers }: ReceivedQuestion, secret: string): boolean {
    try {
      new Webhook(secret).verify(text, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  }
}
