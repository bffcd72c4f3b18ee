import { register } from 'prom-client';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import { MessagesApi } from '../../src/meta/api/messages.js';
import { eventually } from '../support/app.js';
import {
  audienceCsv,
  campaignIs,
  draftWithCsv,
  getCampaign,
  startJourney,
  type CampaignBody,
  type Journey,
} from '../support/journey.js';
import {
  envelope,
  messagesBody,
  numberChange,
  postWebhook,
  profile,
  secondsAgo,
  status,
  text,
  type JsonObject,
} from '../support/webhook-payloads.js';

const HOUR_S = 3_600;
const NO_FAULTS = { http_502_html_ratio: 0, http_500_ratio: 0, hang_ratio: 0, error_windows: [] };

/** Every test has people of its own. */
let nextPhone = 9_640_000_000;
const somebody = (): string => `+91${(nextPhone += 1)}`;

interface RecipientBody {
  id: number;
  status: string;
  message_id: string | null;
  contact_id: number | null;
  attempt: number;
  error_code: number | null;
  replied_at: string | null;
  opted_out_at: string | null;
}

type Outcomes = CampaignBody & { replied_count: number; opted_out_count: number };

describe('what came of a campaign', () => {
  let journey: Journey;

  const campaignTo = async (phones: readonly string[], body: Record<string, unknown> = {}): Promise<number> => {
    const lines = phones.map((phone, index) => `${phone},Person ${index},ORD-${index}`);
    const id = await draftWithCsv(journey, ['phone,name,order_id', ...lines].join('\n'), body);
    await move(id, 'run');
    return id;
  };
  const sentTo = async (...phones: string[]): Promise<number> => {
    const id = await campaignTo(phones);
    await campaignIs(journey, id, 'completed');
    await eventually(
      () => getCampaign(journey, id),
      (campaign) => campaign.delivered_count === phones.length,
    );
    return id;
  };
  const move = async (id: number, name: string, body?: object): Promise<void> => {
    const answer = await journey.api.call('POST', `/campaigns/${id}/${name}`, { body });
    expect([200, 202]).toContain(answer.status);
  };
  const recipient = async (id: number, phone: string): Promise<RecipientBody> => {
    const { body } = await journey.api.call<{ recipients: RecipientBody[] }>(
      'GET',
      `/campaigns/${id}/recipients?q=${encodeURIComponent(phone)}`,
    );
    expect(body.recipients).toHaveLength(1);
    return body.recipients[0] as RecipientBody;
  };
  const outcomes = async (id: number): Promise<[number, number]> => {
    const campaign = (await getCampaign(journey, id)) as Outcomes;
    return [campaign.replied_count, campaign.opted_out_count];
  };
  /** As if the campaign, whose statuses are all in, had been so long ago. */
  const age = (id: number, hours: number): Promise<unknown> =>
    journey.api.db.query(
      `update campaign_recipients set sent_at = sent_at - make_interval(hours => $2::int) where campaign_id = $1`,
      [id, hours],
    );
  /** Delivers a body and waits until it was worked off. */
  const deliver = async (body: JsonObject): Promise<void> => {
    expect((await postWebhook(journey.api.url, body)).status).toBe(200);
    await eventually(
      () => journey.api.db.query('select 1 from webhook_logs where not processed'),
      (rows) => rows.length === 0,
    );
  };
  const writes = (phone: string, more: JsonObject = {}): Promise<void> =>
    deliver(messagesBody({ messages: [text(phone.slice(1), 'Tell me more', { timestamp: secondsAgo(0), ...more })] }));
  const quote = (wamid: string | null): JsonObject => ({ context: { id: wamid, from: '919800000001' } });

  /** Meta has answered the next campaign message, and we do not know it until it is let through. */
  const holdNextAnswer = (): { isHere: Promise<void>; letThrough: () => void } => {
    const api = journey.api.worker?.get(MessagesApi, { strict: false }) as MessagesApi;
    const { send } = api;
    let letThrough!: () => void;
    const isLetThrough = new Promise<void>((resolve) => (letThrough = resolve));
    const isHere = new Promise<void>((resolve) => {
      api.send = async (...request) => {
        api.send = send;
        const answer = await send.apply(api, request);
        resolve();
        await isLetThrough;
        return answer;
      };
    });
    return { isHere, letThrough };
  };

  beforeAll(async () => {
    journey = await startJourney({
      simulator: { webhooks: { sent_ms: 10, delivered_ms: 20, read_ratio: 0 } },
      account: { messages_per_second: 200 },
    });
  });
  afterAll(() => journey.close());
  beforeEach(() => journey.simulator.configure({ faults: NO_FAULTS, webhooks: { enabled: true } }));

  describe('an answer', () => {
    it('counts once, by the first, in whatever order they come', async () => {
      const [asha, bo] = [somebody(), somebody()];
      const id = await sentTo(asha, bo);
      const before = Date.now();
      await writes(asha, { timestamp: String(Math.floor(before / 1_000) + 40) });
      await writes(asha, { timestamp: String(Math.floor(before / 1_000) + 20) });
      await writes(asha, { timestamp: String(Math.floor(before / 1_000) + 60) });
      expect((await recipient(id, asha)).replied_at).toBe(
        new Date((Math.floor(before / 1_000) + 20) * 1_000).toISOString(),
      );
      expect((await recipient(id, bo)).replied_at).toBeNull();
      expect(await outcomes(id)).toEqual([1, 0]);
    });

    it('goes to the latest campaign that was before it, of this account only', async () => {
      const asha = somebody();
      const first = await sentTo(asha);
      await age(first, 30);
      const second = await sentTo(asha);
      await age(second, 10);
      await writes(asha, { timestamp: secondsAgo(20 * HOUR_S) });
      expect([await outcomes(first), await outcomes(second)]).toEqual([
        [1, 0],
        [0, 0],
      ]);
      await writes(asha);
      expect([await outcomes(first), await outcomes(second)]).toEqual([
        [1, 0],
        [1, 0],
      ]);

      const other = await journey.api.call<{ id: number }>('POST', '/accounts', {
        body: { name: 'Other', phone_number_id: '300000000000777', waba_id: '200000000000777', access_token: 'EAAy' },
      });
      expect(other.status).toBe(201);
      const bo = somebody();
      const ours = await sentTo(bo);
      await deliver(messagesBody({ messages: [text(bo.slice(1), 'Hello other')] }, '300000000000777'));
      expect(await outcomes(ours)).toEqual([0, 0]);
    });

    it('is none after 72 hours, unless it quotes the message or presses its button', async () => {
      const [asha, bo, chitra] = [somebody(), somebody(), somebody()];
      const id = await sentTo(asha, bo, chitra);
      await age(id, 73);
      const later = await sentTo(bo, chitra);
      await writes(asha);
      expect(await outcomes(id)).toEqual([0, 0]);
      await writes(bo, quote((await recipient(id, bo)).message_id));
      await writes(chitra, {
        type: 'button',
        text: undefined,
        button: { text: 'Yes', payload: 'yes' },
        ...quote((await recipient(id, chitra)).message_id),
      });
      expect([await outcomes(id), await outcomes(later)]).toEqual([
        [2, 0],
        [0, 0],
      ]);
    });

    it('is not what was written before, elsewhere, or by WhatsApp itself', async () => {
      const asha = somebody();
      const id = await sentTo(asha);
      const from = asha.slice(1);
      const contacts = [profile(from, 'Asha')];
      await deliver(envelope([numberChange('standby', { standby: { contacts, messages: [text(from, 'Hello')] } })]));
      await deliver(
        envelope([
          numberChange('smb_message_echoes', { message_echoes: [{ ...text('919800000001', 'Hi'), to: from }] }),
        ]),
      );
      await deliver(
        envelope([
          numberChange('history', {
            history: [{ metadata: { phase: 0 }, threads: [{ id: from, messages: [text(from, 'Long ago')] }] }],
          }),
        ]),
      );
      await writes(asha, { type: 'request_welcome', text: undefined });
      await writes(asha, { timestamp: secondsAgo(60) });
      const rows = await journey.api.db.query(
        `select 1 from messages m join campaign_recipients r on r.contact_id = m.contact_id
         where r.campaign_id = $1 and m.direction = 'inbound'`,
        [id],
      );
      expect(rows).toHaveLength(4);
      expect(await outcomes(id)).toEqual([0, 0]);
    });

    it('counts when it overtakes Meta’s own answer, and not when that is a refusal', async () => {
      await journey.simulator.configure({ webhooks: { enabled: false } });
      const [asha, bo] = [somebody(), somebody()];
      const first = holdNextAnswer();
      const accepted = await campaignTo([asha]);
      await first.isHere;
      await writes(asha);
      first.letThrough();
      await campaignIs(journey, accepted, 'completed');
      expect(await outcomes(accepted)).toEqual([1, 0]);

      await journey.simulator.configure({ faults: { error_windows: [{ code: 131026, from_ms: 0, to_ms: 60_000 }] } });
      const second = holdNextAnswer();
      const refused = await campaignTo([bo]);
      await second.isHere;
      await writes(bo);
      second.letThrough();
      await campaignIs(journey, refused, 'completed');
      expect([(await recipient(refused, bo)).status, await outcomes(refused)]).toEqual(['failed', [0, 0]]);
    });
  });

  describe('an opt-out', () => {
    const contactOf = async (id: number, phone: string): Promise<number> =>
      (await recipient(id, phone)).contact_id as number;

    it('by keyword, in WhatsApp itself, by the API, or learnt from Meta’s refusal counts, once', async () => {
      const people = [somebody(), somebody(), somebody(), somebody()] as const;
      const [byKeyword, inWhatsApp, byApi, refused] = people;
      const id = await sentTo(...people, somebody());
      await writes(byKeyword, { text: { body: 'STOP' } });
      await deliver(
        envelope([
          numberChange('user_preferences', {
            user_preferences: [
              {
                wa_id: inWhatsApp.slice(1),
                category: 'marketing_messages',
                value: 'stop',
                timestamp: secondsAgo(0),
              },
            ],
          }),
        ]),
      );
      await journey.api.call('POST', `/contacts/${await contactOf(id, byApi)}/opt-out`, { body: { source: 'phone' } });
      const { message_id } = await recipient(id, refused);
      const error = { code: 131_050, title: 'Stopped marketing' };
      await deliver(
        messagesBody({
          statuses: [status(message_id as string, 'failed', { timestamp: secondsAgo(0), errors: [error] })],
        }),
      );
      // Its message was delivered: the opt-out is news all the same.
      expect(await outcomes(id)).toEqual([1, 4]);
      expect((await recipient(id, byApi)).opted_out_at).not.toBeNull();

      await writes(byKeyword, { text: { body: 'START' } });
      await writes(byKeyword, { text: { body: 'STOP' } });
      expect(await outcomes(id)).toEqual([1, 4]);
    });

    it('after 72 hours, or by a file of contacts, is not this campaign’s', async () => {
      const [late, imported] = [somebody(), somebody()];
      const old = await sentTo(late);
      await age(old, 73);
      await writes(late, { text: { body: 'STOP' } });
      const id = await sentTo(imported);
      const form = new FormData();
      form.append('file', new Blob([`phone,opted_out\n${imported},true`], { type: 'text/csv' }), 'contacts.csv');
      expect((await journey.api.call('POST', '/contacts/import', { body: form })).status).toBeLessThan(300);
      const [row] = await journey.api.db.query<{ opted_out: boolean }>('select opted_out from contacts where id = $1', [
        await contactOf(id, imported),
      ]);
      expect(row).toEqual({ opted_out: true });
      expect([await outcomes(old), await outcomes(id)]).toEqual([
        [0, 0],
        [0, 0],
      ]);
    });
  });

  describe('late evidence of an earlier attempt', () => {
    const duplicates = async (): Promise<number> =>
      (await register.getSingleMetric('parley_campaign_proven_duplicates_total')?.get())?.values[0]?.value ?? 0;
    const messagesOf = (id: number): Promise<{ status: string; token: string }[]> =>
      journey.api.db.query(`select status, attempt_token as token from messages where campaign_id = $1 order by id`, [
        id,
      ]);
    const tell = (token: string, name: string, more: JsonObject = {}): Promise<void> =>
      deliver(
        messagesBody({
          statuses: [status(`wamid.${token}`, name, { biz_opaque_callback_data: `parley:${token}`, ...more })],
        }),
      );
    /** A campaign to one person, whose only attempt has an outcome that nobody knows. */
    const unknownTo = async (phone: string): Promise<{ id: number; token: string }> => {
      await journey.simulator.configure({ faults: { http_502_html_ratio: 1 }, webhooks: { enabled: false } });
      const id = await campaignTo([phone]);
      await campaignIs(journey, id, 'completed');
      await journey.simulator.configure({ faults: NO_FAULTS });
      expect(await recipient(id, phone)).toMatchObject({ status: 'unknown' });
      const [message] = await messagesOf(id);
      return { id, token: message?.token as string };
    };
    const unknownSince = async (id: number): Promise<Date | null | undefined> =>
      (
        await journey.api.db.query<{ unknown_at: Date | null }>(
          'select unknown_at from campaign_recipients where campaign_id = $1',
          [id],
        )
      )[0]?.unknown_at;
    /** Pauses a campaign while its only recipient waits to be sent to again. */
    const waitingAgain = async (id: number): Promise<void> => {
      // Meta is busy: the resend does not get through, and waits.
      await journey.simulator.configure({ faults: { error_windows: [{ code: 131056, from_ms: 0, to_ms: 60_000 }] } });
      await move(id, 'resolve-unknown', { action: 'resend' });
      await eventually(
        () =>
          journey.api.db.query(
            `select 1 from campaign_recipients where campaign_id = $1 and status = 'pending' and not_before > now()`,
            [id],
          ),
        (rows) => rows.length > 0,
      );
      await move(id, 'pause');
      await journey.simulator.configure({ faults: NO_FAULTS });
    };

    it('settles who is unknown, and says since when that was so', async () => {
      const asha = somebody();
      const { id, token } = await unknownTo(asha);
      expect(Date.now() - ((await unknownSince(id)) as Date).getTime()).toBeLessThan(10_000);
      await tell(token, 'delivered');
      expect(await recipient(id, asha)).toMatchObject({ status: 'delivered', message_id: `wamid.${token}` });
      expect(await unknownSince(id)).toBeNull();
      expect(await getCampaign(journey, id)).toMatchObject({ sent_count: 1, delivered_count: 1, unknown_count: 0 });
    });

    it('settles who was given up', async () => {
      const asha = somebody();
      const { id, token } = await unknownTo(asha);
      await move(id, 'resolve-unknown', { action: 'drop' });
      expect(await recipient(id, asha)).toMatchObject({ status: 'failed' });
      await tell(token, 'sent');
      expect(await recipient(id, asha)).toMatchObject({ status: 'sent', error_code: null });
      expect(await getCampaign(journey, id)).toMatchObject({ sent_count: 1, failed_count: 0 });
    });

    it('calls off a resend that has not started', async () => {
      const asha = somebody();
      const { id, token } = await unknownTo(asha);
      await waitingAgain(id);
      await tell(token, 'sent');
      expect(await recipient(id, asha)).toMatchObject({ status: 'sent', message_id: `wamid.${token}` });
      await move(id, 'resume');
      expect(await campaignIs(journey, id, 'completed')).toMatchObject({ sent_count: 1, pending_count: 0 });
      await tell(token, 'read');
      expect(await recipient(id, asha)).toMatchObject({ status: 'read' });
      expect((await journey.simulator.rows(`&to=${asha.slice(1)}`)).map(({ outcome }) => outcome)).not.toContain(
        'accepted',
      );
    });

    it('of a failure changes nothing: the later attempt goes on', async () => {
      const asha = somebody();
      const { id, token } = await unknownTo(asha);
      await waitingAgain(id);
      await tell(token, 'failed', { errors: [{ code: 131_026, title: 'Undeliverable' }] });
      expect(await recipient(id, asha)).toMatchObject({ status: 'pending', error_code: null });
      await move(id, 'resume');
      await campaignIs(journey, id, 'completed');
      expect((await messagesOf(id)).map((message) => message.status)).toEqual(['failed', 'sent']);
      expect(await recipient(id, asha)).toMatchObject({ status: 'sent' });
    });

    it('counts as a proven duplicate when the later attempt was accepted too', async () => {
      const asha = somebody();
      const { id, token } = await unknownTo(asha);
      await move(id, 'resolve-unknown', { action: 'resend' });
      await campaignIs(journey, id, 'completed');
      const second = await recipient(id, asha);
      expect(second).toMatchObject({ status: 'sent' });
      const before = await duplicates();
      await tell(token, 'sent');
      await tell(token, 'delivered');
      await tell(token, 'read');
      expect((await duplicates()) - before).toBe(1);
      // What is shown is the attempt that was accepted first as far as we knew.
      expect(await recipient(id, asha)).toMatchObject({ status: 'sent', message_id: second.message_id });
      expect(await getCampaign(journey, id)).toMatchObject({ total_count: 1, sent_count: 1, read_count: 0 });
    });

    describe('while the later one is on its way', () => {
      const resendingTo = async (
        phone: string,
        simulator: Record<string, unknown>,
      ): Promise<{ id: number; letThrough: () => void }> => {
        const { id, token } = await unknownTo(phone);
        await journey.simulator.configure(simulator);
        const { isHere, letThrough } = holdNextAnswer();
        await move(id, 'resolve-unknown', { action: 'resend' });
        await isHere;
        await tell(token, 'delivered');
        return { id, letThrough };
      };

      it('waits for its answer: accepted, it is a proven duplicate', async () => {
        const asha = somebody();
        const before = await duplicates();
        const { id, letThrough } = await resendingTo(asha, {});
        expect(await recipient(id, asha)).toMatchObject({ status: 'pending' });
        letThrough();
        await campaignIs(journey, id, 'completed');
        expect(await recipient(id, asha)).toMatchObject({ status: 'sent' });
        expect((await duplicates()) - before).toBe(1);
      });

      it.each([
        ['refused', { faults: { error_windows: [{ code: 131026, from_ms: 0, to_ms: 60_000 }] } }],
        ['lost', { faults: { http_502_html_ratio: 1 } }],
        ['put off', { faults: { http_500_ratio: 1 } }],
      ])('waits for its answer: %s, the earlier one counts', async (_name, simulator) => {
        const asha = somebody();
        const before = await duplicates();
        const { id, letThrough } = await resendingTo(asha, simulator);
        letThrough();
        const done = await campaignIs(journey, id, 'completed');
        expect(done).toMatchObject({ sent_count: 1, delivered_count: 1, failed_count: 0, unknown_count: 0 });
        expect(await recipient(id, asha)).toMatchObject({ status: 'delivered', error_code: null });
        expect(await duplicates()).toBe(before);
        // The first attempt and one more: who was reached is not tried again.
        expect(await journey.simulator.rows(`&to=${asha.slice(1)}`)).toHaveLength(2);
      });
    });

    it('both at once settle as one', async () => {
      const asha = somebody();
      const { id, token } = await unknownTo(asha);
      await journey.simulator.configure({ faults: { http_502_html_ratio: 1 } });
      await move(id, 'resolve-unknown', { action: 'resend' });
      await campaignIs(journey, id, 'completed');
      const later = (await messagesOf(id))[1]?.token as string;
      const before = await duplicates();
      const named = (of: string, name: string): JsonObject =>
        status(`wamid.${of}`, name, { biz_opaque_callback_data: `parley:${of}` });
      await deliver(messagesBody({ statuses: [named(token, 'read'), named(later, 'sent')] }));
      expect((await duplicates()) - before).toBe(1);
      expect(await recipient(id, asha)).toMatchObject({ status: 'sent', message_id: `wamid.${later}` });
    });
  });

  describe('while it runs', () => {
    interface Progress {
      status: string;
      total_count: number;
      pending_count: number;
      sent_count: number;
      done: number;
      rate_per_second: number;
      seconds_left: number | null;
      cost: number;
      replied_count: number;
    }
    const events = (id: number, type: string): Promise<{ payload: Progress }[]> =>
      journey.api.db.query(
        `select payload from outbox_events where type = $2 and subject_id = $1 and payload ? 'total_count' order by id`,
        [id, type],
      );

    it('events tell every two seconds how far it is and how fast; its end, all that came of it', async () => {
      await journey.api.call('PATCH', `/accounts/${journey.accountId}`, { body: { messages_per_second: 20 } });
      await eventually(
        async () => journey.api.worker?.get(AccountsService, { strict: false }).find(journey.accountId),
        (account) => account?.messagesPerSecond === 20,
      );
      try {
        const id = await draftWithCsv(journey, audienceCsv(160, (nextPhone += 200)));
        await move(id, 'run');
        const { progress, started_at } = await eventually(
          async () =>
            (await journey.api.call<{ progress: Progress; started_at: string }>('GET', `/campaigns/${id}`)).body,
          (campaign) => campaign.progress.done > 100,
        );
        // Whatever this machine makes of 20 a second.
        const average = (progress.done * 1_000) / (Date.now() - Date.parse(started_at));
        expect(progress.rate_per_second).toBeGreaterThan(average / 2);
        expect(progress.rate_per_second).toBeLessThan(average * 2);
        const left = (160 - progress.done) / progress.rate_per_second;
        expect(Math.abs((progress.seconds_left as number) - left)).toBeLessThanOrEqual(1);
        await campaignIs(journey, id, 'completed');

        // The first is that somebody ran it.
        const [begun, ...told] = (await events(id, 'campaign.progress')).map(({ payload }) => payload);
        expect(begun).toMatchObject({ status: 'running', done: 0, pending_count: 160 });
        expect(told.length).toBeGreaterThanOrEqual(2);
        expect(told.length).toBeLessThanOrEqual(15);
        for (const [index, { done, pending_count, sent_count, total_count }] of told.entries()) {
          expect([total_count, done, done]).toEqual([160, 160 - pending_count, sent_count]);
          expect(done).toBeGreaterThan(told[index - 1]?.done ?? -1);
        }
        const middle = told.find(({ done }) => done > 60) as Progress;
        expect(middle.rate_per_second).toBeGreaterThan(average / 2);
        expect(middle.seconds_left).toBeGreaterThan(0);

        const [ended, ...more] = await events(id, 'campaign.completed');
        expect(more).toEqual([]);
        expect(ended?.payload).toMatchObject({
          status: 'completed',
          sent_count: 160,
          pending_count: 0,
          done: 160,
          seconds_left: null,
          replied_count: 0,
          cost: 0,
        });
      } finally {
        await journey.api.call('PATCH', `/accounts/${journey.accountId}`, { body: { messages_per_second: 200 } });
      }
    });

    it('and nothing changes, events say nothing', async () => {
      const id = await draftWithCsv(journey, audienceCsv(3, (nextPhone += 200)));
      await journey.api.db.query(
        `update campaign_recipients set not_before = now() + interval '1 hour' where campaign_id = $1`,
        [id],
      );
      await move(id, 'run');
      // That it runs, and that its people were put off.
      await eventually(
        () => events(id, 'campaign.progress'),
        (rows) => rows.length === 2,
      );
      await new Promise((resolve) => setTimeout(resolve, 4_500));
      expect(await events(id, 'campaign.progress')).toHaveLength(2);
      await move(id, 'cancel');
    });
  });
});
