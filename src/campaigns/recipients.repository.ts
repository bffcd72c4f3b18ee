import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../common/phone-number.js';
import { identitiesLeftInPeace } from '../contacts/left-in-peace.js';
import type { AccountScope } from '../contacts/person.js';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type { FoldedMessage, RecipientAttempt } from '../inbox/deliveries.service.js';
import type { Lease } from './sending/leases.repository.js';

/** A recipient that may be sent to now. */
export interface WaitingRecipient {
  id: number;
  campaignId: number;
  phone: PhoneNumber | null;
  userId: string | null;
  name: string;
  parameters: Record<string, string>;
  /** Attempts before this one. */
  attempt: number;
  /** Of a split campaign. */
  variantId: number | null;
}

/** A recipient that is about to be sent to. */
export interface MarkedRecipient {
  id: number;
  attemptToken: string;
  contactId: number;
  /** Whose message it has. */
  variantId: number | null;
}

/** A recipient that goes back to pending: provably not sent. */
export interface ReturnedRecipient {
  id: number;
  attemptToken: string;
  delayMs: number;
  /** False when the refusal says nothing of this recipient (throttled): it costs no attempt. */
  countsAsAttempt: boolean;
}

/** A recipient that gets no message: skipped with a reason, or failed without asking Meta. */
export interface Rejection {
  id: number;
  skipReason: string | null;
  errorMessage: string | null;
}

/** A line of a file. */
export interface AudienceLine {
  line: number;
  identity: string;
  phone: string | null;
  userId?: string | null;
  name: string;
  parameters: Record<string, string>;
  skipReason: string | null;
}

/** Alive, and still this holder's, by the database's clock: part of every statement that takes something. */
const HOLDS_LEASE = `exists (
  select 1 from sending_leases l
  where l.account_id = $1 and l.epoch = $2 and not l.is_released and l.expires_at > now())`;

/** A hash without its sign. */
const POSITIVE = '9223372036854775807';

/**
 * A recipient waits again; its earlier messages stay, and `retry_count` says that there are some. Whatever puts recipients
 * back for another message says it with this.
 */
export const WAITS_AGAIN = `status = 'pending', retry_count = least(retry_count + 1, 32767), attempt_token = null,
  claim_epoch = null, message_id = null, sent_at = null, error_code = null, error_message = null, not_before = '-infinity',
  unknown_at = null`;

/** Nobody waits for what became of it any more. It keeps `unknown_at`, for it may have arrived: it is never tried again. */
export const GIVEN_UP = `status = 'failed', error_message = 'The outcome is not known; given up'`;

/**
 * Of a recipient `r` that is found by its id. Not by the phase: on tables that have just grown PostgreSQL takes the index of
 * all that wait for the shorter way (measured: 59 ms for 25 of 8,000).
 */
const STILL_WAITS = `r.status = 'pending'`;

const WRITTEN_TO = `('sending', 'sent', 'delivered', 'read', 'unknown')`;

/** Of a campaign `c`: it runs, and its time is not over. */
const MAY_SEND = `c.status = 'running' and (c.expires_at is null or c.expires_at > now())`;

@Injectable()
export class RecipientsRepository {
  /**
   * Those who are next, if the campaign runs and the lease is alive. Taking them needs no mark of its own: a number has one
   * sender, which says whom it has in hand already, and {@link markSending} takes only those who still wait.
   */
  async findWaiting(
    q: Queryable,
    lease: Lease,
    campaignId: number,
    limit: number,
    heldIds: readonly number[],
  ): Promise<WaitingRecipient[]> {
    const rows = await q.query<{
      id: number;
      phone: PhoneNumber | null;
      user_id: string | null;
      name: string;
      parameters: Record<string, string>;
      attempt: number;
      variant_id: number | null;
    }>(
      `select r.id, r.phone, r.user_id, r.name, r.parameters, r.attempt, r.variant_id
       from campaign_recipients r
       where r.campaign_id = $3 and r.phase = 0 and r.not_before <= now() and r.id <> all($5::bigint[])
         and exists (select 1 from campaigns c where c.id = $3 and c.account_id = $1 and ${MAY_SEND})
         and ${HOLDS_LEASE}
       order by r.not_before, r.id limit $4`,
      [lease.accountId, lease.epoch, campaignId, limit, heldIds],
    );
    return rows.map(({ user_id, variant_id, ...row }) => ({
      ...row,
      userId: user_id,
      variantId: variant_id,
      campaignId,
    }));
  }

  /**
   * Says, durably, that these are about to be sent: whoever finds them later and no answer knows that they may have been.
   * Rows that are not ours to send (the lease was lost, the campaign paused or expired, the person erased) are left out, and
   * those that have another variant by now: their message is that of the loser of a trial.
   * @returns the ids that may be sent
   */
  async markSending(tx: Tx, lease: Lease, recipients: readonly MarkedRecipient[]): Promise<Set<number>> {
    const rows = await tx.query<{ id: number }>(
      `update campaign_recipients r
       set status = 'sending', attempt = r.attempt + 1, attempt_token = u.token, contact_id = u.contact_id, claim_epoch = $2
       from unnest($3::bigint[], $4::uuid[], $5::bigint[], $6::bigint[]) as u (id, token, contact_id, variant_id)
       where r.id = u.id and ${STILL_WAITS} and r.variant_id is not distinct from u.variant_id
         and (select ${MAY_SEND} from campaigns c where c.id = r.campaign_id)
         and ${HOLDS_LEASE}
       returning r.id`,
      [
        lease.accountId,
        lease.epoch,
        ...columnsOf(
          recipients,
          (recipient) => recipient.id,
          (recipient) => recipient.attemptToken,
          (recipient) => recipient.contactId,
          (recipient) => recipient.variantId,
        ),
      ],
    );
    return new Set(rows.map((row) => row.id));
  }

  /**
   * Provably not sent: pending again, not before the given delay. Also those that another holder took for unknown
   * meanwhile: who knows that the request was never written, knows more. A campaign that has ended without them is not
   * begun again: there they have failed, and may be retried.
   */
  async putBack(tx: Tx, recipients: readonly ReturnedRecipient[]): Promise<void> {
    await tx.query(
      `update campaign_recipients r
       set status = case when c.status in ('completed', 'failed') then 'failed' else 'pending' end,
         error_message = case when c.status in ('completed', 'failed') then 'Not sent: the campaign had ended' end,
         attempt_token = null, claim_epoch = null, unknown_at = null,
         attempt = r.attempt - case when u.counts then 0 else 1 end,
         not_before = now() + make_interval(secs => u.delay_ms / 1000.0)
       from unnest($1::bigint[], $2::uuid[], $3::float8[], $4::boolean[]) as u (id, token, delay_ms, counts)
         join campaign_recipients o on o.id = u.id join campaigns c on c.id = o.campaign_id
       where r.id = u.id and r.attempt_token = u.token and r.status in ('sending', 'unknown')`,
      columnsOf(
        recipients,
        (recipient) => recipient.id,
        (recipient) => recipient.attemptToken,
        (recipient) => recipient.delayMs,
        (recipient) => recipient.countsAsAttempt,
      ),
    );
  }

  /** Of these people, those to whom the campaign has written under another name of theirs, or may have. */
  async findWrittenTo(q: Queryable, campaignId: number, contactIds: readonly number[]): Promise<Set<number>> {
    const rows = await q.query<{ contact_id: number }>(
      `select contact_id from campaign_recipients
       where contact_id = any($2::bigint[]) and campaign_id = $1 and (status in ${WRITTEN_TO} or unknown_at is not null)`,
      [campaignId, contactIds],
    );
    return new Set(rows.map((row) => row.contact_id));
  }

  /** They wait until then. */
  async defer(tx: Tx, recipients: readonly { id: number; until: Date }[]): Promise<void> {
    if (recipients.length === 0) {
      return;
    }
    await tx.query(
      `update campaign_recipients r set not_before = u.until
       from unnest($1::bigint[], $2::timestamptz[]) as u (id, until) where r.id = u.id and ${STILL_WAITS}`,
      columnsOf(
        recipients,
        (recipient) => recipient.id,
        (recipient) => recipient.until,
      ),
    );
  }

  /**
   * Those who were put off before they were tried are looked at again: what they wait for may be over. Who is still to wait is
   * put off once more.
   * @returns how many, at most `limit`
   */
  async wake(q: Queryable, campaignId: number, limit: number): Promise<number> {
    const rows = await q.query(
      `update campaign_recipients r set not_before = now()
       from (select id from campaign_recipients
         where campaign_id = $1 and phase = 0 and not_before > now() and not_before < 'infinity' and attempt = 0
         order by not_before, id limit $2 for update skip locked) asleep
       where r.id = asleep.id returning r.id`,
      [campaignId, limit],
    );
    return rows.length;
  }

  /** Those who still wait get no message. */
  async reject(tx: Tx, recipients: readonly Rejection[]): Promise<void> {
    if (recipients.length === 0) {
      return;
    }
    await tx.query(
      `update campaign_recipients r
       set status = case when u.skip_reason is null then 'failed' else 'skipped' end, skip_reason = u.skip_reason,
         error_message = u.error_message
       from unnest($1::bigint[], $2::text[], $3::text[]) as u (id, skip_reason, error_message)
       where r.id = u.id and ${STILL_WAITS}`,
      columnsOf(
        recipients,
        (recipient) => recipient.id,
        (recipient) => recipient.skipReason,
        (recipient) => recipient.errorMessage,
      ),
    );
  }

  /**
   * What the holders before this lease were sending: it may have been sent, and becomes `unknown`.
   * @returns the attempts whose outcome is not known, whose they are, and their campaigns
   */
  async recover(tx: Tx, lease: Lease): Promise<(RecipientAttempt & { attemptToken: string; campaignId: number })[]> {
    const rows = await tx.query<{ id: number; contact_id: number; attempt_token: string; campaign_id: number }>(
      `update campaign_recipients set status = 'unknown', claim_epoch = null, unknown_at = now()
       where account_id = $1 and phase = 1 and claim_epoch < $2
       returning id, contact_id, attempt_token, campaign_id`,
      [lease.accountId, lease.epoch],
    );
    return rows.map((row) => ({
      accountId: lease.accountId,
      contactId: row.contact_id,
      campaignRecipientId: row.id,
      attemptToken: row.attempt_token,
      campaignId: row.campaign_id,
    }));
  }

  /** Nothing goes out after a campaign's time: who still waits is skipped. @returns how many, at most `limit` */
  async expire(q: Queryable, campaignId: number, limit: number): Promise<number> {
    const rows = await q.query(
      `update campaign_recipients r set status = 'skipped', skip_reason = 'expired'
       from (select id from campaign_recipients where campaign_id = $1 and phase = 0
         order by not_before, id limit $2 for update skip locked) late
       where r.id = late.id returning r.id`,
      [campaignId, limit],
    );
    return rows.length;
  }

  /** Those who were held for the winner get it. @returns how many, at most `limit` */
  async release(q: Queryable, campaignId: number, variantId: number, limit: number): Promise<number> {
    const rows = await q.query(
      `update campaign_recipients r set variant_id = $2, not_before = '-infinity'
       from (select id from campaign_recipients where campaign_id = $1 and phase = 0 and not_before = 'infinity'
         order by id limit $3 for update skip locked) held
       where r.id = held.id returning r.id`,
      [campaignId, variantId, limit],
    );
    return rows.length;
  }

  /** Who waits for the message of another variant gets that of the winner too: the others are not needed any more. */
  async giveWinner(tx: Tx, campaignId: number, variantId: number): Promise<void> {
    await tx.query(
      `update campaign_recipients r set variant_id = $2
       from (select id from campaign_recipients
         where campaign_id = $1 and phase = 0 and not_before < 'infinity' and variant_id <> $2
         order by id for update skip locked) waiting
       where r.id = waiting.id`,
      [campaignId, variantId],
    );
  }

  /**
   * Those who failed wait again. Not those who are erased, not those who stopped marketing in WhatsApp (131050), not those of
   * whom Meta said "not now" and meant today as well (131049), and not those who were given up: nobody knows that they were
   * not reached.
   * @returns how many
   */
  async retryFailed(tx: Tx, campaignId: number): Promise<number> {
    const rows = await tx.query(
      `update campaign_recipients r
       set attempt = 0, ${WAITS_AGAIN}
       where campaign_id = $1 and phase = 3 and status = 'failed' and unknown_at is null
         and identity not like 'erased:%' and error_code is distinct from 131050
         and not (error_code is not distinct from 131049 and exists (
           select 1 from contact_cooldowns c
           where c.account_id = r.account_id and c.contact_id = r.contact_id and c.until > now()))
       returning id`,
      [campaignId],
    );
    return rows.length;
  }

  /** Those whose outcome is not known wait again. @returns how many */
  async resendUnknown(tx: Tx, campaignId: number): Promise<number> {
    const rows = await tx.query(
      `update campaign_recipients set attempt = 0, ${WAITS_AGAIN}
       where campaign_id = $1 and phase = 3 and status = 'unknown' and identity not like 'erased:%'
       returning id`,
      [campaignId],
    );
    return rows.length;
  }

  /** Those whose outcome is not known are given up; evidence that comes later still counts. @returns how many */
  async dropUnknown(tx: Tx, campaignId: number): Promise<number> {
    const rows = await tx.query(
      `update campaign_recipients set ${GIVEN_UP}
       where campaign_id = $1 and phase = 3 and status = 'unknown'
       returning id`,
      [campaignId],
    );
    return rows.length;
  }

  /**
   * Gives waiting recipients their variant, by weight; of a trial, those beyond its share are held for the winner. A
   * recipient's variant follows from its id, so that doing this again changes nothing.
   * @param afterId only those that were brought in behind this one
   */
  async split(tx: Tx, campaignId: number, afterId = 0): Promise<void> {
    await tx.query(
      `with v as (
         select id, sum(weight) over (order by id) - weight as over, sum(weight) over (order by id) as upto,
           sum(weight) over () as total
         from campaign_variants where campaign_id = $1
       ), drawn as (
         select r.id, hashint8extended(r.id, 1) & ${POSITIVE} as trial, hashint8extended(r.id, 2) & ${POSITIVE} as turn
         from campaign_recipients r
         where r.campaign_id = $1 and r.id > $2 and r.phase = 0 and r.variant_id is null and r.not_before < 'infinity'
           and exists (select 1 from v)
       ), given as (
         select d.id, c.winner_variant_id as winner, v.id as variant_id,
           d.trial % 10000 < coalesce((c.ab_test ->> 'share')::int, 100) * 100 as is_tried
         from drawn d join campaigns c on c.id = $1 join v on d.turn % v.total >= v.over and d.turn % v.total < v.upto
       )
       update campaign_recipients r
       set variant_id = coalesce(g.winner, case when g.is_tried then g.variant_id end),
         not_before = case when g.winner is null and not g.is_tried then 'infinity' else r.not_before end
       from given g where r.id = g.id`,
      [campaignId, afterId],
    );
  }

  /**
   * Follows the messages: a recipient's status is that of its attempt. What an earlier attempt turns out to have reached
   * counts as long as no later one has: a person who was reached is not tried again.
   * @returns those of them who have messages of earlier attempts
   */
  async follow(tx: Tx, messages: readonly FoldedMessage[]): Promise<Set<number>> {
    const sorted = [...messages].sort((a, b) => (a.campaignRecipientId ?? 0) - (b.campaignRecipientId ?? 0));
    const retried = await tx.query<{ id: number }>(
      `with u as (
         select * from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
             $7::int[], $8::text[], $9::uuid[])
           as u (id, status, wamid, sent_at, delivered_at, read_at, error_code, error_message, token)
       ), locked as (
         select r.id, r.status, r.attempt_token, r.retry_count from campaign_recipients r
         where r.id = any($1::bigint[]) order by r.id for no key update
       ), picked as (
         select distinct on (u.id) u.*, l.status = 'sending' as was_sending
         from u join locked l on l.id = u.id
         where u.token = l.attempt_token
           or (u.status in ('sent', 'delivered', 'read') and l.status in ('pending', 'failed', 'unknown', 'skipped'))
         order by u.id, u.token is not distinct from l.attempt_token desc, u.read_at, u.delivered_at, u.sent_at
       ), followed as (
       update campaign_recipients r
       set status = p.status, message_id = p.wamid, sent_at = p.sent_at, delivered_at = p.delivered_at, read_at = p.read_at,
         error_code = case when p.status = 'failed' then p.error_code end,
         error_message = case when p.status = 'failed' then p.error_message end,
         attempt_token = p.token, claim_epoch = null, skip_reason = null,
         unknown_at = case when p.status = 'unknown' then coalesce(r.unknown_at, now()) end,
         -- Somebody who writes while we wait for Meta's refusal answers something else.
         replied_at = case when p.status = 'failed' and p.was_sending then null else r.replied_at end
       from picked p where r.id = p.id)
       select id from locked where retry_count > 0`,
      columnsOf(
        sorted,
        (message) => message.campaignRecipientId,
        (message) => message.status,
        (message) => message.wamid,
        (message) => message.sentAt,
        (message) => message.deliveredAt,
        (message) => message.readAt,
        (message) => message.error?.code ?? null,
        (message) => message.error && `${message.error.title}: ${message.error.details}`,
        (message) => message.attemptToken,
      ),
    );
    return new Set(retried.map((row) => row.id));
  }

  /** Those of them who have messages of earlier attempts. */
  async findRetried(tx: Tx, ids: readonly number[]): Promise<Set<number>> {
    const rows = await tx.query<{ id: number }>(
      'select id from campaign_recipients where id = any($1::bigint[]) and retry_count > 0',
      [ids],
    );
    return new Set(rows.map((row) => row.id));
  }

  /** @returns the lines that are new people; the others are duplicates of rows that are there */
  async insertLines(
    tx: Tx,
    accountId: number,
    campaignId: number,
    lines: readonly AudienceLine[],
  ): Promise<Set<number>> {
    const rows = await tx.query<{ line: number }>(
      `insert into campaign_recipients
         (account_id, campaign_id, line, identity, phone, user_id, name, parameters, skip_reason, status)
       select $1, $2, u.line, u.identity, u.phone, u.user_id, u.name, u.parameters, u.skip_reason,
         case when u.skip_reason is null then 'pending' else 'skipped' end
       from unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::text[])
         as u (line, identity, phone, user_id, name, parameters, skip_reason)
       order by u.line
       on conflict (campaign_id, identity) do nothing
       returning line`,
      [
        accountId,
        campaignId,
        ...columnsOf(
          lines,
          (line) => line.line,
          (line) => line.identity,
          (line) => line.phone,
          (line) => line.userId ?? null,
          (line) => line.name,
          (line) => json(line.parameters),
          (line) => line.skipReason,
        ),
      ],
    );
    return new Set(rows.map((row) => row.line));
  }

  async clear(tx: Tx, campaignId: number): Promise<void> {
    await tx.query('delete from campaign_recipients where campaign_id = $1', [campaignId]);
  }

  /** People who opted out, or whom the account has blocked, since the file came are left in peace. */
  async skipLeftInPeace(tx: Tx, account: AccountScope, campaignId: number): Promise<void> {
    // Both sides may have grown by thousands since PostgreSQL last counted them: taken for one row each they are joined by a
    // loop in a loop (measured: 16 s for 8,000 recipients). A hash join is linear whatever they hold.
    await tx.query(`select set_config('enable_nestloop', 'off', true)`);
    await tx.query(
      `update campaign_recipients r set status = 'skipped', skip_reason = l.reason
       from (${identitiesLeftInPeace('$2::bigint', '$3::text')}) l
       where r.campaign_id = $1 and r.phase = 0 and r.identity = l.identity`,
      [campaignId, account.id, account.portfolio],
    );
    await tx.query(`select set_config('enable_nestloop', 'on', true)`);
  }

  /** When the next of those who wait may go, and whether any are held for a winner. */
  async nextWaiting(q: Queryable, campaignId: number): Promise<{ next: Date | null; isHeld: boolean }> {
    const [row] = await q.query<{ next: Date | null; is_held: boolean }>(
      `select (select min(not_before) from campaign_recipients
           where campaign_id = $1 and phase = 0 and not_before > now() and not_before < 'infinity') as next,
         exists (select 1 from campaign_recipients where campaign_id = $1 and phase = 0 and not_before = 'infinity') as is_held`,
      [campaignId],
    );
    return { next: row?.next ?? null, isHeld: row?.is_held ?? false };
  }

  async hasPending(q: Queryable, campaignId: number): Promise<boolean> {
    const rows = await q.query(`select 1 from campaign_recipients where campaign_id = $1 and phase = 0 limit 1`, [
      campaignId,
    ]);
    return rows.length > 0;
  }
}
