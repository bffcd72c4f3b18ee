import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';

export interface BlockedUserRow {
  id: number;
  contactId: number;
  phoneNumber: string | null;
  waId: string;
  userId: string | null;
  isActive: boolean;
  blockedAt: Date;
  blockedBy: string;
  reason: string;
  unblockedAt: Date | null;
  unblockedBy: string;
  metaError: string;
  createdAt: Date;
  updatedAt: Date;
}

export interface BlockEventRow {
  action: string;
  source: string;
  actor: string;
  reason: string;
  error: Record<string, unknown> | null;
  at: Date;
}

/** Somebody of whom a row is written; each contact at most once in a batch. */
export interface BlockedPerson {
  contactId: number;
  phone: string | null;
  /** Empty when Meta did not say. */
  waId: string;
  userId: string | null;
}

/** Somebody whom Meta refused. */
export interface RefusedPerson extends BlockedPerson {
  /** For people. */
  text: string;
  error: Record<string, unknown>;
}

/** Who asks, and why; empty where they did not say. */
export interface Act {
  actor: string;
  reason: string;
}

/** By any of which a row is found. */
export interface Names {
  contactIds: readonly number[];
  phones: readonly string[];
  userIds: readonly string[];
}

const COLUMNS = `b.id, b.contact_id as "contactId", b.phone_number as "phoneNumber", b.wa_id as "waId", b.user_id as "userId",
  b.is_active as "isActive", b.blocked_at as "blockedAt", b.blocked_by as "blockedBy", b.reason,
  b.unblocked_at as "unblockedAt", b.unblocked_by as "unblockedBy", b.meta_error as "metaError",
  b.created_at as "createdAt", b.updated_at as "updatedAt"`;

/** What a row learns of a person's names; what was known and is not said stays. */
const NAMES = `
    phone_number = coalesce(excluded.phone_number, b.phone_number),
    wa_id = case when excluded.wa_id = '' then b.wa_id else excluded.wa_id end,
    user_id = coalesce(excluded.user_id, b.user_id)`;

const NAMED = `(b.contact_id = any($2::bigint[]) or b.phone_number = any($3::text[]) or b.user_id = any($4::text[]))`;

/** Whom accounts have blocked, and the history of it, always by the batch. */
@Injectable()
export class BlockingRepository {
  /** Meta has blocked these people. A block that was there already keeps its time; whoever asks again may give a new reason. */
  async writeBlocked(tx: Tx, accountId: number, people: readonly BlockedPerson[], act: Act): Promise<void> {
    await tx.query(
      `with written as (
         insert into blocked_users as b
           (account_id, contact_id, phone_number, wa_id, user_id, is_active, blocked_by, reason, decided_at)
         select $1, u.contact_id, u.phone, u.wa_id, u.user_id, true, $2, $3, clock_timestamp()
         from unnest($4::bigint[], $5::text[], $6::text[], $7::text[]) as u (contact_id, phone, wa_id, user_id)
         order by u.contact_id
         on conflict (account_id, contact_id) do update set ${NAMES},
           blocked_at = case when b.is_active then b.blocked_at else excluded.blocked_at end,
           blocked_by = case when b.is_active and excluded.blocked_by = '' then b.blocked_by else excluded.blocked_by end,
           reason = case when b.is_active and excluded.reason = '' then b.reason else excluded.reason end,
           is_active = true, unblocked_at = null, unblocked_by = '', meta_error = '',
           decided_at = excluded.decided_at, updated_at = now()
         returning b.id
       )
       insert into block_events (account_id, blocked_user_id, action, source, actor, reason)
       select $1, id, 'blocked', 'api', $2, $3 from written order by id`,
      [accountId, act.actor, act.reason, ...personColumns(people)],
    );
  }

  /** Meta has unblocked these people. @returns the contacts of the rows that say so now */
  async writeUnblocked(tx: Tx, accountId: number, names: Names, actor: string): Promise<number[]> {
    const rows = await tx.query<{ contact_id: number }>(
      `with held as materialized (
         select b.id, b.is_active from blocked_users b where b.account_id = $1 and ${NAMED} order by b.id for update
       ), written as (
         update blocked_users b set
           unblocked_at = case when held.is_active then now() else b.unblocked_at end,
           unblocked_by = case when held.is_active then $5 else b.unblocked_by end,
           is_active = false, meta_error = '', decided_at = clock_timestamp(), updated_at = now()
         from held where b.id = held.id
         returning b.id, b.contact_id, held.is_active as was_active
       ), told as (
         insert into block_events (account_id, blocked_user_id, action, source, actor)
         select $1, id, 'unblocked', 'api', $5 from written where was_active order by id
       )
       select contact_id from written`,
      [accountId, names.contactIds, names.phones, names.userIds, actor],
    );
    return rows.map((row) => row.contact_id);
  }

  /** Meta would not block these people. A block that is there stays as it is. */
  async writeBlockRefused(tx: Tx, accountId: number, people: readonly RefusedPerson[], act: Act): Promise<void> {
    await tx.query(
      `with u as materialized (
         select * from unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[])
           as u (contact_id, phone, wa_id, user_id, text, error)
       ), written as (
         insert into blocked_users as b
           (account_id, contact_id, phone_number, wa_id, user_id, is_active, blocked_by, reason, meta_error)
         select $1, contact_id, phone, wa_id, user_id, false, $2, $3, text from u order by contact_id
         on conflict (account_id, contact_id) do update set ${NAMES},
           meta_error = excluded.meta_error, updated_at = now()
         returning b.id, b.contact_id
       )
       insert into block_events (account_id, blocked_user_id, action, source, actor, reason, error)
       select $1, written.id, 'block_failed', 'api', $2, $3, u.error
       from written join u using (contact_id) order by written.id`,
      [
        accountId,
        act.actor,
        act.reason,
        ...personColumns(people),
        people.map((person) => person.text),
        people.map((person) => json(person.error)),
      ],
    );
  }

  /** Meta would not unblock somebody; of whom nothing is known nothing is written. */
  async writeUnblockRefused(
    tx: Tx,
    accountId: number,
    refusals: readonly { phone: string | null; userId: string | null; text: string; error: Record<string, unknown> }[],
    actor: string,
  ): Promise<void> {
    await tx.query(
      `with u as materialized (
         select * from unnest($3::text[], $4::text[], $5::text[], $6::jsonb[]) as u (phone, user_id, text, error)
       ), held as materialized (
         select b.id from blocked_users b
         where b.account_id = $1 and (b.phone_number = any($3::text[]) or b.user_id = any($4::text[]))
         order by b.id for update
       ), written as (
         update blocked_users b set meta_error = u.text, updated_at = now()
         from held, u where b.id = held.id and (b.phone_number = u.phone or b.user_id = u.user_id)
         returning b.id, u.error
       )
       insert into block_events (account_id, blocked_user_id, action, source, actor, error)
       select $1, id, 'unblock_failed', 'api', $2, error from written order by id`,
      [
        accountId,
        actor,
        ...columnsOf(
          refusals,
          (refusal) => refusal.phone,
          (refusal) => refusal.userId,
          (refusal) => refusal.text,
          (refusal) => json(refusal.error),
        ),
      ],
    );
  }

  /** The last blocked first. */
  async list(
    q: Queryable,
    accountId: number,
    page: { history: boolean; before: { blockedAt: string; id: number } | null; limit: number },
  ): Promise<BlockedUserRow[]> {
    return q.query<BlockedUserRow>(
      `select ${COLUMNS} from blocked_users b
       where b.account_id = $1 and ($2 or b.is_active)
         and ($3::timestamptz is null or (b.blocked_at, b.id) < ($3, $4::bigint))
       order by b.blocked_at desc, b.id desc limit $5`,
      [accountId, page.history, page.before?.blockedAt ?? null, page.before?.id ?? null, page.limit],
    );
  }

  /** Rows of people by any of their names: who is blocked before who is not. */
  async findByNames(q: Queryable, accountId: number, names: Names): Promise<BlockedUserRow[]> {
    return q.query<BlockedUserRow>(
      `select ${COLUMNS} from blocked_users b where b.account_id = $1 and ${NAMED}
       order by b.is_active desc, b.blocked_at desc, b.id desc`,
      [accountId, names.contactIds, names.phones, names.userIds],
    );
  }

  /** What was done about somebody, the last first. */
  async events(q: Queryable, accountId: number, blockedUserId: number, limit: number): Promise<BlockEventRow[]> {
    return q.query<BlockEventRow>(
      `select action, source, actor, reason, error, at from block_events
       where account_id = $1 and blocked_user_id = $2 order by id desc limit $3`,
      [accountId, blockedUserId, limit],
    );
  }
}

function personColumns(people: readonly BlockedPerson[]): unknown[][] {
  return columnsOf(
    people,
    (person) => person.contactId,
    (person) => person.phone,
    (person) => person.waId,
    (person) => person.userId,
  );
}
