import { createDocument } from '../../src/http/document.js';
import type { Answer } from '../support/app.js';
import { startJourney, type Journey } from '../support/journey.js';

/** 1,000 when somebody wants to see it. */
const KEYS = process.env.SHOW_FIGURES ? 1_000 : 100;
const POSTS_PER_KEY = 5;

interface Body {
  id: number;
  code?: string;
  total?: number;
  message?: { id: number };
}

type Sent = Answer<Body>;

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('an Idempotency-Key', () => {
  let journey: Journey;

  const post = (path: string, key: string, body: unknown, options: object = {}): Promise<Sent> =>
    journey.api.call<Body>('POST', path, { body, headers: { 'idempotency-key': key }, ...options });
  const form = (file: string | Buffer, name: string, fields: Record<string, string> = {}): FormData => {
    const data = new FormData();
    for (const [field, value] of Object.entries(fields)) {
      data.append(field, value);
    }
    data.append('file', new Blob([file as never], { type: name.endsWith('.png') ? 'image/png' : 'text/csv' }), name);
    return data;
  };
  const isReplay = ({ headers }: Sent): boolean => headers.get('idempotency-replayed') === 'true';
  const repliesOf = (first: Sent, again: Sent): unknown[] => [
    again.status,
    again.body,
    isReplay(first),
    isReplay(again),
  ];

  beforeAll(async () => {
    journey = await startJourney({ worker: false });
  });
  afterAll(() => journey.close());

  it('is taken by every POST that asks for a key, uploads too', () => {
    const document = createDocument(journey.api.app);
    const without = Object.entries(document.paths)
      .filter(([, { post: operation }]) => (operation?.security ?? []).length > 0)
      .filter(([, item]) => {
        const parameters = (item.post?.parameters ?? []) as { name?: string; in?: string }[];
        return !parameters.some((parameter) => parameter.name === 'Idempotency-Key' && parameter.in === 'header');
      });
    expect(without.map(([path]) => path)).toEqual([]);
  });

  it(`makes ${KEYS * POSTS_PER_KEY} posts with ${KEYS} keys ${KEYS} messages, and all answers of a key the same`, async () => {
    await journey.simulator.call('DELETE', 'ledger');
    const begun = performance.now();
    const phoneOf = (index: number): string => `+91${9_830_000_000 + index}`;
    const once = (index: number): Promise<Sent> =>
      post('/send-message?force=true', `show-${index}`, { phone: phoneOf(index), message: `Hello ${index}` });
    const answered: Sent[][] = [];
    // A hundred keys at a time, five posts of each at once.
    for (let from = 0; from < KEYS; from += 100) {
      const indexes = Array.from({ length: Math.min(100, KEYS - from) }, (_, offset) => from + offset);
      answered.push(
        ...(await Promise.all(
          indexes.map((index) => Promise.all(Array.from({ length: POSTS_PER_KEY }, () => once(index)))),
        )),
      );
    }
    const figures = { answers: 0, conflicts: 0, replays: 0 };
    for (const [index, answers] of answered.entries()) {
      // Who was told that it still runs asks again, as it was told.
      const settled = await Promise.all(answers.map((answer) => (answer.status === 409 ? once(index) : answer)));
      for (const answer of answers.filter(({ status }) => status === 409)) {
        expect([answer.body.code, answer.headers.get('retry-after')]).toEqual(['idempotency_in_progress', '1']);
      }
      expect(new Set(settled.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(settled.map(({ body }) => JSON.stringify(body))).size).toBe(1);
      expect(settled.filter((answer) => !isReplay(answer))).toHaveLength(1);
      figures.answers += answers.length;
      figures.conflicts += answers.filter(({ status }) => status === 409).length;
      figures.replays += answers.filter(isReplay).length;
    }
    const ledger = await journey.simulator.ledger();
    if (process.env.SHOW_FIGURES) {
      const ms = Math.round(performance.now() - begun);
      console.log(`idempotency: ${JSON.stringify({ keys: KEYS, ...figures, ms, accepted: ledger.accepted })}`);
    }
    expect(ledger).toMatchObject({
      accepted: KEYS,
      recipients_messaged: KEYS,
      recipients_messaged_more_than_once: 0,
    });
  }, 180_000);

  describe('on an upload', () => {
    const CSV = 'phone,name,order_id\n+919840000001,Asha,1\n+919840000002,Ravi,2\n';
    const draft = async (): Promise<number> => {
      const { body } = await journey.api.call<Body>('POST', '/campaigns', {
        body: { name: 'C', template_id: journey.templates.order_update, audience_type: 'csv' },
      });
      return body.id;
    };

    it('answers the same file again with the stored answer: a campaign’s audience', async () => {
      const path = `/campaigns/${await draft()}/csv`;
      const first = await post(path, 'csv', form(CSV, 'a.csv'));
      const again = await post(path, 'csv', form(CSV, 'a.csv'));
      expect(first.body).toMatchObject({ total: 2 });
      expect(repliesOf(first, again)).toEqual([200, first.body, false, true]);
      const other = await post(path, 'csv', form(`${CSV}+919840000003,Mia,3\n`, 'a.csv'));
      expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
      const recipients = await journey.api.call<{ recipients: unknown[] }>('GET', path.replace('/csv', '/recipients'));
      expect(recipients.body.recipients).toHaveLength(2);
    });

    it('answers the same file again with the stored answer: contacts, media, a chat', async () => {
      for (const [path, name, file] of [
        ['/contacts/import', 'contacts.csv', 'phone,name\n+919840000011,Asha\n'],
        ['/media', 'pixel.png', PNG],
        ['/chats/+919840000012/send?force=true', 'pixel.png', PNG],
      ] as const) {
        const first = await post(path, `upload ${path}`, form(file, name));
        const again = await post(path, `upload ${path}`, form(file, name));
        expect([path, ...repliesOf(first, again)]).toEqual([path, first.status, first.body, false, true]);
        expect(first.status).toBeLessThan(300);
        const renamed = await post(path, `upload ${path}`, form(file, `other-${name}`));
        expect([path, renamed.status, renamed.body.code]).toEqual([path, 422, 'idempotency_key_reused']);
      }
      const sends = (await journey.simulator.rows('&to=919840000012')).length;
      expect(sends).toBe(1);
    });

    it('sends a file to a chat once, of many at once', async () => {
      const phone = '+919840000013';
      const answers = await Promise.all(
        Array.from({ length: 5 }, () =>
          post(`/chats/${phone}/send?force=true`, 'file once', form(PNG, 'pixel.png', { caption: 'Look' })),
        ),
      );
      expect(answers.some(({ status }) => status === 200)).toBe(true);
      expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true);
      expect(await journey.simulator.rows('&to=919840000013')).toHaveLength(1);
      const captioned = await post(`/chats/${phone}/send?force=true`, 'file once', form(PNG, 'pixel.png'));
      expect([captioned.status, captioned.body.code]).toEqual([422, 'idempotency_key_reused']);
    });

    it('keeps nothing of a form that is wrong', async () => {
      const wrong = new FormData();
      wrong.append('document', new Blob(['x']), 'x.csv');
      expect((await post('/contacts/import', 'wrong form', wrong)).status).toBe(400);
      expect((await post('/contacts/import', 'wrong form', form('phone\n+919840000014\n', 'c.csv'))).status).toBe(200);
    });

    it('is the account’s that the form names', async () => {
      const other = await journey.api.call<Body>('POST', '/accounts', {
        body: { name: 'Other', phone_number_id: '300000000000009', access_token: 'EAAother' },
      });
      const file = 'phone\n+919840000015\n';
      const at = (account: number): Promise<Sent> =>
        post('/contacts/import', 'form account', form(file, 'c.csv', { account_id: String(account) }));
      const [first, elsewhere, again] = [
        await at(journey.accountId),
        await at(other.body.id),
        await at(journey.accountId),
      ];
      expect([first, elsewhere, again].map(isReplay)).toEqual([false, false, true]);
    });
  });

  it('is checked before anything is done, on every kind of body', async () => {
    for (const [path, body] of [
      ['/labels', { name: 'Never' }],
      ['/contacts/import', form('phone\n+919840000016\n', 'c.csv')],
    ] as const) {
      for (const key of ['', 'x'.repeat(256)]) {
        const { status, body: problem } = await post(path, key, body);
        expect([status, problem]).toMatchObject([400, { errors: [{ field: 'Idempotency-Key' }] }]);
      }
    }
    const labels = await journey.api.call<{ labels: unknown[] }>('GET', '/labels?q=Never');
    expect(labels.body.labels).toEqual([]);
  });

  it('keeps its answer encrypted', async () => {
    await post('/labels', 'kept', { name: 'Very secret label' });
    const [row] = await journey.api.db.query<{ body: unknown; status: number }>(
      `select body, status from idempotency_keys where key = 'kept'`,
    );
    expect(row?.status).toBe(201);
    expect(JSON.stringify(row?.body)).not.toContain('secret label');
  });
});
