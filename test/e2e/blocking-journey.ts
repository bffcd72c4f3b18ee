import { createServer } from 'node:http';
import { startTestApp } from '../support/app.js';
import { setUp, type Journey } from '../support/journey.js';
import { startTestSimulator } from '../support/simulator.js';

export type Json = Record<string, unknown>;

/** A call of `block_users` as Graph received it. */
export interface BlockCall {
  method: string;
  path: string;
  query: Record<string, string>;
  body: Json | null;
}

export interface BlockingJourney extends Journey {
  /** In the order they came. */
  calls: BlockCall[];
  /** Answers of the next calls of `block_users`, in place of the simulator's. */
  script: { status: number; body: unknown }[];
  /** Runs before the simulator sees a call, to make something happen meanwhile. */
  meanwhile: { before: ((call: BlockCall) => Promise<void>) | null };
}

/** The product with a simulator behind it, and between them somebody who writes down what is asked about blocks. */
export async function startBlockingJourney(
  options: { simulator?: Json; worker?: boolean } = {},
): Promise<BlockingJourney> {
  const simulator = await startTestSimulator(options.simulator);
  const calls: BlockCall[] = [];
  const script: BlockingJourney['script'] = [];
  const meanwhile: BlockingJourney['meanwhile'] = { before: null };
  const server = createServer((request, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request) {
        parts.push(part as Buffer);
      }
      const body = Buffer.concat(parts);
      const url = new URL(request.url ?? '', 'http://graph');
      if (url.pathname.endsWith('/block_users')) {
        const call: BlockCall = {
          method: request.method ?? '',
          path: url.pathname,
          query: Object.fromEntries(url.searchParams),
          body: body.length === 0 ? null : (JSON.parse(body.toString('utf8')) as Json),
        };
        calls.push(call);
        await meanwhile.before?.(call);
        const scripted = script.shift();
        if (scripted) {
          response.writeHead(scripted.status, { 'content-type': 'application/json' });
          response.end(JSON.stringify(scripted.body));
          return;
        }
      }
      const { host: _host, connection: _connection, ...headers } = request.headers;
      const answer = await fetch(simulator.url + (request.url ?? ''), {
        method: request.method,
        headers: headers as Record<string, string>,
        body: body.length === 0 ? undefined : new Uint8Array(body),
      });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const api = await startTestApp({
    worker: options.worker ?? false,
    env: { GRAPH_API_BASE_URL: `http://127.0.0.1:${port}` },
  });
  await simulator.configure({ callback_url: `${api.url}/whatsapp/webhook/` });
  return {
    api,
    simulator,
    calls,
    script,
    meanwhile,
    ...(await setUp(api)),
    close: async () => {
      await api.close();
      await new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      });
      await simulator.close();
    },
  };
}

/** Nobody is known, blocked or asked for any more, here and at Meta. */
export async function forgetEverybody(journey: BlockingJourney): Promise<void> {
  const { db } = journey.api;
  await db.queryDynamic('delete from blocked_users');
  await db.queryDynamic('truncate messages, conversations cascade');
  await db.queryDynamic('delete from contacts');
  const names = await blockedAtMeta(journey);
  await journey.simulator.call('PUT', 'blocks', { remove: names });
  await journey.simulator.configure({
    enforce_window: false,
    blocking: {
      refuse_with: 0,
      lose_answers: 0,
      concurrent_updates: 0,
      list_form: 'flat',
      omit_next: false,
      max_entries: 64_000,
    },
  });
  journey.calls.length = 0;
  journey.script.length = 0;
  journey.meanwhile.before = null;
}

export interface BlockedUser {
  id: number | null;
  contact_id: number | null;
  phone_number: string | null;
  wa_id: string | null;
  user_id: string | null;
  status: string;
  is_active: boolean;
  blocked_at: string | null;
  blocked_by: string;
  reason: string;
  unblocked_at: string | null;
  unblocked_by: string;
  meta_error: string;
}

export interface BlockEvent {
  action: string;
  source: string;
  actor: string;
  reason: string;
  error: { code: number } | null;
}

/** A person's row with its history; null when they were never blocked. */
export async function blockOf(
  journey: Journey,
  phone: string,
  accountId?: number,
): Promise<(BlockedUser & { events: BlockEvent[] }) | null> {
  const path = `/blocked/${encodeURIComponent(phone)}`;
  const { status, body } = await journey.api.call<BlockedUser & { events: BlockEvent[] }>('GET', path, { accountId });
  return status === 404 ? null : body;
}

/** Every page of `GET /blocked/`. */
export async function listBlocked(journey: Journey, query = ''): Promise<BlockedUser[]> {
  const all: BlockedUser[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const path = `/blocked/?limit=200${query}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const page: { status: number; body: { blocked_users: BlockedUser[]; next_cursor: string | null } } =
      await journey.api.call('GET', path);
    if (page.status !== 200) {
      throw new Error(`${path}: ${JSON.stringify(page.body)}`);
    }
    all.push(...page.body.blocked_users);
    cursor = page.body.next_cursor;
  }
  return all;
}

/** Whom the flag that everybody looks at says to be blocked by the account, by phone (or user id). */
export async function flagged(journey: Journey, accountId = journey.accountId): Promise<string[]> {
  const rows = await journey.api.db.queryDynamic<{ name: string }>(
    `select coalesce(c.phone, (select value from contact_identities i where i.contact_id = c.id limit 1)) as name
     from contact_accounts a join contacts c on c.id = a.contact_id where a.account_id = $1 and a.is_blocked order by 1`,
    [accountId],
  );
  return rows.map(({ name }) => name);
}

/** Whom the simulator has blocked. */
export async function blockedAtMeta(journey: Journey): Promise<string[]> {
  const { blocks } = await journey.simulator.call<{ blocks: { wa_id: string | null; user_id: string | null }[] }>(
    'GET',
    'blocks',
  );
  return blocks.map(({ wa_id: waId, user_id: userId }) => waId ?? userId ?? '').sort();
}
