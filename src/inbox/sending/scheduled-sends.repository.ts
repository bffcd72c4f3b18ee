import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';
import { columnsOf, json } from '../../database/unnest.js';
import type { MessageContent } from '../../meta/api/messages.js';
import type { MessageError } from '../message-status.js';

/** A message whose time has come, locked. */
export interface DueMessage {
  id: number;
  account_id: number;
  contact_id: number;
  message_type: string;
  content: MessageContent;
  reply_to_message_id: string | null;
  media_file_id: number | null;
  media_id: string | null;
  phone: string | null;
  user_id: string | null;
  messages_per_second: number;
  is_account_active: boolean;
  is_expired: boolean;
  /** Free-form, the customer has not written lately enough, and nobody insists. */
  is_window_closed: boolean;
  /** The account has blocked the person, and nobody insists. */
  is_blocked: boolean;
}

/** A message that is due, and by which token its attempt is known. */
export interface ClaimedMessage {
  id: number;
  attemptToken: string;
}

/** How many of the longest due are looked at: enough that one account's backlog does not hide the others'. */
const HORIZON = 5_000;

@Injectable()
export class ScheduledSendsRepository {
  /** Whether {@link lockDue} may find any: mostly there is none, and to say so costs a hundredth of it. */
  async hasDue(q: Queryable, busy: readonly number[]): Promise<boolean> {
    const rows = await q.query(
      'select 1 from messages where due_at <= now() and account_id <> all($1::bigint[]) order by due_at limit 1',
      [busy],
    );
    return rows.length > 0;
  }

  /**
   * Locks messages that are due, the longest first. What another worker has locked is passed over.
   * @param busy accounts that have sent enough for the moment
   * @param windowHours how long after a customer's message free-form messages may be sent
   */
  async lockDue(tx: Tx, limit: number, busy: readonly number[], windowHours: number): Promise<DueMessage[]> {
    return tx.query<DueMessage>(
      `with due as (
         select id, due_at, row_number() over (partition by account_id order by due_at, id) as place
         from (select id, account_id, due_at from messages
               where due_at <= now() and account_id <> all($2::bigint[])
               order by due_at limit ${HORIZON}) longest
       )
       select m.id, m.account_id, m.contact_id, m.message_type, m.content, m.reply_to_message_id, m.media_file_id, m.media_id,
         k.phone, a.messages_per_second, a.is_active and a.deleted_at is null as is_account_active,
         coalesce(m.valid_until <= now(), false) as is_expired,
         not s.is_forced and coalesce(b.is_blocked, false) as is_blocked,
         m.message_type <> 'template' and not s.is_forced
           and coalesce(c.last_inbound_at + make_interval(hours => $3) <= now(), true) as is_window_closed,
         (select i.value from contact_identities i
          where i.contact_id = m.contact_id and i.kind = 'user_id'
            and i.scope = coalesce(a.portfolio_id, a.waba_id, a.phone_number_id)
          order by i.id desc limit 1) as user_id
       from due
       join messages m on m.id = due.id
       join accounts a on a.id = m.account_id
       join contacts k on k.id = m.contact_id
       join conversations c on c.id = m.conversation_id
       left join contact_accounts b on b.account_id = m.account_id and b.contact_id = m.contact_id
       cross join lateral (select coalesce((m.context->>'force')::boolean, false) as is_forced) s
       -- A tenth of a second's worth of each number at once.
       where due.place <= greatest(1, a.messages_per_second / 10) and m.status = 'scheduled' and m.due_at <= now()
       order by due.due_at, m.id limit $1
       for no key update of m skip locked`,
      [limit, busy, windowHours],
    );
  }

  /**
   * They are on their way from here on, each with a token of its own; why they had to wait is history. Their place in the
   * thread is where they are sent.
   */
  async markPending(tx: Tx, messages: readonly ClaimedMessage[]): Promise<void> {
    await tx.query(
      `update messages m set status = 'pending', attempt_token = u.token, awaiting_since = now(), due_at = null,
         error = null, timestamp = now(), updated_at = now()
       from unnest($1::bigint[], $2::uuid[]) as u (id, token) where m.id = u.id`,
      columnsOf(
        messages,
        (message) => message.id,
        (message) => message.attemptToken,
      ),
    );
  }

  async markExpired(tx: Tx, ids: readonly number[]): Promise<void> {
    await tx.query(
      `update messages set status = 'expired', due_at = null, updated_at = now() where id = any($1::bigint[])`,
      [ids],
    );
  }

  async postpone(tx: Tx, ids: readonly number[], delayS: number): Promise<void> {
    await tx.query(
      `update messages set due_at = least(now() + make_interval(secs => $2), valid_until), updated_at = now()
       where id = any($1::bigint[])`,
      [ids, delayS],
    );
  }

  /** Whoever cancels and whoever sends meet in the row: one of them finds it `scheduled`. @returns whether it was us */
  async cancel(tx: Tx, accountId: number, id: number): Promise<boolean> {
    const rows = await tx.query(
      `update messages set status = 'cancelled', due_at = null, updated_at = now()
       where account_id = $1 and id = $2 and status = 'scheduled' returning id`,
      [accountId, id],
    );
    return rows.length > 0;
  }

  /**
   * Provably not sent: waits again, the longer the longer it has waited, or is too old by then. The error says why.
   * @param minDelayS at least so long
   * @param jitter what was refused together does not come back together
   * @returns its id and whether it is too old, or null when it is no longer this attempt's
   */
  async putBack(
    tx: Tx,
    attemptToken: string,
    { minDelayS, jitter, error }: { minDelayS: number; jitter: number; error: MessageError | null },
  ): Promise<{ id: number; isExpired: boolean } | null> {
    const [row] = await tx.query<{ id: number; status: string }>(
      `update messages m set
         status = case when u.again_at < m.valid_until then 'scheduled' else 'expired' end,
         due_at = case when u.again_at < m.valid_until then u.again_at end,
         error = coalesce($4::jsonb, m.error), awaiting_since = null, updated_at = now()
       from (
         select id, now() + make_interval(secs => $3 * greatest($2, least(300, extract(epoch from now() - send_at)))) as again_at
         from messages where attempt_token = $1) u
       where m.id = u.id and m.attempt_token = $1 and m.status = 'pending'
       returning m.id, m.status`,
      [attemptToken, minDelayS, jitter, json(error)],
    );
    return row ? { id: row.id, isExpired: row.status === 'expired' } : null;
  }
}
