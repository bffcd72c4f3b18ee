import { eventually, type Answer, type CallOptions } from '../support/app.js';
import { PHONE_NUMBER_ID, startJourney, type Journey } from '../support/journey.js';
import { messagesBody, newWamid, postWebhook, profile, text, type JsonObject } from '../support/webhook-payloads.js';

export interface Preview {
  id: number;
  message_type: string;
  message_body: string;
  direction: string;
  status: string;
  timestamp: string;
  media_mime_type?: string;
  media_filename?: string;
  sent_by?: string;
  error?: { code: number | null; title: string; details: string };
}

export interface Chat {
  id: number;
  phone_number: string | null;
  label: number | null;
  label_name: string | null;
  label_color: string | null;
  unread_count: number;
  last_message_at: string;
  contact_id: number;
  contact_name: string;
  is_resolved: boolean;
  assigned_to: string | null;
  is_blocked: boolean;
  last_message: Preview | null;
  service_window_expires_at: string | null;
  is_service_window_open: boolean;
}

export interface Bubble {
  id: number;
  message_id: string | null;
  message_type: string;
  message_body: string;
  direction: string;
  status: string;
  timestamp: string;
  is_deleted: boolean;
  deleted_at: string | null;
  deleted_by: string | null;
  reactions: { emoji: string; actor: string }[];
}

export interface Page<T> {
  rows: T[];
  next: string | null;
  prev: string | null;
}

/** The product with Meta's double, and what tests of the inbox do with them. */
export interface InboxJourney extends Journey {
  call<T = JsonObject>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>;
  /** Posts messages of customers as Meta does, and waits until they are processed. */
  receive(messages: JsonObject[], value?: JsonObject, phoneNumberId?: string): Promise<void>;
  /** One text of a customer. @returns its wamid */
  say(
    phone: string,
    body: string,
    options?: { name?: string; secondsAgo?: number; phoneNumberId?: string },
  ): Promise<string>;
  chat(address: string, accountId?: number): Promise<Chat>;
  chats(query?: string, accountId?: number): Promise<Page<Chat>>;
  /** Phones of all pages. */
  phones(query: string, accountId?: number): Promise<(string | null)[]>;
  thread(address: string, query?: string): Promise<Page<Bubble>>;
  /** Payloads of `conversation.updated` of a conversation, in order. */
  updates(conversationId: number): Promise<JsonObject[]>;
}

export async function startInbox(options: Parameters<typeof startJourney>[0] = {}): Promise<InboxJourney> {
  const journey = await startJourney(options);
  // Customers write by `receive` only: at times, and as often, as the test says.
  await journey.simulator.configure({ webhooks: { enabled: false }, check_message_ids: false });
  const call: InboxJourney['call'] = (method, path, callOptions) => journey.api.call(method, path, callOptions);
  const get = async <T>(path: string, accountId?: number): Promise<T> => {
    const { status, body } = await call<T>('GET', path, accountId === undefined ? {} : { accountId });
    expect({ status, path, body: status === 200 ? null : body }).toEqual({ status: 200, path, body: null });
    return body;
  };
  const inbox: InboxJourney = {
    ...journey,
    call,
    receive: async (messages, value = {}, phoneNumberId = PHONE_NUMBER_ID) => {
      expect((await postWebhook(journey.api.url, messagesBody({ messages, ...value }, phoneNumberId))).status).toBe(
        200,
      );
      await eventually(
        () => call<{ webhook_logs: JsonObject[] }>('GET', '/webhook-logs?processed=false'),
        ({ body }) => body.webhook_logs.length === 0,
      );
    },
    say: async (phone, body, { name, secondsAgo = 5, phoneNumberId } = {}) => {
      const id = newWamid();
      const waId = phone.replace('+', '');
      const timestamp = String(Math.floor(Date.now() / 1_000) - secondsAgo);
      const contacts = name === undefined ? {} : { contacts: [profile(waId, name)] };
      await inbox.receive([text(waId, body, { id, timestamp })], contacts, phoneNumberId);
      return id;
    },
    chat: (address, accountId) => get<Chat>(`/chats/${encodeURIComponent(address)}`, accountId),
    chats: async (query = '', accountId) => {
      const body = await get<{ conversations: Chat[]; next_cursor: string | null }>(`/chats?${query}`, accountId);
      return { rows: body.conversations, next: body.next_cursor, prev: null };
    },
    phones: async (query, accountId) => {
      const seen: (string | null)[] = [];
      let cursor: string | null = null;
      do {
        const page: Page<Chat> = await inbox.chats(`${query}${cursor === null ? '' : `&cursor=${cursor}`}`, accountId);
        seen.push(...page.rows.map((row) => row.phone_number));
        cursor = page.next;
      } while (cursor !== null);
      return seen;
    },
    thread: async (address, query = '') => {
      const body = await get<{ messages: Bubble[]; next_cursor: string | null; prev_cursor: string | null }>(
        `/chats/${encodeURIComponent(address)}/messages?${query}`,
      );
      return { rows: body.messages, next: body.next_cursor, prev: body.prev_cursor };
    },
    updates: async (conversationId) => {
      const rows = await journey.api.db.query<{ payload: JsonObject }>(
        `select payload from outbox_events where type = 'conversation.updated' and subject_id = $1 order by id`,
        [conversationId],
      );
      return rows.map((row) => row.payload);
    },
  };
  return inbox;
}

/** Another account, on a number that Meta's double knows. */
export async function addAccount(inbox: InboxJourney, phoneNumberId: string): Promise<number> {
  const wabaId = '200000000000002';
  const answer = await inbox.call<{ id: number }>('POST', '/accounts', {
    body: { name: 'Other', phone_number_id: phoneNumberId, waba_id: wabaId, access_token: 'EAAother' },
  });
  expect(answer.status).toBe(201);
  await inbox.simulator.call('PUT', `numbers/${phoneNumberId}`, { waba_id: wabaId });
  return answer.body.id;
}
