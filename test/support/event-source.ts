import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { ADMIN_KEY } from './app.js';

/** An event as a client meets it. */
export interface Frame {
  id: string;
  event: string;
  data: { id: string; type: string; timestamp: string; account_id: number | null; data: Record<string, unknown> };
}

export interface OpenOptions {
  /** Null: none. Unset: the admin key. */
  key?: string | null;
  query?: string;
  lastEventId?: string;
  headers?: Record<string, string>;
  method?: string;
}

/** A client of `GET /events` that reads the wire as the standard says, and keeps what browsers keep. */
export class EventSource {
  readonly frames: Frame[] = [];
  readonly comments: string[] = [];
  retryMs: number | null = null;
  /** As a browser would send it when it comes back. */
  lastEventId = '';
  isEnded = false;
  private buffer = '';

  private constructor(
    private readonly outgoing: ClientRequest,
    readonly incoming: IncomingMessage,
    private readonly onFrame: (frame: Frame) => void,
  ) {
    incoming.setEncoding('utf8');
    incoming.on('data', (chunk: string) => this.read(chunk));
    incoming.on('close', () => (this.isEnded = true));
    incoming.on('error', () => undefined);
  }

  static async open(
    url: string,
    options: OpenOptions = {},
    onFrame: (frame: Frame) => void = () => undefined,
  ): Promise<EventSource> {
    const { outgoing, incoming } = await connect(url, options);
    return new EventSource(outgoing, incoming, onFrame);
  }

  get status(): number {
    return this.incoming.statusCode ?? 0;
  }

  /** Ids, for comparing with what was appended. */
  get ids(): string[] {
    return this.frames.map(({ id }) => id);
  }

  close(): void {
    this.outgoing.destroy();
  }

  private read(chunk: string): void {
    this.buffer += chunk;
    const blocks = this.buffer.split('\n\n');
    this.buffer = blocks.pop() ?? '';
    blocks.forEach((block) => this.dispatch(block));
  }

  private dispatch(block: string): void {
    let [event, data] = ['message', ''];
    for (const line of block.split('\n')) {
      const at = line.indexOf(':');
      const [field, value] = [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
      if (field === '') {
        this.comments.push(value);
      } else if (field === 'id') {
        this.lastEventId = value;
      } else if (field === 'event') {
        event = value;
      } else if (field === 'retry') {
        this.retryMs = Number(value);
      } else if (field === 'data') {
        data += value;
      } else {
        throw new Error(`not a field of an event: ${line}`);
      }
    }
    if (data !== '') {
      const frame = { id: this.lastEventId, event, data: JSON.parse(data) as Frame['data'] };
      this.frames.push(frame);
      this.onFrame(frame);
    }
  }
}

/** Connects and waits for the headers; nothing of the body is read yet. */
export function connect(
  url: string,
  options: OpenOptions = {},
): Promise<{ outgoing: ClientRequest; incoming: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/whatsapp/api/events${options.query ? `?${options.query}` : ''}`, {
      agent: false,
      method: options.method ?? 'GET',
      headers: {
        ...(options.key === null ? {} : { 'x-api-key': options.key ?? ADMIN_KEY }),
        ...(options.lastEventId === undefined ? {} : { 'last-event-id': options.lastEventId }),
        ...options.headers,
      },
    });
    outgoing.on('response', (incoming) => resolve({ outgoing, incoming }));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
