import { startSimulator, type Simulator } from '../../src/simulator/start-simulator.js';
import { until, WebhookReceiver, type ReceivedChange } from './webhook-receiver.js';

export const DOUBLE_PHONE = '300000000000001';
export const DOUBLE_CUSTOMER = '+919876512345';

/** What the Graph API answers. */
export interface GraphAnswer {
  contacts?: { input: string; wa_id?: string; user_id?: string }[];
  messages?: { id: string; message_status?: string }[];
  error?: {
    message: string;
    code: number;
    error_data?: { details: string };
  };
  [key: string]: unknown;
}

type Json = Record<string, unknown>;

/** Delays short enough for a test. */
const QUICK = {
  sent_ms: 20,
  delivered_ms: 40,
  read_ms: 60,
  jitter_ms: 0,
  read_ratio: 1,
  tick_ms: 10,
  retry_first_ms: 50,
  // One after the other: what is on its way at once may arrive in any order.
  concurrency: 1,
};

/** A simulator with a receiver for its webhooks, to test the simulator itself. */
export class GraphDouble {
  private constructor(
    private readonly simulator: Simulator,
    readonly receiver: WebhookReceiver,
  ) {}

  static async start(): Promise<GraphDouble> {
    const receiver = new WebhookReceiver();
    await receiver.start();
    const simulator = await startSimulator({
      config: { callback_url: receiver.url, webhooks: QUICK, check_flow_ids: false },
    });
    const double = new GraphDouble(simulator, receiver);
    await double.tell('PUT', `numbers/${DOUBLE_PHONE}`, {});
    return double;
  }

  async close(): Promise<void> {
    await this.simulator.close();
    await this.receiver.stop();
  }

  get url(): string {
    return this.simulator.url;
  }

  /** Calls the Graph API. */
  async graph(method: string, path: string, body?: Json): Promise<[number, GraphAnswer]> {
    const response = await fetch(`${this.url}/v25.0/${path}`, {
      method,
      headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return [response.status, (await response.json()) as GraphAnswer];
  }

  /** Calls the control plane. */
  async control(method: string, path: string, body?: Json): Promise<[number, Json]> {
    const response = await fetch(`${this.url}/__simulate/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return [response.status, (await response.json()) as Json];
  }

  /** A control call that must be understood. */
  async tell<T = Json>(method: string, path: string, body?: Json): Promise<T> {
    const [status, answer] = await this.control(method, path, body);
    if (status !== 200) {
      throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    }
    return answer as T;
  }

  configure(config: Json): Promise<Json> {
    return this.tell('PUT', 'config', config);
  }

  /** A control call that makes a webhook, and the change that came of it. */
  async webhook(path: string, body: Json): Promise<ReceivedChange> {
    const before = this.receiver.changes.length;
    await this.tell('POST', path, body);
    await until(() => this.receiver.changes.length > before);
    return this.receiver.changes[before] as ReceivedChange;
  }

  /** A message from a customer; answers its id. */
  async inbound(body: Json = {}): Promise<string> {
    const { wamid } = await this.tell<{ wamid: string }>('POST', 'inbound', { from: DOUBLE_CUSTOMER, ...body });
    return wamid;
  }

  send(message: Json, to: Json = { to: DOUBLE_CUSTOMER }): Promise<[number, GraphAnswer]> {
    return this.graph('POST', `${DOUBLE_PHONE}/messages`, { messaging_product: 'whatsapp', ...to, ...message });
  }

  text(body = 'Hi', to?: Json): Promise<[number, GraphAnswer]> {
    return this.send({ type: 'text', text: { body } }, to);
  }

  /** Sends, waits for that many statuses, and answers each in a change of its own: Meta's may hold several, and others'. */
  async statusesOf(sent: Promise<[number, GraphAnswer]>, count: number): Promise<ReceivedChange[]> {
    const [, answer] = await sent;
    const wamid = answer.messages?.[0]?.id;
    if (wamid === undefined) {
      throw new Error(`not accepted: ${JSON.stringify(answer)}`);
    }
    await until(() => this.receiver.statusesOf(wamid).length >= count);
    return this.receiver.changes.flatMap((change) =>
      (change.value.statuses ?? [])
        .filter(({ id }) => id === wamid)
        .map((status) => ({ ...change, value: { ...change.value, statuses: [status] } })),
    );
  }

  async codeOf(sent: Promise<[number, GraphAnswer]>): Promise<number | undefined> {
    return (await sent)[1].error?.code;
  }

  /** Uploads a file as the Graph API takes it. */
  async upload(bytes: Buffer, mime: string, fields: Record<string, string> = {}): Promise<[number, GraphAnswer]> {
    const form = new FormData();
    for (const [name, value] of Object.entries({ messaging_product: 'whatsapp', type: mime, ...fields })) {
      form.set(name, value);
    }
    form.set('file', new Blob([new Uint8Array(bytes)], { type: mime }), 'file');
    const response = await fetch(`${this.url}/v25.0/${DOUBLE_PHONE}/media`, {
      method: 'POST',
      headers: { authorization: 'Bearer token' },
      body: form,
    });
    return [response.status, (await response.json()) as GraphAnswer];
  }

  /** Downloads without following redirects. */
  async download(url: string): Promise<{ status: number; bytes: Buffer; location: string | null }> {
    const headers = { authorization: 'Bearer token' };
    const response = await fetch(url, { headers, redirect: 'manual' });
    return {
      status: response.status,
      bytes: Buffer.from(await response.arrayBuffer()),
      location: response.headers.get('location'),
    };
  }
}
