import { randomUUID } from 'node:crypto';
import type { Account } from '../../src/accounts/account.js';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import { CampaignProgress } from '../../src/campaigns/campaign-progress.js';
import { CampaignsRepository } from '../../src/campaigns/campaigns.repository.js';
import { CampaignPauses } from '../../src/campaigns/reactions/campaign-pauses.service.js';
import { RecipientsRepository } from '../../src/campaigns/recipients.repository.js';
import { CampaignMessages } from '../../src/campaigns/sending/campaign-messages.js';
import { DeliveryDesk } from '../../src/campaigns/sending/delivery-desk.js';
import { LeasesRepository, type Lease } from '../../src/campaigns/sending/leases.repository.js';
import type { Attempt, PreparedRecipient } from '../../src/campaigns/sending/preparation.js';
import { RecipientPreparer, type InHand } from '../../src/campaigns/sending/recipient-preparer.js';
import { SendingLimitsRepository } from '../../src/campaigns/sending/sending-limits.repository.js';
import { PeopleService } from '../../src/contacts/people.service.js';
import { ConversationsRepository } from '../../src/inbox/conversations.repository.js';
import { DeliveriesService } from '../../src/inbox/deliveries.service.js';
import { ThroughputRepository } from '../../src/inbox/throughput.repository.js';
import { Outbox } from '../../src/outbox/outbox.js';
import { TemplateMedia } from '../../src/templates/template-media.service.js';
import { TemplatesService } from '../../src/templates/templates.service.js';
import { startTestApp, type TestApp } from '../support/app.js';

const HOURS = 168;

/** The sending side over real SQL, without a worker: the tests say what is on its way and how long ago it was. */
describe('a frequency cap', () => {
  let api: TestApp;
  let desk: DeliveryDesk;
  let account: Account;
  let lease: Lease;
  let templateId: number;
  const campaigns = new CampaignsRepository();

  /** Every test has a person of its own. */
  let phone: string;
  let nextPhone = 9_633_000_000;

  /** A running campaign for the person of the test. */
  const running = async (most: number | null): Promise<number> => {
    const id = await campaigns.insert(api.db, account.id, {
      name: 'Capped',
      template_id: templateId,
      audience_type: 'csv',
      frequency_cap: most === null ? null : { messages: most, hours: HOURS },
    });
    await api.db.query(
      `insert into campaign_recipients (account_id, campaign_id, identity, phone, name)
       values ($1, $2, 'phone:' || $3::text, $3, 'Person')`,
      [account.id, id, phone],
    );
    await api.db.query(`update campaigns set status = 'running', run_no = 1, started_at = now() where id = $1`, [id]);
    return id;
  };
  const prepare = async (held: Map<number, InHand>): Promise<PreparedRecipient[]> =>
    (await desk.prepare(account, lease, 10, held)).recipients;
  /** What of the campaigns is prepared next is on its way. */
  const begin = async (held: Map<number, InHand>): Promise<Attempt[]> => {
    const prepared = await prepare(held);
    const attempts = prepared.map((recipient) => ({ ...recipient, attemptToken: randomUUID(), markedAt: 0 }));
    return desk.mark(account, lease, attempts);
  };
  /** A campaign that was sent to the person so long ago. */
  const earlier = async (ago: string): Promise<number> => {
    const id = await running(null);
    const attempts = await begin(new Map());
    expect(attempts).toHaveLength(1);
    await desk.settle(
      account,
      attempts.map((attempt) => ({
        attempt,
        answer: {
          ok: true,
          body: { messaging_product: 'whatsapp', messages: [{ id: `wamid.${attempt.attemptToken}` }] },
        },
        decision: { type: 'accept' },
      })),
      [],
    );
    await api.db.query(
      `update messages set timestamp = now() - $2::interval, sent_at = now() - $2::interval where campaign_id = $1`,
      [id, ago],
    );
    await api.db.query(
      `update campaign_recipients set sent_at = now() - $2::interval where campaign_id = $1 and status = 'sent'`,
      [id, ago],
    );
    await api.db.query(
      `update campaigns set status = 'completed', started_at = now() - $2::interval, completed_at = now() - $2::interval
       where id = $1`,
      [id, ago],
    );
    return id;
  };
  /** Whether another campaign reaches the person, as its preflight says and as its sender then does. */
  const reaches = async (most: number): Promise<{ foreseen: boolean; sent: boolean }> => {
    const id = await running(most);
    const { body } = await api.call<{ will_be_sent: number }>('GET', `/campaigns/${id}/preflight`, {
      accountId: account.id,
    });
    return { foreseen: body.will_be_sent === 1, sent: (await prepare(new Map())).length === 1 };
  };

  beforeAll(async () => {
    api = await startTestApp();
    const get = <T>(type: abstract new (...args: never[]) => T): T => api.app.get<T>(type as never, { strict: false });
    const recipients = new RecipientsRepository();
    desk = new DeliveryDesk(
      api.db,
      new LeasesRepository(),
      campaigns,
      recipients,
      get(CampaignProgress),
      get(PeopleService),
      get(DeliveriesService),
      new CampaignMessages(api.db, get(TemplatesService), get(TemplateMedia)),
      new RecipientPreparer(
        api.db,
        recipients,
        get(PeopleService),
        get(ConversationsRepository),
        new SendingLimitsRepository(),
      ),
      get(ThroughputRepository),
      get(Outbox),
      get(CampaignPauses),
    );
    const made = await api.call<{ id: number }>('POST', '/accounts', {
      body: { name: 'Capped', phone_number_id: '300000000000033', access_token: 'EAAx' },
    });
    account = (await get(AccountsService).find(made.body.id)) as Account;
    const [template] = await api.db.query<{ id: number }>(
      `insert into templates (account_id, name, category, status, body_text) values ($1, 'hi', 'UTILITY', 'APPROVED', 'Hi')
       returning id`,
      [account.id],
    );
    templateId = template?.id as number;
    lease = (await desk.takeOver(account.id, randomUUID())) as Lease;
    // Nobody renews it here, and a busy machine takes its time.
    await api.db.query(`update sending_leases set expires_at = now() + interval '1 hour' where account_id = $1`, [
      account.id,
    ]);
  });
  afterAll(() => api.close());
  beforeEach(() => {
    phone = `+91${(nextPhone += 1)}`;
  });
  afterEach(() =>
    api.db.query(`update campaigns set status = 'cancelled', completed_at = now() where status = 'running'`),
  );

  it.each([
    [1, 0],
    [2, 1],
  ])('of %i lets %i more go while one message is on its way', async (most, expected) => {
    await running(null);
    const held = new Map<number, InHand>();
    expect(await begin(held)).toHaveLength(1);
    expect(held.size).toBe(1);
    await running(most);
    expect(await prepare(held)).toHaveLength(expected);
  });

  it('knows of messages on their way that another sender left behind', async () => {
    await running(null);
    await begin(new Map());
    await running(1);
    expect(await prepare(new Map())).toEqual([]);
  });

  describe('counts', () => {
    const become = (id: number, columns: string): Promise<unknown> =>
      api.db.query(`update campaign_recipients set ${columns} where campaign_id = $1`, [id]);
    const DAYS_OLD = `interval '200 days'`;

    it.each([
      ['what was sent', '1 hour', `status = 'delivered'`, false],
      ['nothing that was sent before its hours', '200 days', `status = 'read'`, true],
      [
        'what may have arrived',
        '1 hour',
        `status = 'unknown', sent_at = null, unknown_at = now() - interval '1 hour'`,
        false,
      ],
      [
        'no longer than its hours what may have arrived',
        '200 days',
        `status = 'unknown', sent_at = null, unknown_at = now() - ${DAYS_OLD}`,
        true,
      ],
      [
        'what was given up, for it may have arrived',
        '1 hour',
        `status = 'failed', sent_at = null, unknown_at = now() - interval '1 hour'`,
        false,
      ],
      [
        'no longer than its hours what was given up',
        '200 days',
        `status = 'failed', sent_at = null, unknown_at = now() - ${DAYS_OLD}`,
        true,
      ],
      ['nothing that failed', '1 hour', `status = 'failed', error_code = 131026`, true],
    ])('%s', async (_what, ago, fate, isReached) => {
      await become(await earlier(ago), fate);
      expect(await reaches(1)).toEqual({ foreseen: isReached, sent: isReached });
    });

    it.each([
      ['what a campaign sent that was deleted since', '1 hour', false],
      ['no longer than its hours what a campaign sent that was deleted since', '200 days', true],
    ])('%s', async (_what, ago, isReached) => {
      const id = await earlier(ago);
      const { status } = await api.call('DELETE', `/campaigns/${id}`, { accountId: account.id });
      expect(status).toBe(204);
      expect(await reaches(1)).toMatchObject({ sent: isReached });
    });

    it('what was tried several times once, also when its campaign was deleted', async () => {
      const id = await earlier('1 hour');
      await api.db.query(
        `insert into messages (account_id, conversation_id, contact_id, direction, message_type, status, campaign_id,
           campaign_recipient_id)
         select account_id, conversation_id, contact_id, direction, message_type, 'unknown', campaign_id, campaign_recipient_id
         from messages where campaign_id = $1`,
        [id],
      );
      await api.call('DELETE', `/campaigns/${id}`, { accountId: account.id });
      expect(await reaches(2)).toEqual({ foreseen: true, sent: true });
    });

    it('no chats', async () => {
      await earlier('200 days');
      await api.db.query(
        `insert into messages (account_id, conversation_id, contact_id, direction, message_type, status)
         select account_id, id, contact_id, 'outbound', 'text', 'sent' from conversations
         where contact_id = (select contact_id from contact_identities where value = $1)`,
        [phone],
      );
      expect(await reaches(1)).toEqual({ foreseen: true, sent: true });
    });
  });
});
