import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** What Parley asks an endpoint for people. */
export interface AudienceQuestion {
  audience: string;
  filters: Record<string, unknown>;
  account_id: number;
  campaign_id: number;
  cursor: string | null;
  limit: number;
}

/** A question as it came. */
export interface ReceivedQuestion extends AudienceQuestion {
  headers: IncomingHttpHeaders;
  isSigned: boolean;
}

type Answering = (question: AudienceQuestion, response: ServerResponse, count: number) => void;

/** An audience endpoint of somebody else: it checks who asks, and answers what a test says. */
export class AudienceServer {
  readonly questions: ReceivedQuestion[] = [];
  /** How it answers; set by the test. */
  answering: Answering = (_question, response) => answerJson(response, { recipients: [], next_cursor: null });
  private server: Server | undefined;

  constructor(readonly secret = `whsec_${Buffer.alloc(24, 'parley').toString('base64')}`) {}

  get url(): string {
    return `http://127.0.0.1:${(this.server?.address() as AddressInfo).port}/people`;
  }

  async start(): Promise<this> {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const question = JSON.parse(text) as AudienceQuestion;
        this.questions.push({ ...question, headers: request.headers, isSigned: this.isSigned(text, request.headers) });
        this.answering(question, response, this.questions.length);
      });
    });
    await new Promise<void>((resolve) => this.server?.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve));
  }

  private isSigned(text: string, headers: IncomingHttpHeaders): boolean {
    try {
      new Webhook(this.secret).verify(text, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  }
}

export function answerJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
