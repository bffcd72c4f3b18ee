import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../common/phone-number.js';
import { OPTED_OUT_PHONES } from '../contacts/opted-out.js';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type { FoldedMessage } from '../inbox/deliveries.service.js';
import { storedStatuses, type RecipientStatus, type StoredRecipientStatus } from './campaign-status.js';
import type { Lease } from './sending/leases.repository.js';

/** A recipient that is ours to send to. */
export interface ClaimedRecipient {
  id: number;
  campaignId: number;
  phone: PhoneNumber | null;
  userId: string | null;
  name: string;
  parameters: Record<string, string>;
  /** Attempts before this one. */
  attempt: number;
}

/** A recipient that is about to be sent to. */
export interface MarkedRecipient {
  id: number;
  attemptToken: string;
  contactId: number;
}

/** A recipient that goes back to pending: provably not sent. */
export interface ReturnedRecipient {
  id: number;
  attemptToken: string;
  delayMs: number;
  /** False when the refusal says nothing of this recipient (throttled): it costs no attempt. */
  countsAsAttempt: boolean;
}

/** A line of a file. */
export interface AudienceLine {
  line: number;
  identity: string;
  phone: string | null;
  name: string;
  parameters: Record<string, string>;
  skipReason: string | null;
}

export interface RecipientRow {
  id: number;
  line: number | null;
  phone: string | null;
  user_id: string | null;
  contact_id: number | null;
  name: string;
  parameters: Record<string, string>;
  status: StoredRecipientStatus;
  skip_reason: string | null;
  error_code: number | null;
  error_message: string | null;
  attempt: number;
  message_id: string | null;
  sent_at: Date | null;
  delivered_at: Date | null;
  read_at: Date | null;
}

/** Alive, and still this holder's, by the database's clock: part of every statement that takes something. */
const HOLDS_LEASE = `exists (
  select 1 from sending_leases l
  where l.account_id = $1 and l.epoch = $2 and not l.is_released and l.expires_at > now())`;

@Injectable()
export class RecipientsRepository {
  /** Takes pending recipients of one campaign, if it runs and the lease is alive; two claims never get the same row. */
  async claim(tx: Tx, lease: Lease, campaignId: number, limit: number): Promise<ClaimedRecipient[]> {
    const rows = await tx.query<{
      id: number;
      phone: PhoneNumber | null;
      user_id: string | null;
      name: string;
      parameters: Record<string, string>;
      attempt: number;
    }>(
      `with picked as (
         select r.id from campaign_recipients r
         where r.campaign_id = $3 and r.status = 'pending' and r.not_before <= now()
           and exists (select 1 from campaigns c where c.id = $3 and c.account_id = $1 and c.status = 'running')
           and ${HOLDS_LEASE}
         order by r.id limit $4
         for update of r skip locked)
       update campaign_recipients r set status = 'claimed', claim_epoch = $2
       from picked where r.id = picked.id
       returning r.id, r.phone, r.user_id, r.name, r.parameters, r.attempt`,
      [lease.accountId, lease.epoch, campaignId, limit],
    );
    return rows.map(({ user_id, ...row }) => ({ ...row, userId: user_id, campaignId })).sort((a, b) => a.id - b.id);
  }

  /**
   * Says, durably, that these are about to be sent: whoever finds them later and no answer knows that they may have been.
   * Rows that are no longer ours (the lease was lost, the campaign paused) are left out.
   * @returns the ids that may be sent
   */
  async markSending(tx: Tx, lease: Lease, recipients: readonly MarkedRecipient[]): Promise<Set<number>> {
    const rows = await tx.query<{ id: number }>(
      `update campaign_recipients r
       set status = 'sending', attempt = r.attempt + 1, attempt_token = u.token, contact_id = u.contact_id
       from unnest($3::bigint[], $4::uuid[], $5::bigint[]) as u (id, token, contact_id)
       where r.id = u.id and r.status = 'claimed' and r.claim_epoch = $2
         and exists (select 1 from campaigns c where c.id = r.campaign_id and c.status = 'running')
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
         attempt_token = null, claim_epoch = null,
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

  /** Claimed and never marked: pending again. */
  async unclaim(q: Queryable, lease: Lease, ids: readonly number[]): Promise<void> {
    await q.query(
      `update campaign_recipients set status = 'pending', claim_epoch = null
       where id = any($1::bigint[]) and status = 'claimed' and claim_epoch = $2`,
      [ids, lease.epoch],
    );
  }

  /** Claimed, and nobody may or can be messaged: skipped or failed without asking Meta. */
  async reject(
    tx: Tx,
    lease: Lease,
    recipients: readonly { id: number; skipReason: string | null; errorMessage: string | null }[],
  ): Promise<void> {
    await tx.query(
      `update campaign_recipients r
       set status = case when u.skip_reason is null then 'failed' else 'skipped' end, claim_epoch = null,
         skip_reason = u.skip_reason, error_message = u.error_message
       from unnest($1::bigint[], $2::text[], $3::text[]) as u (id, skip_reason, error_message)
       where r.id = u.id and r.status = 'claimed' and r.claim_epoch = $4`,
      [
        ...columnsOf(
          recipients,
          (recipient) => recipient.id,
          (recipient) => recipient.skipReason,
          (recipient) => recipient.errorMessage,
        ),
        lease.epoch,
      ],
    );
  }

  /**
   * What the holders before this lease left behind: claimed were never posted and go back; sending may have been, and
   * become `unknown`.
   * @returns the attempts whose outcome is not known
   */
  async recover(tx: Tx, lease: Lease): Promise<string[]> {
    await tx.query(
      `update campaign_recipients set status = 'pending', claim_epoch = null
       where account_id = $1 and status = 'claimed' and claim_epoch < $2`,
      [lease.accountId, lease.epoch],
    );
    const rows = await tx.query<{ attempt_token: string }>(
      `update campaign_recipients set status = 'unknown', claim_epoch = null
       where account_id = $1 and status = 'sending' and claim_epoch < $2
       returning attempt_token`,
      [lease.accountId, lease.epoch],
    );
    return rows.map((row) => row.attempt_token);
  }

  /** Follows the messages: a recipient's status is its message's. */
  async follow(tx: Tx, messages: readonly FoldedMessage[]): Promise<void> {
    const sorted = [...messages].sort((a, b) => (a.campaignRecipientId ?? 0) - (b.campaignRecipientId ?? 0));
    await tx.query(
      `with u as (
         select * from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::int[], $8::text[])
           as u (id, status, wamid, sent_at, delivered_at, read_at, error_code, error_message)
       ), locked as (
         select r.id from campaign_recipients r join u on u.id = r.id order by r.id for no key update of r
       )
       update campaign_recipients r
       set status = u.status, message_id = u.wamid, sent_at = u.sent_at, delivered_at = u.delivered_at, read_at = u.read_at,
         error_code = u.error_code, error_message = u.error_message, claim_epoch = null
       from u join locked on locked.id = u.id
       where r.id = u.id`,
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
      ),
    );
  }

  /** @returns the lines that are new people; the others are duplicates of rows that are there */
  async insertLines(
    tx: Tx,
    accountId: number,
    campaignId: number,
    lines: readonly AudienceLine[],
  ): Promise<Set<number>> {
    const rows = await tx.query<{ line: number }>(
      `insert into campaign_recipients (account_id, campaign_id, line, identity, phone, name, parameters, skip_reason, status)
       select $1, $2, u.line, u.identity, u.phone, u.name, u.parameters, u.skip_reason,
         case when u.skip_reason is null then 'pending' else 'skipped' end
       from unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[])
         as u (line, identity, phone, name, parameters, skip_reason)
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

  /** @param audience a query of `contact_id, phone, user_id, name, email, opted_out`, its parameters numbered from 3 */
  async insertAudience(
    tx: Tx,
    accountId: number,
    campaignId: number,
    audience: { sql: string; values: readonly unknown[] },
  ): Promise<void> {
    await tx.queryDynamic(
      `insert into campaign_recipients (account_id, campaign_id, identity, contact_id, phone, user_id, name, parameters, status, skip_reason)
       select $1, $2, coalesce('phone:' || a.phone, 'user:' || a.user_id), a.contact_id, a.phone, a.user_id, a.name,
         jsonb_build_object('name', a.name, 'phone', coalesce(a.phone, ''), 'email', a.email),
         case when a.opted_out then 'skipped' else 'pending' end,
         case when a.opted_out then 'opted_out' end
       from (${audience.sql}) a
       where a.phone is not null or a.user_id is not null
       on conflict (campaign_id, identity) do nothing`,
      [accountId, campaignId, ...audience.values],
    );
  }

  /** People who opted out since the file came are left in peace. */
  async skipOptedOut(tx: Tx, campaignId: number): Promise<void> {
    // Both sides may have grown by thousands since PostgreSQL last counted them: taken for one row each they are joined by a
    // loop in a loop (measured: 16 s for 8,000 recipients). A hash join is linear whatever they hold.
    await tx.query(`select set_config('enable_nestloop', 'off', true)`);
    await tx.query(
      `update campaign_recipients r set status = 'skipped', skip_reason = 'opted_out'
       from (${OPTED_OUT_PHONES}) o
       where r.campaign_id = $1 and r.status = 'pending' and r.identity = 'phone:' || o.phone`,
      [campaignId],
    );
    await tx.query(`select set_config('enable_nestloop', 'on', true)`);
  }

  async hasPending(q: Queryable, campaignId: number): Promise<boolean> {
    const rows = await q.query(
      `select 1 from campaign_recipients where campaign_id = $1 and status = 'pending' limit 1`,
      [campaignId],
    );
    return rows.length > 0;
  }

  async list(
    q: Queryable,
    filter: {
      campaignId: number;
      status?: RecipientStatus | undefined;
      q?: string | undefined;
      afterId: number | null;
      limit: number;
    },
  ): Promise<RecipientRow[]> {
    const values: unknown[] = [filter.campaignId, filter.limit];
    const where = ['campaign_id = $1'];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    if (filter.status) {
      where.push(`status = any(${bind(storedStatuses(filter.status))}::text[])`);
    }
    if (filter.q) {
      const pattern = bind(containing(filter.q));
      where.push(`(phone like ${pattern} or name ilike ${pattern})`);
    }
    if (filter.afterId !== null) {
      where.push(`id > ${bind(filter.afterId)}`);
    }
    return q.queryDynamic<RecipientRow>(
      `select id, line, phone, user_id, contact_id, name, parameters, status, skip_reason, error_code, error_message, attempt,
              message_id, sent_at, delivered_at, read_at
       from campaign_recipients where ${where.join(' and ')} order by id limit $2`,
      values,
    );
  }
}
