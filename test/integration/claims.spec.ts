import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Account } from '../../src/accounts/account.js';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import { ThroughputRepository } from '../../src/inbox/throughput.repository.js';
import { CampaignPauses } from '../../src/campaigns/reactions/campaign-pauses.service.js';
import { RecipientPreparer, type InHand } from '../../src/campaigns/sending/recipient-preparer.js';
import { SendingLimitsRepository } from '../../src/campaigns/sending/sending-limits.repository.js';
import { CampaignProgress } from '../../src/campaigns/campaign-progress.js';
import { CampaignsRepository, type CampaignRow } from '../../src/campaigns/campaigns.repository.js';
import { RecipientsRepository } from '../../src/campaigns/recipients.repository.js';
import { CampaignMessages } from '../../src/campaigns/sending/campaign-messages.js';
import { DeliveryDesk } from '../../src/campaigns/sending/delivery-desk.js';
import { LeasesRepository, type Lease } from '../../src/campaigns/sending/leases.repository.js';
import type { Attempt, PreparedRecipient, Settled } from '../../src/campaigns/sending/preparation.js';
import { ConversationsRepository } from '../../src/inbox/conversations.repository.js';
import { DeliveriesService } from '../../src/inbox/deliveries.service.js';
import { PeopleService } from '../../src/contacts/people.service.js';
import { notSent } from '../../src/meta/graph-error.js';
import { Outbox } from '../../src/outbox/outbox.js';
import { TemplateMedia } from '../../src/templates/template-media.service.js';
import { TemplatesService } from '../../src/templates/templates.service.js';
import { startTestApp, type TestApp } from '../support/app.js';

const STATUSES = ['pending', 'sending', 'sent', 'delivered', 'read', 'failed', 'skipped', 'unknown'];

/** The sending side over real SQL, without a worker: the tests say who holds what, and when a holder dies. */
describe('claims', () => {
  let api: TestApp;
  let desk: DeliveryDesk;
  let account: Account;
  let otherAccount: Account;
  const recipients = new RecipientsRepository();
  const leases = new LeasesRepository();
  const campaigns = new CampaignsRepository();

  const newAccount = async (phoneNumberId: string): Promise<Account> => {
    const answer = await api.call<{ id: number }>('POST', '/accounts', {
      body: { name: phoneNumberId, phone_number_id: phoneNumberId, access_token: 'EAAx' },
    });
    return (await api.app.get(AccountsService, { strict: false }).find(answer.body.id)) as Account;
  };
  /** A running campaign of `count` people, straight into the tables. */
  const running = async (of: Account, count: number): Promise<number> => {
    const [template] = await api.db.query<{ id: number }>(
      `insert into templates (account_id, name, category, status, body_text) values ($1, $2, 'UTILITY', 'APPROVED', 'Hi {{1}}')
       returning id`,
      [of.id, `t_${randomUUID().replaceAll('-', '')}`],
    );
    const id = await campaigns.insert(api.db, of.id, {
      name: 'Claims',
      template_id: template?.id as number,
      audience_type: 'csv',
      parameter_mappings: { '1': 'name' },
    });
    await api.db.query(
      `insert into campaign_recipients (account_id, campaign_id, identity, phone, name)
       select $1, $2::bigint, 'phone:' || phone, phone, 'Person' from (
         select '+9196' || lpad($2::bigint::text, 4, '0') || lpad(n::text, 4, '0') as phone from generate_series(1, $3::int) n) p`,
      [of.id, id, count],
    );
    await api.db.query(`update campaigns set status = 'running', run_no = 1, started_at = now() where id = $1`, [id]);
    return id;
  };
  const statusesOf = async (id: number): Promise<Record<string, number>> => {
    const rows = await api.db.query<{ status: string; n: number }>(
      'select status, count(*) as n from campaign_recipients where campaign_id = $1 group by 1',
      [id],
    );
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
  };
  const take = async (of: Account): Promise<Lease> => {
    const lease = await desk.takeOver(of.id, randomUUID());
    if (!lease) {
      throw new Error('somebody holds it');
    }
    // Nobody renews it here, and a busy machine takes its time.
    await api.db.query(`update sending_leases set expires_at = now() + interval '1 hour' where account_id = $1`, [
      of.id,
    ]);
    return lease;
  };
  /** As if the holder had been silent for too long, by the database's clock. */
  const expire = (of: Account): Promise<unknown> =>
    api.db.query(`update sending_leases set expires_at = now() - interval '1 ms' where account_id = $1`, [of.id]);
  /** What a sender has in hand that has just begun, unless it says otherwise. */
  const prepare = async (lease: Lease, want: number, held = new Map<number, InHand>()): Promise<PreparedRecipient[]> =>
    (await desk.prepare(account, lease, want, held)).recipients;
  const withTokens = (prepared: readonly PreparedRecipient[]): Attempt[] =>
    prepared.map((recipient) => ({ ...recipient, attemptToken: randomUUID(), markedAt: 0 }));
  const accepted = (attempt: Attempt): Settled => ({
    attempt,
    answer: { ok: true, body: { messaging_product: 'whatsapp', messages: [{ id: `wamid.${attempt.attemptToken}` }] } },
    decision: { type: 'accept' },
  });
  const provablyNotSent = (attempt: Attempt): Settled => ({
    attempt,
    answer: { ok: false, failure: notSent('no connection') },
    decision: {
      type: 'put_back',
      delayMs: 0,
      countsAsAttempt: false,
      pause: null,
      failure: notSent('no connection'),
    },
  });
  const settle = (batch: Settled[], of = account): Promise<void> => desk.settle(of, batch, []);

  beforeAll(async () => {
    api = await startTestApp();
    const get = <T>(type: abstract new (...args: never[]) => T): T => api.app.get<T>(type as never, { strict: false });
    desk = new DeliveryDesk(
      api.db,
      leases,
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
    otherAccount = await newAccount('300000000000009');
  });
  afterAll(() => api.close());
  let accounts = 0;
  beforeEach(async () => {
    account = await newAccount(`30000000000010${(accounts += 1)}`);
  });

  it('give nobody twice to a sender that says whom it has in hand', async () => {
    const id = await running(account, 300);
    const lease = await take(account);
    const held = new Map<number, InHand>();
    const ids: number[] = [];
    for (let round = 0; round < 16; round += 1) {
      ids.push(...(await prepare(lease, 20, held)).map((recipient) => recipient.id));
    }
    expect(ids).toHaveLength(300);
    expect(new Set(ids).size).toBe(300);
    expect(await statusesOf(id)).toEqual({ pending: 300 });
  });

  it('are of a person once, under however many numbers the campaign has them', async () => {
    const id = await running(account, 6);
    const lease = await take(account);
    const [first, ...others] = await prepare(lease, 3);
    const held = new Map<number, InHand>([[first?.id as number, first as PreparedRecipient]]);
    // Two that wait turn out to be whom it has in hand; of two others, the person is the same.
    const waiting = await api.db.query<{ id: number; phone: string }>(
      'select id, phone from campaign_recipients where campaign_id = $1 and id > all($2::bigint[]) order by id',
      [id, [first, ...others].map((recipient) => recipient?.id)],
    );
    const learn = (contactId: number | undefined, phones: (string | undefined)[]): Promise<unknown> =>
      api.db.query(
        `insert into contact_identities (contact_id, kind, value)
         select $1, 'phone', phone from unnest($2::text[]) as phone`,
        [contactId, phones],
      );
    await learn(first?.contactId, [waiting[0]?.phone]);
    await learn(others[0]?.contactId, [waiting[1]?.phone]);
    const prepared = await prepare(lease, 10, held);
    expect(prepared.map((recipient) => recipient.id)).toEqual([
      ...others.map((recipient) => recipient.id),
      waiting[2]?.id,
    ]);
    expect(await statusesOf(id)).toEqual({ pending: 4, skipped: 2 });
    // Written to, and then retried for another of the names.
    await desk.mark(account, lease, withTokens(others));
    await api.db.query(`update campaign_recipients set status = 'pending' where id = $1`, [waiting[1]?.id]);
    await prepare(lease, 10, held);
    const reasons = await api.db.query<{ skip_reason: string }>(
      'select skip_reason from campaign_recipients where campaign_id = $1 and id = any($2)',
      [id, [waiting[0]?.id, waiting[1]?.id]],
    );
    expect(reasons.map(({ skip_reason }) => skip_reason)).toEqual(['duplicate', 'duplicate']);
  });

  it('are not marked with the message of a variant that is not theirs any more', async () => {
    const id = await running(account, 2);
    const lease = await take(account);
    const prepared = await prepare(lease, 2);
    await api.db.query(
      `with winner as (
         insert into campaign_variants (account_id, campaign_id, name, template_id) select $1, $2, 'B', template_id
         from campaigns where id = $2 returning id)
       update campaign_recipients set variant_id = winner.id from winner where campaign_recipients.id = $3`,
      [account.id, id, prepared[0]?.id],
    );
    const marked = await desk.mark(account, lease, withTokens(prepared));
    expect(marked.map((attempt) => attempt.id)).toEqual([prepared[1]?.id]);
    expect(await statusesOf(id)).toEqual({ pending: 1, sending: 1 });
  });

  it('are marked once, however often somebody was prepared', async () => {
    const id = await running(account, 100);
    const lease = await take(account);
    const groups = await Promise.all(Array.from({ length: 10 }, () => prepare(lease, 100)));
    const marked = await Promise.all(groups.map((group) => desk.mark(account, lease, withTokens(group))));
    expect(marked.flat()).toHaveLength(100);
    expect(new Set(marked.flat().map((attempt) => attempt.id)).size).toBe(100);
    expect(await statusesOf(id)).toEqual({ sending: 100 });
    const [messages] = await api.db.query<{ n: number }>('select count(*) as n from messages where campaign_id = $1', [
      id,
    ]);
    expect(messages?.n).toBe(100);
  });

  it('of several campaigns of a number take turns', async () => {
    const [a, b] = [await running(account, 50), await running(account, 50)];
    const prepared = await prepare(await take(account), 20);
    expect(prepared.map((recipient) => recipient.campaignId)).toEqual(Array.from({ length: 10 }, () => [a, b]).flat());
  });

  it('of several campaigns give the others what one has no use for', async () => {
    const [a, b] = [await running(account, 50), await running(account, 50)];
    await api.db.query(`update campaign_recipients set not_before = 'infinity' where campaign_id = $1`, [a]);
    const prepared = await prepare(await take(account), 40);
    expect(prepared.map((recipient) => recipient.campaignId)).toEqual(Array.from({ length: 40 }, () => b));
  });

  it('are made under one lease per number: of ten who want it one gets it, and another number is free', async () => {
    const tries = await Promise.all(Array.from({ length: 10 }, () => desk.takeOver(account.id, randomUUID())));
    expect(tries.filter((lease) => lease !== null)).toHaveLength(1);
    expect(await desk.takeOver(account.id, randomUUID())).toBeNull();
    const other = await desk.takeOver(otherAccount.id, randomUUID());
    expect(other).not.toBeNull();
    await desk.leave(other as Lease);
  });

  it('under a lease that is over take nothing, mark nothing and are not renewed', async () => {
    const id = await running(account, 30);
    const lease = await take(account);
    const ours = withTokens(await prepare(lease, 10));
    await expire(account);
    expect(await prepare(lease, 10)).toEqual([]);
    expect(await desk.mark(account, lease, ours)).toEqual([]);
    expect(await desk.renew(lease)).toBe(false);
    expect((await statusesOf(id)).sending).toBeUndefined();
    const [messages] = await api.db.query<{ n: number }>('select count(*) as n from messages where campaign_id = $1', [
      id,
    ]);
    expect(messages?.n).toBe(0);
  });

  it('of a holder that died go back, what it was sending is unknown, and each is sent once more at most', async () => {
    const id = await running(account, 30);
    const first = await take(account);
    const posted = await desk.mark(account, first, withTokens(await prepare(first, 10)));
    await prepare(first, 5);
    expect(await statusesOf(id)).toEqual({ pending: 20, sending: 10 });
    await expire(account);
    const second = await take(account);
    expect(second.epoch).toBe(first.epoch + 1);
    expect(await statusesOf(id)).toEqual({ pending: 20, unknown: 10 });
    const again = await prepare(second, 30);
    expect(again).toHaveLength(20);
    expect(again.filter((recipient) => posted.some((attempt) => attempt.id === recipient.id))).toEqual([]);
    const messages = await api.db.query<{ status: string }>(
      'select distinct status from messages where campaign_id = $1',
      [id],
    );
    expect(messages).toEqual([{ status: 'unknown' }]);
  });

  it('are not disturbed by the holder before, however late it wakes', async () => {
    const id = await running(account, 20);
    const first = await take(account);
    const late = withTokens(await prepare(first, 10));
    await expire(account);
    const second = await take(account);
    const present = await prepare(second, 20);
    expect(present).toHaveLength(20);
    expect(await desk.mark(account, first, late)).toEqual([]);
    await desk.leave(first);
    expect(await statusesOf(id)).toEqual({ pending: 20 });
    expect(await desk.renew(second)).toBe(true);
    expect(await desk.mark(account, second, withTokens(present))).toHaveLength(20);
  });

  it('a late answer still settles, whoever holds the lease', async () => {
    const id = await running(account, 10);
    const first = await take(account);
    const attempts = await desk.mark(account, first, withTokens(await prepare(first, 10)));
    await expire(account);
    await take(account);
    expect(await statusesOf(id)).toEqual({ unknown: 10 });
    await settle([...attempts.slice(0, 4).map(accepted), ...attempts.slice(4, 6).map(provablyNotSent)]);
    expect(await statusesOf(id)).toEqual({ sent: 4, pending: 2, unknown: 4 });
    // Once more changes nothing.
    await settle([...attempts.slice(0, 4).map(accepted), ...attempts.slice(4, 6).map(provablyNotSent)]);
    expect(await statusesOf(id)).toEqual({ sent: 4, pending: 2, unknown: 4 });
  });

  it('an answer that says "not sent" after the campaign has ended fails the recipient: nobody waits in an ended campaign', async () => {
    const id = await running(account, 2);
    const first = await take(account);
    const [late, done] = await desk.mark(account, first, withTokens(await prepare(first, 2)));
    await expire(account);
    const second = await take(account);
    await settle([accepted(done as Attempt)]);
    expect((await desk.prepare(account, second, 10, new Map())).hasWork).toBe(false);
    expect((await campaigns.find(api.db, account.id, id))?.status).toBe('completed');
    await settle([provablyNotSent(late as Attempt)]);
    expect(await statusesOf(id)).toEqual({ sent: 1, failed: 1 });
  });

  it('of a campaign that is paused before they are marked still wait', async () => {
    const id = await running(account, 10);
    const lease = await take(account);
    const ready = withTokens(await prepare(lease, 10));
    await api.db.query(`update campaigns set status = 'paused' where id = $1`, [id]);
    expect(await desk.mark(account, lease, ready)).toEqual([]);
    expect(await statusesOf(id)).toEqual({ pending: 10 });
    await api.db.query(`update campaigns set status = 'running' where id = $1`, [id]);
    expect(await prepare(lease, 10)).toHaveLength(10);
  });

  it('who opted out is skipped when it is their turn, not when the file came', async () => {
    const id = await running(account, 3);
    const [row] = await api.db.query<{ phone: string }>(
      'select phone from campaign_recipients where campaign_id = $1 order by id',
      [id],
    );
    await api.call('POST', '/contacts', { body: { phone: row?.phone, opted_out: true } });
    expect(await prepare(await take(account), 10)).toHaveLength(2);
    expect(await statusesOf(id)).toEqual({ pending: 2, skipped: 1 });
  });

  it('counts stay true, whoever moves what at the same time', async () => {
    const shown = (status: string): string => (status === 'sending' ? 'pending' : status);
    const expected = async (id: number): Promise<object> => {
      const rows = Object.entries(await statusesOf(id));
      const count = (...wanted: string[]): number =>
        rows.filter(([status]) => wanted.includes(shown(status))).reduce((sum, [, n]) => sum + n, 0);
      return {
        total_count: count(...STATUSES),
        pending_count: count('pending'),
        sent_count: count('sent', 'delivered', 'read'),
        delivered_count: count('delivered', 'read'),
        read_count: count('read'),
        failed_count: count('failed'),
        skipped_count: count('skipped'),
        unknown_count: count('unknown'),
      };
    };
    const addsUp = (row: CampaignRow): boolean =>
      row.total_count ===
        row.pending_count + row.sent_count + row.failed_count + row.skipped_count + row.unknown_count &&
      row.read_count <= row.delivered_count &&
      row.delivered_count <= row.sent_count;
    const move = fc.record({
      kind: fc.constantFrom('set', 'set', 'set', 'delete', 'insert', 'fold', 'look'),
      status: fc.constantFrom(...STATUSES),
      from: fc.integer({ min: 0, max: 59 }),
      size: fc.integer({ min: 1, max: 25 }),
      aborts: fc.boolean(),
    });
    let inserted = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(move, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 4 }),
        async (actors) => {
          const id = await running(otherAccount, 60);
          const ids = (
            await api.db.query<{ id: number }>(
              'select id from campaign_recipients where campaign_id = $1 order by id',
              [id],
            )
          ).map((row) => row.id);
          const broken: CampaignRow[] = [];
          const look = async (): Promise<void> => {
            const row = (await campaigns.find(api.db, otherAccount.id, id)) as CampaignRow;
            if (!addsUp(row)) {
              broken.push(row);
            }
          };
          const act = async ({ kind, status, from, size, aborts }: (typeof actors)[number][number]): Promise<void> => {
            const some = ids.slice(from, from + size);
            if (kind === 'look') {
              return look();
            }
            if (kind === 'fold') {
              return void (await campaigns.foldCounts(api.db, size));
            }
            const work = api.db.transaction(async (tx) => {
              if (kind === 'insert') {
                await tx.query(
                  `insert into campaign_recipients (account_id, campaign_id, identity, status)
                 select $1, $2, 'line:' || $3::int || ':' || n, $4 from generate_series(1, $5::int) n`,
                  [otherAccount.id, id, (inserted += 1), status, size],
                );
              } else {
                await tx.query(
                  'select id from campaign_recipients where id = any($1::bigint[]) order by id for update',
                  [some],
                );
                await (kind === 'delete'
                  ? tx.query('delete from campaign_recipients where id = any($1::bigint[])', [some.slice(0, 3)])
                  : tx.query('update campaign_recipients set status = $2 where id = any($1::bigint[])', [
                      some,
                      status,
                    ]));
              }
              if (aborts) {
                throw new Error('changed its mind');
              }
            });
            await (aborts ? work.catch(() => undefined) : work);
          };
          await Promise.all(
            actors.map(async (moves) => {
              for (const each of moves) {
                await act(each);
              }
            }),
          );
          await look();
          expect(broken).toEqual([]);
          expect(await campaigns.find(api.db, otherAccount.id, id)).toMatchObject(await expected(id));
          for (let folded = 1; folded > 0;) {
            folded = await campaigns.foldCounts(api.db, 10);
          }
          expect(await campaigns.find(api.db, otherAccount.id, id)).toMatchObject(await expected(id));
        },
      ),
      { numRuns: 25 },
    );
  });
});
