import { startSimulator } from '../../src/simulator/start-simulator.js';
import { APP_SECRET } from './app.js';

export interface Ledger {
  accepted: number;
  refused: number;
  recipients_messaged: number;
  recipients_messaged_more_than_once: number;
  recipients_messaged_twice: number;
  numbers: Record<string, { total: number; highest_in_any_second: number; average_per_second: number }>;
  webhooks: { waiting: number; queued: number; delivered: number; dropped: number };
}

export interface LedgerRow {
  wamid: string | null;
  to: string;
  phone_number_id: string;
  type: string;
  arrived_at: number;
  biz_opaque_callback_data: string | null;
  outcome: string;
  /** Of the refusal, or of the failed status to come. */
  code: number | null;
}

/** The double of Graph, over HTTP on loopback. */
export interface Simulator {
  url: string;
  configure(config: Record<string, unknown>): Promise<void>;
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  ledger(): Promise<Ledger>;
  rows(query?: string): Promise<LedgerRow[]>;
  close(): Promise<void>;
}

export async function startTestSimulator(config: Record<string, unknown> = {}): Promise<Simulator> {
  const simulator = await startSimulator({ port: 0, config: { app_secret: APP_SECRET, ...config } as never });
  return connectSimulator(simulator.url, () => simulator.close());
}

/** A simulator that runs as a process of its own. */
export function connectSimulator(url: string, close: () => Promise<void> = () => Promise.resolve()): Simulator {
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${url}/__simulate/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`simulator ${method} ${path}: ${response.status} ${text}`);
    }
    return (text === '' ? null : JSON.parse(text)) as T;
  };
  return {
    url,
    call,
    configure: (config) => call('PUT', 'config', config),
    ledger: () => call('GET', 'ledger'),
    rows: async (query = '') => {
      const response = await fetch(`${url}/__simulate/ledger/messages?format=ndjson${query}`);
      const text = await response.text();
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as LedgerRow);
    },
    close,
  };
}
