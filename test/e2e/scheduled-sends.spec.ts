import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import { createLogger, NestLogger } from '../../src/config/log.js';
import { Dispatch } from '../../src/inbox/sending/dispatch.service.js';
import { ScheduledSends, type ClaimedSend } from '../../src/inbox/sending/scheduled-sends.service.js';
import { WorkerModule } from '../../src/worker.module.js';
import { eventually, type Answer } from '../support/app.js';
import { startRecordedJourney, type RecordedJourney } from '../support/graph-recorder.js';
import type { LedgerRow } from '../support/simulator.js';

interface MessageBody {
  id: number;
  message_id: string | null;
  status: string;
  message_body: string;
  media_id: string | null;
  send_at: string | null;
  valid_until: string | null;
  timestamp: string;
  sent_at: string | null;
  client_ref: string | null;
  error: { code: number | null; title: string; details: string } | null;
}
interface SendBody {
  status: string;
  result: object | null;
  message: MessageBody;
}
interface ProblemBody {
  code: string;
  errors?: { field: string; code: string }[];
  message?: MessageBody;
}

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const TEMPLATE = { template_name: 'order_update', body_params: ['Asha', 'ORD-1'] };

let nextPhone = 9_850_000_000;
const somebody = (): string => `+91${(nextPhone += 1)}`;
const magic = (digits: string): string => `+919999${digits}`;
const ahead = (ms: number): string => new Date(Date.now() + ms).toISOString();
const DAY = 86_400_000;

/** With a worker or without: the tests that need none take the messages themselves, as a worker does. */
describe.each([true, false])('sends for later, worker: %s', (worker) => {
  let journey: RecordedJourney;
  const mediaDir = mkdtempSync(join(tmpdir(), 'parley-media-'));

  const post = <T = SendBody>(path: string, body: object, options: object = {}): Promise<Answer<T>> =>
    journey.api.call<T>('POST', path, { body, ...options });
  /** In a day: only who says so finds it due. */
  const schedule = async (body: object, inMs = DAY, path = '/send-template/'): Promise<MessageBody> => {
    const answer = await post(path, { phone: somebody(), ...TEMPLATE, send_at: ahead(inMs), ...body });
    expect([answer.status, answer.body.status]).toEqual([202, 'scheduled']);
    return answer.body.message;
  };
  const getMessage = async (id: number): Promise<MessageBody> =>
    (await journey.api.call<MessageBody>('GET', `/messages/${id}`)).body;
  const becomes = (id: number, status: string, timeoutMs = 15_000): Promise<MessageBody> =>
    eventually(
      () => getMessage(id),
      (message) => message.status === status,
      timeoutMs,
    );
  /** It was accepted, whatever Meta has told of it since. */
  const goesOut = (id: number, timeoutMs = 15_000): Promise<MessageBody> =>
    eventually(
      () => getMessage(id),
      ({ message_id }) => message_id !== null,
      timeoutMs,
    );
  const inLedger = (phone: string): Promise<LedgerRow[]> => journey.simulator.rows(`&to=${phone.slice(1)}`);
  const isDue = (...ids: number[]): Promise<unknown> =>
    journey.api.db.queryDynamic(
      `update messages set due_at = now() - interval '1 ms' where id = any($1::bigint[]) and status = 'scheduled'`,
      [ids],
    );
  /** One whose time has come: a machine that is busy for a moment must not make it one of the past when it is asked for. */
  const scheduleDue = async (body: object, path?: string): Promise<MessageBody> => {
    const message = await schedule(body, DAY, path);
    await isDue(message.id);
    return message;
  };
  const writes = async (from: string): Promise<void> => {
    const { wamid } = await journey.simulator.call<{ wamid: string }>('POST', 'inbound', { from, text: 'Hi' });
    await eventually(
      () => journey.api.db.query('select 1 from messages where message_id = $1', [wamid]),
      (rows) => rows.length === 1,
    );
  };
  /** No status tells of what is sent meanwhile: what is known of it is Meta's answer. */
  const withoutStatuses = async (work: () => Promise<void>): Promise<void> => {
    await journey.simulator.configure({ webhooks: { enabled: false } });
    try {
      await work();
    } finally {
      await journey.simulator.configure({ webhooks: { enabled: worker } });
    }
  };
  const eventsOf = async (id: number): Promise<string[]> =>
    (
      await journey.api.db.query<{ status: string }>(
        `select payload->>'status' as status from outbox_events where (payload->>'id')::bigint = $1 and type like 'message.%' order by id`,
        [id],
      )
    ).map((row) => row.status);

  beforeAll(async () => {
    journey = await startRecordedJourney({
      worker,
      env: { MEDIA_DIR: mediaDir },
      simulator: { webhooks: { enabled: worker } },
    });
  });
  afterAll(async () => {
    await journey.close();
    rmSync(mediaDir, { recursive: true, force: true });
  });

  if (worker) {
    it('a message goes out at its time, not before, and takes its place in the thread then', async () => {
      const phone = somebody();
      const asked = await schedule({ phone, client_ref: 'later-1' });
      expect(asked).toMatchObject({ status: 'scheduled', message_id: null, sent_at: null, client_ref: 'later-1' });
      const earlier = await post('/send-template/', { phone, ...TEMPLATE });
      const chat = async (): Promise<{ last_message: { id: number } }> =>
        (await journey.api.call<{ last_message: { id: number } }>('GET', `/chats/${phone}`)).body;
      expect((await chat()).last_message.id).toBe(earlier.body.message.id);
      expect(await inLedger(phone)).toHaveLength(1);
      await withoutStatuses(async () => {
        // Its time is brought near.
        const [nearer] = await journey.api.db.query<{ due_at: Date; was_due_at: Date }>(
          `update messages m set due_at = now() + interval '1.5 s' from messages was
           where m.id = $1 and was.id = m.id returning m.due_at, was.due_at as was_due_at`,
          [asked.id],
        );
        expect(nearer?.was_due_at.toISOString()).toBe(asked.send_at);
        const sent = await goesOut(asked.id);
        expect(Date.parse(sent.sent_at as string)).toBeGreaterThanOrEqual((nearer?.due_at.getTime() ?? NaN) - 1);
        expect(Date.parse(sent.timestamp)).toBeGreaterThan(Date.parse(earlier.body.message.timestamp));
      });
      expect((await chat()).last_message.id).toBe(asked.id);
      expect(await inLedger(phone)).toHaveLength(2);
      expect(await eventsOf(asked.id)).toEqual(['scheduled', 'sent']);
    });

    it('every kind of send may wait, with what it quotes', async () => {
      const phone = somebody();
      await writes(phone);
      const [quoted] = await journey.api.db.query<{ id: number; message_id: string }>(
        `select id, message_id from messages where contact_id = (select id from contacts where phone = $1)`,
        [phone],
      );
      const bodies: [string, object][] = [
        ['/send-message/', { message: 'Soon' }],
        ['/send-location/', { latitude: 1, longitude: 2 }],
        ['/send-media/', { type: 'image', link: 'https://example.com/a.png' }],
        ['/send-contacts/', { contacts: [{ name: { formatted_name: 'A' } }] }],
        ['/send-interactive/', { type: 'location_request', body: 'Where?' }],
      ];
      const ids: number[] = [];
      for (const [path, body] of bodies) {
        const { status, body: answer } = await post(path, {
          phone,
          ...body,
          reply_message_id: quoted?.id,
          send_at: ahead(DAY),
        });
        expect([status, answer.status, answer.result]).toEqual([202, 'scheduled', null]);
        ids.push(answer.message.id);
      }
      const chat = await post(`/chats/${phone}/send`, { body: 'Soon', send_at: ahead(DAY) });
      const reaction = await post('/send-reaction/', {
        phone,
        message_id: quoted?.id,
        emoji: '👍',
        send_at: ahead(DAY),
      });
      expect([chat.status, reaction.status]).toEqual([202, 202]);
      ids.push(chat.body.message.id, reaction.body.message.id);
      await isDue(...ids);
      for (const id of ids) {
        await goesOut(id);
      }
      const replies = journey.recorder.sent.filter(
        ({ context }) => (context as { message_id?: string } | undefined)?.message_id === quoted?.message_id,
      );
      expect(new Set(replies.map(({ type }) => type))).toEqual(
        new Set(['text', 'location', 'image', 'contacts', 'interactive']),
      );
    });

    it('a person without a phone is written to by user id', async () => {
      const user_id = 'IN.13491208655302749999';
      const message = await scheduleDue({ phone: undefined, user_id });
      await goesOut(message.id);
      expect(journey.recorder.sent.filter(({ recipient }) => recipient === user_id)).toHaveLength(1);
    });

    it('a free-form message whose window is closed by then is not asked of Meta', async () => {
      const phone = somebody();
      const closed = await scheduleDue(
        { phone, template_name: undefined, body_params: undefined, message: 'x' },
        '/send-message/',
      );
      const failed = await becomes(closed.id, 'failed');
      expect(failed.error).toMatchObject({ code: null, title: 'outside_service_window' });
      expect(await inLedger(phone)).toHaveLength(0);
      expect(await eventsOf(closed.id)).toEqual(['scheduled', 'failed']);
    });

    it('and goes out when the customer has written meanwhile, or when it is forced', async () => {
      const [asha, ravi] = [somebody(), somebody()];
      const text = { template_name: undefined, body_params: undefined, message: 'x' };
      const waiting = await schedule({ phone: asha, ...text }, DAY, '/send-message/');
      await writes(asha);
      await isDue(waiting.id);
      const forced = await scheduleDue({ phone: ravi, ...text }, '/send-message/?force=true');
      await goesOut(forced.id);
      await goesOut(waiting.id);
    });

    it('what Meta refuses for good fails with its words', async () => {
      const message = await scheduleDue({ phone: magic('132000') });
      const failed = await becomes(message.id, 'failed');
      expect(failed.error).toMatchObject({ code: 132000, title: expect.any(String), details: expect.any(String) });
      expect(await inLedger(magic('132000'))).toHaveLength(1);
    });

    it.each(['000503', '000504', '000507'])(
      'what Meta does not answer (%s) is unknown, and never sent again',
      async (digits) => {
        await journey.simulator.configure({ faults: { hang_ms: 200 } });
        const message = await scheduleDue({ phone: magic(digits) });
        await eventually(
          () => getMessage(message.id),
          ({ status }) => !['scheduled', 'pending'].includes(status),
        );
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        expect(await inLedger(magic(digits))).toHaveLength(1);
      },
    );

    it('what Meta refuses for now is tried again', async () => {
      const phone = somebody();
      await journey.simulator.configure({ faults: { error_windows: [{ code: 130429, from_ms: 0, to_ms: 600_000 }] } });
      const message = await scheduleDue({ phone });
      await eventually(
        () => inLedger(phone),
        (rows) => rows.length > 0,
      );
      expect((await getMessage(message.id)).status).toMatch(/scheduled|pending/);
      await journey.simulator.configure({ faults: { error_windows: [] } });
      await goesOut(message.id, 30_000);
      const rows = await inLedger(phone);
      expect(rows.at(-1)?.outcome).toBe('accepted');
      expect(rows.filter(({ outcome }) => outcome === 'accepted')).toHaveLength(1);
      expect(rows.length).toBeGreaterThan(1);
      expect(rows.length).toBeLessThan(6);
      expect((await getMessage(message.id)).error).toBeNull();
    });

    it('but not for longer than it is wanted: it expires with Meta’s words', async () => {
      const phone = magic('131000');
      const message = await scheduleDue({ phone });
      await eventually(
        () => inLedger(phone),
        (rows) => rows.length > 0,
      );
      await journey.api.db.query('update messages set valid_until = now() where id = $1', [message.id]);
      const expired = await becomes(message.id, 'expired');
      expect(expired.error).toMatchObject({ code: 131000 });
      const tries = (await inLedger(phone)).length;
      expect(tries).toBeGreaterThan(0);
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      expect(await inLedger(phone)).toHaveLength(tries);
      expect(await eventsOf(message.id)).toEqual(['scheduled', 'expired']);
    });

    it('a file is given to Meta again when its id has expired meanwhile', async () => {
      const form = new FormData();
      form.append('file', new Blob([new Uint8Array(PNG)], { type: 'image/png' }), 'dot.png');
      form.append('send_at', ahead(DAY));
      form.append('force', 'true');
      const { status, body } = await journey.api.call<SendBody>('POST', `/chats/${somebody()}/send`, { body: form });
      expect(status).toBe(202);
      await journey.api.db.queryDynamic(
        `update media set media_id_expires_at = now() - interval '1 day' where media_id = $1`,
        [body.message.media_id],
      );
      await isDue(body.message.id);
      const sent = await goesOut(body.message.id);
      expect(sent.media_id).not.toBe(body.message.media_id);
      expect(journey.recorder.sent.at(-1)).toMatchObject({ image: { id: sent.media_id } });
    });

    it('an account that is switched off sends nothing until it is switched on again', async () => {
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Off', phone_number_id: '300000000000002', access_token: 'EAAother' },
      });
      const text = { message: 'x', send_at: ahead(DAY) };
      const phone = somebody();
      const sent = await post('/send-message/?force=true', { phone, ...text }, { accountId: other.body.id });
      expect(sent.status).toBe(202);
      await journey.api.call('PATCH', `/accounts/${other.body.id}`, { body: { is_active: false } });
      await isDue(sent.body.message.id);
      await eventually(
        () =>
          journey.api.db.query(`select 1 from messages where id = $1 and status = 'scheduled' and due_at > now()`, [
            sent.body.message.id,
          ]),
        (rows) => rows.length === 1,
      );
      expect(await inLedger(phone)).toHaveLength(0);
      await journey.api.call('PATCH', `/accounts/${other.body.id}`, { body: { is_active: true } });
      await eventually(
        async () => {
          // Again and again: what the worker knows of accounts may be a second old.
          await isDue(sent.body.message.id);
          return inLedger(phone);
        },
        (rows) => rows.length === 1,
      );
    });

    it('200 messages of one moment go out once each, by two workers, within the rate of the number', async () => {
      await journey.api.call('PATCH', `/accounts/${journey.accountId}`, { body: { messages_per_second: 80 } });
      const logger = createLogger('silent', 'test');
      const second = await NestFactory.createApplicationContext(WorkerModule.forRoot(journey.api.config, logger), {
        logger: new NestLogger(logger),
        abortOnError: false,
      });
      try {
        await journey.simulator.call('DELETE', 'ledger');
        const messages = await Promise.all(Array.from({ length: 200 }, () => schedule({}, 600_000)));
        await isDue(...messages.map(({ id }) => id));
        const ledger = await eventually(
          () => journey.simulator.ledger(),
          ({ accepted }) => accepted >= 200,
          30_000,
        );
        expect(ledger).toMatchObject({
          accepted: 200,
          recipients_messaged: 200,
          recipients_messaged_more_than_once: 0,
        });
        const [claims] = await journey.api.db.query<{ in_a_second: number }>(
          `select max(n)::int as in_a_second from (
             select count(*) over (order by timestamp range between current row and interval '999 ms' following) as n
             from messages where id = any($1::bigint[])) seconds`,
          [messages.map(({ id }) => id)],
        );
        expect(claims?.in_a_second).toBeLessThanOrEqual(80);
        // And those that were on their way when the machine was busy: 32 of each worker.
        expect(ledger.numbers['300000000000001']?.highest_in_any_second).toBeLessThanOrEqual(80 + 2 * 32);
      } finally {
        await second.close();
        await journey.api.call('PATCH', `/accounts/${journey.accountId}`, { body: { messages_per_second: 1_000 } });
      }
    });

    it('a worker that is stopped waits for the answers that are out', async () => {
      const logger = createLogger('silent', 'test');
      const phone = somebody();
      await withoutStatuses(async () => {
        await journey.simulator.configure({ latency_ms: 1_500 });
        const second = await NestFactory.createApplicationContext(WorkerModule.forRoot(journey.api.config, logger), {
          logger: new NestLogger(logger),
          abortOnError: false,
        });
        const sends = await Promise.all(Array.from({ length: 10 }, () => schedule({ phone }, 600_000)));
        await isDue(...sends.map(({ id }) => id));
        await eventually(
          () => inLedger(phone),
          (rows) => rows.length > 0,
        );
        await second.close();
        await journey.simulator.configure({ latency_ms: 0 });
        for (const { id } of sends) {
          await goesOut(id);
        }
      });
    });
    return;
  }

  /** What a worker does when it dies at the worst moment. */
  const claim = (): Promise<ClaimedSend[]> => journey.api.app.get(ScheduledSends).claim(100, []);
  const cancel = (id: number, accountId = journey.accountId): Promise<boolean> =>
    journey.api.db.transaction((tx) => journey.api.app.get(ScheduledSends).cancel(tx, accountId, id));

  describe('what is asked for', () => {
    it('is kept: when, and until when', async () => {
      const at = ahead(DAY);
      const message = await schedule({ send_at: at, valid_for_s: 90 });
      expect(message).toMatchObject({
        send_at: at,
        valid_until: new Date(Date.parse(at) + 90_000).toISOString(),
        status: 'scheduled',
      });
      const unlimited = await schedule({ send_at: at });
      expect(unlimited.valid_until).toBe(new Date(Date.parse(at) + DAY).toISOString());
    });

    it.each<[string, object, string, string]>([
      ['the past', { send_at: '2026-01-01T00:00:00Z' }, 'send_at', 'in_the_past'],
      ['now', { send_at: ahead(-1) }, 'send_at', 'in_the_past'],
      ['more than 30 days ahead', { send_at: ahead(31 * DAY) }, 'send_at', 'too_far_ahead'],
      ['a time without a zone', { send_at: '2026-12-01T10:00:00' }, 'send_at', 'not_iso8601'],
      ['a day', { send_at: '2026-12-01' }, 'send_at', 'not_iso8601'],
      ['no time', { send_at: 'tomorrow' }, 'send_at', 'not_iso8601'],
      ['no time to live', { valid_for_s: 0 }, 'valid_for_s', 'min'],
      ['more than 30 days to live', { valid_for_s: 30 * 86_400 + 1 }, 'valid_for_s', 'max'],
      ['half a second', { valid_for_s: 0.5 }, 'valid_for_s', 'not_int'],
    ])('%s: 400', async (_what, fields, field, code) => {
      const { status, body } = await post<ProblemBody>('/send-template/', {
        phone: somebody(),
        ...TEMPLATE,
        ...fields,
      });
      expect([status, body.errors]).toMatchObject([400, [{ field, code }]]);
    });

    it('29 days ahead and any time zone are fine', async () => {
      await schedule({ send_at: ahead(29 * DAY) });
      const inIndia = new Date(Date.now() + DAY + 5.5 * 3_600_000).toISOString().replace('Z', '+05:30');
      await schedule({ send_at: inIndia });
    });

    it('what cannot be sent is refused at once: limits, a wrong reply, a taken client_ref', async () => {
      const later = { phone: somebody(), send_at: ahead(DAY) };
      const long = await post<ProblemBody>('/send-message/', { ...later, message: 'x'.repeat(4_097) });
      const reply = await post<ProblemBody>('/send-message/', { ...later, message: 'x', reply_message_id: 999_999 });
      expect([long.status, reply.status]).toEqual([400, 400]);
      const both = await Promise.all(
        Array.from({ length: 5 }, () =>
          post<ProblemBody>('/send-template/', { ...later, ...TEMPLATE, client_ref: 'once' }),
        ),
      );
      expect(both.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409]);
    });

    it('an Idempotency-Key keeps one message, also when the answer was lost', async () => {
      const body = { phone: somebody(), ...TEMPLATE, send_at: ahead(DAY) };
      const headers = { 'idempotency-key': 'later-key' };
      const first = await post('/send-template/', body, { headers });
      const again = await post('/send-template/', body, { headers });
      expect([again.status, again.body]).toEqual([202, first.body]);
      await journey.api.db.queryDynamic('delete from idempotency_keys');
      const recalled = await post('/send-template/', body, { headers });
      expect([recalled.status, recalled.body.status, recalled.body.message.id]).toEqual([
        202,
        'scheduled',
        first.body.message.id,
      ]);
      await cancel(first.body.message.id);
      await journey.api.db.queryDynamic('delete from idempotency_keys');
      const cancelled = await post('/send-template/', body, { headers });
      expect([cancelled.status, cancelled.body.status]).toEqual([200, 'cancelled']);
    });

    it('is in the chat with its status, and moves nothing there', async () => {
      const phone = somebody();
      const { id } = await schedule({ phone });
      const { body } = await journey.api.call<{ messages: MessageBody[] }>('GET', `/chats/${phone}/messages`);
      expect(body.messages).toMatchObject([{ id, status: 'scheduled' }]);
      const chat = await journey.api.call<{ last_message: unknown }>('GET', `/chats/${phone}`);
      expect(chat.body.last_message).toBeNull();
    });
  });

  describe('cancelling', () => {
    it('takes a waiting message back, once, and tells of it', async () => {
      const { id } = await schedule({});
      expect([await cancel(id), await cancel(id)]).toEqual([true, false]);
      expect((await getMessage(id)).status).toBe('cancelled');
      await isDue(id);
      expect((await claim()).map((message) => message.id)).not.toContain(id);
      expect(await eventsOf(id)).toEqual(['scheduled', 'cancelled']);
    });

    it('is of one’s own account, and of what still waits', async () => {
      const { id } = await schedule({});
      expect(await cancel(id, 999_999)).toBe(false);
      await isDue(id);
      await claim();
      expect(await cancel(id)).toBe(false);
      expect((await getMessage(id)).status).toBe('pending');
    });

    it('and claiming at the same moment: one of them has it', async () => {
      const messages = await Promise.all(Array.from({ length: 40 }, () => schedule({})));
      const ids = messages.map(({ id }) => id);
      await isDue(...ids);
      const [claimed, ...cancelled] = await Promise.all([
        Promise.all([claim(), claim(), claim()]),
        ...ids.map((id) => cancel(id)),
      ]);
      const taken = new Set(claimed.flat().map(({ id }) => id));
      const statuses = await Promise.all(ids.map(async (id) => (await getMessage(id)).status));
      ids.forEach((id, index) => {
        const isCancelled = cancelled[index] as boolean;
        expect([taken.has(id), isCancelled]).not.toEqual([true, true]);
        expect(statuses[index]).toBe(isCancelled ? 'cancelled' : taken.has(id) ? 'pending' : 'scheduled');
      });
    });
  });

  describe('claiming', () => {
    it('gives two workers disjoint messages, each with a token of its own', async () => {
      const messages = await Promise.all(Array.from({ length: 60 }, () => schedule({})));
      await isDue(...messages.map(({ id }) => id));
      const batches = await Promise.all([claim(), claim(), claim(), claim()]);
      const rest = await claim();
      const claimed = [...batches.flat(), ...rest];
      expect(claimed).toHaveLength(60);
      expect(new Set(claimed.map(({ id }) => id)).size).toBe(60);
      expect(new Set(claimed.map(({ attemptToken }) => attemptToken)).size).toBe(60);
    });

    it('leaves what is too old: expired, never sent', async () => {
      const { id } = await schedule({ valid_for_s: 1 });
      await journey.api.db.queryDynamic(
        `update messages set due_at = now() - interval '2 s', valid_until = now() - interval '1 s' where id = $1`,
        [id],
      );
      expect(await claim()).toEqual([]);
      expect(await getMessage(id)).toMatchObject({ status: 'expired', message_id: null });
      expect(await eventsOf(id)).toEqual(['scheduled', 'expired']);
    });

    it('takes no more of a slow number than it may send, and passes over those that are busy', async () => {
      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Slow', phone_number_id: '300000000000003', access_token: 'EAAslow', messages_per_second: 20 },
      });
      const texts = await Promise.all(
        Array.from({ length: 10 }, () =>
          post(
            '/send-message/?force=true',
            { phone: somebody(), message: 'x', send_at: ahead(DAY) },
            { accountId: other.body.id },
          ),
        ),
      );
      const mine = await schedule({});
      await isDue(...texts.map(({ body }) => body.message.id), mine.id);
      const first = await claim();
      expect(first.filter(({ accountId }) => accountId === other.body.id)).toHaveLength(2);
      expect(first.map(({ id }) => id)).toContain(mine.id);
      expect(await journey.api.app.get(ScheduledSends).claim(100, [other.body.id])).toEqual([]);
    });
  });

  describe('a worker that is killed', () => {
    const sweep = async (): Promise<void> => {
      await journey.api.db.queryDynamic(
        `update messages set awaiting_since = now() - interval '61 s' where awaiting_since is not null`,
      );
      const logger = createLogger('silent', 'test');
      const worker = await NestFactory.createApplicationContext(WorkerModule.forRoot(journey.api.config, logger), {
        logger: new NestLogger(logger),
        abortOnError: false,
      });
      await eventually(
        () => journey.api.db.query(`select 1 from messages where awaiting_since is not null`),
        (rows) => rows.length === 0,
      );
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await worker.close();
    };

    it('before it has asked Meta leaves a message unknown, which is never sent on a guess', async () => {
      const phone = somebody();
      const { id } = await schedule({ phone });
      await isDue(id);
      expect((await claim()).map((message) => message.id)).toContain(id);
      await sweep();
      expect(await getMessage(id)).toMatchObject({ status: 'unknown', message_id: null });
      expect(await inLedger(phone)).toHaveLength(0);
      expect(await eventsOf(id)).toEqual(['scheduled', 'unknown']);
    });

    it('after Meta took the message leaves it unknown until a status tells, and it goes out once', async () => {
      const phone = somebody();
      const { id } = await schedule({ phone });
      await isDue(id);
      const mine = (await claim()).find((message) => message.id === id) as ClaimedSend;
      const account = await journey.api.app.get(AccountsService).find(journey.accountId);
      const answer = await journey.api.app.get(Dispatch).post(account as never, mine);
      expect(answer.ok).toBe(true);
      await sweep();
      expect((await getMessage(id)).status).toBe('unknown');
      expect(await inLedger(phone)).toHaveLength(1);
      await journey.api.app.get(Dispatch).settle(account as never, mine, answer);
      expect(await getMessage(id)).toMatchObject({ status: 'sent', message_id: expect.stringMatching(/^wamid/) });
    });
  });

  describe('a send of now that must not be late', () => {
    it('keeps until when, and is sent', async () => {
      const before = Date.now();
      const { status, body } = await post('/send-template/', { phone: somebody(), ...TEMPLATE, valid_for_s: 60 });
      expect([status, body.message.status]).toEqual([200, 'sent']);
      const until = Date.parse(body.message.valid_until as string);
      expect(until).toBeGreaterThanOrEqual(before + 59_000);
      expect(until).toBeLessThanOrEqual(Date.now() + 60_000);
    });

    it('and is late is not sent', async () => {
      const phone = somebody();
      let waiting: Promise<Answer<ProblemBody>> | null = null;
      await post('/send-template/', { phone, ...TEMPLATE });
      await journey.simulator.call('DELETE', 'ledger');
      await journey.api.db.transaction(async (tx) => {
        await tx.query('lock table messages in share row exclusive mode');
        waiting = post<ProblemBody>('/send-template/', { phone, ...TEMPLATE, valid_for_s: 1 });
        await eventually(
          () =>
            journey.api.db.query(
              `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
            ),
          (rows) => rows.length > 0,
        );
        await new Promise((resolve) => setTimeout(resolve, 1_100));
      });
      const { status, body } = (await waiting) as unknown as Answer<ProblemBody>;
      expect([status, body.code, body.message?.status]).toEqual([409, 'message_expired', 'expired']);
      expect(await inLedger(phone)).toHaveLength(0);
    });
  });
});
