import { eventually } from '../support/app.js';
import { setUp } from '../support/journey.js';
import { startProcesses, type Processes } from '../support/processes.js';
import { messagesBody, postWebhook, profile, text, type JsonObject } from '../support/webhook-payloads.js';

const PEOPLE = Number(process.env.FAULTS_PEOPLE ?? 200);
const MESSAGES = 5;
const APIS = 4;
const WORKERS = 2;

interface Chat {
  id: number;
  contact_id: number;
  phone_number: string | null;
  unread_count: number;
}

/** Everything of somebody new arrives at once: that is when a person becomes two. */
describe('first messages of new people, all at once, over four API processes and two workers', () => {
  let processes: Processes;
  let urls: string[];

  beforeAll(async () => {
    processes = await startProcesses();
    urls = [processes.url];
    for (let index = 1; index < APIS; index += 1) {
      urls.push(await processes.startAnotherApi());
    }
    for (let index = 0; index < WORKERS; index += 1) {
      await processes.startWorker();
    }
    await setUp(processes);
  }, 180_000);
  afterAll(() => processes.close());

  const allChats = async (): Promise<Chat[]> => {
    const chats: Chat[] = [];
    let cursor: string | null = null;
    do {
      const path: string = `/chats?limit=200${cursor ? `&cursor=${cursor}` : ''}`;
      const { body } = await processes.call<{ conversations: Chat[]; next_cursor: string | null }>('GET', path);
      chats.push(...body.conversations);
      cursor = body.next_cursor;
    } while (cursor);
    return chats;
  };

  const postAll = async (bodies: readonly JsonObject[]): Promise<void> => {
    const answers = await Promise.all(
      bodies.map((body, index) => postWebhook(urls[index % urls.length] as string, body)),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    await eventually(
      () => processes.call<{ webhook_logs: unknown[] }>('GET', '/webhook-logs?processed=false&limit=1'),
      ({ body }) => body.webhook_logs.length === 0,
      60_000,
    );
  };

  const expectOneThreadEach = async (chats: readonly Chat[]): Promise<void> => {
    expect(chats).toHaveLength(PEOPLE);
    expect(new Set(chats.map((chat) => chat.contact_id)).size).toBe(PEOPLE);
    expect(new Set(chats.map((chat) => chat.unread_count))).toEqual(new Set([MESSAGES]));
    for (const chat of chats.slice(0, 20)) {
      const { body } = await processes.call<{ messages: unknown[] }>('GET', `/chats/${chat.phone_number}/messages`);
      expect(body.messages).toHaveLength(MESSAGES);
    }
  };

  it(`leave one contact and one conversation each, with ${MESSAGES} messages and the exact unread count`, async () => {
    const bodies = Array.from({ length: PEOPLE * MESSAGES }, (_, index) => {
      const phone = String(919_850_000_000 + (index % PEOPLE));
      return messagesBody({ contacts: [profile(phone, `P${phone}`)], messages: [text(phone, `message ${index}`)] });
    });
    await postAll(bodies);
    await expectOneThreadEach(await allChats());
  }, 120_000);

  it('even when some of them tell the phone, some the user id, and some both', async () => {
    const bodies = Array.from({ length: PEOPLE * MESSAGES }, (_, index) => {
      const phone = String(919_860_000_000 + (index % PEOPLE));
      const userId = `IN.${phone}`;
      const round = Math.floor(index / PEOPLE);
      const withPhone = round !== 1 && round !== 3;
      const withUserId = round !== 0;
      return messagesBody({
        contacts: [
          {
            profile: { name: `P${phone}` },
            ...(withPhone ? { wa_id: phone } : {}),
            ...(withUserId ? { user_id: userId } : {}),
          },
        ],
        messages: [
          text(phone, `message ${index}`, {
            from: withPhone ? phone : undefined,
            ...(withUserId ? { from_user_id: userId } : {}),
          }),
        ],
      });
    });
    await postAll(bodies);
    const chats = (await allChats()).filter((chat) => chat.phone_number === null || chat.phone_number >= '+91986');
    await expectOneThreadEach(chats);
  }, 120_000);
});
