import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';
import { columnsOf, json } from '../../database/unnest.js';
import type { Gap, GapCode } from './gap.js';

export interface OpenGap {
  accountId: number;
  code: GapCode;
  openedAt: Date;
  alertedAt: Date;
  details: Record<string, unknown>;
}

/** How an account's messages fared whose statuses are due. */
export interface SendsOfAccount {
  accountId: number;
  sent: number;
  withStatus: number;
}

export interface SilenceOfAccount {
  accountId: number;
  lastAt: Date;
}

export interface DeadLettersOfAccount {
  accountId: number;
  count: number;
  newestId: number;
}

/** One number, the same for all processes. */
const DETECTOR_LOCK = 7_251_922;
/** Of an account or a campaign, messages that are looked at. */
const SAMPLE = 100;
/** Of an account, bodies by which its usual silence is known. */
const USUAL = 500;

/** Reads what the gap detector compares, set-based, and keeps what it found. */
@Injectable()
export class GapsRepository {
  async tryLock(tx: Tx): Promise<boolean> {
    const [row] = await tx.query<{ locked: boolean }>('select pg_try_advisory_xact_lock($1) as locked', [
      DETECTOR_LOCK,
    ]);
    return row?.locked === true;
  }

  listOpen(q: Queryable): Promise<OpenGap[]> {
    return q.query(
      `select account_id as "accountId", code, opened_at as "openedAt", alerted_at as "alertedAt", details
       from account_gaps order by account_id, code`,
    );
  }

  listOfAccount(q: Queryable, accountId: number): Promise<OpenGap[]> {
    return q.query(
      `select account_id as "accountId", code, opened_at as "openedAt", alerted_at as "alertedAt", details
       from account_gaps where account_id = $1 order by opened_at, code`,
      [accountId],
    );
  }

  /** Opens gaps, or notes that of an open one was told again. */
  async open(tx: Tx, gaps: readonly Gap[]): Promise<void> {
    await tx.query(
      `insert into account_gaps (account_id, code, details)
       select * from unnest($1::bigint[], $2::text[], $3::jsonb[])
       on conflict (account_id, code) do update set alerted_at = now(), details = excluded.details`,
      columnsOf(
        gaps,
        (gap) => gap.accountId,
        (gap) => gap.code,
        (gap) => json(gap.details),
      ),
    );
  }

  async close(tx: Tx, gaps: readonly { accountId: number; code: GapCode }[]): Promise<void> {
    await tx.query(
      `delete from account_gaps g using unnest($1::bigint[], $2::text[]) u (account_id, code)
       where g.account_id = u.account_id and g.code = u.code`,
      columnsOf(
        gaps,
        (gap) => gap.accountId,
        (gap) => gap.code,
      ),
    );
  }

  /**
   * Messages of the last hour that are ten minutes old, and how many of them have a status: of each account the latest single
   * sends, and the first and latest of each campaign. It reads messages and campaigns, which are others', because only they
   * say what should have come; it changes nothing there.
   */
  async sends(tx: Tx, accountIds: readonly number[], from: Date, to: Date): Promise<SendsOfAccount[]> {
    return tx.query(
      `with recent as (
         select id, account_id from campaigns
         where account_id = any($1) and status <> 'draft' and started_at < $3 and coalesce(completed_at, 'infinity') > $2
       ), sends as (
         select a.id as account_id, m.* from unnest($1::bigint[]) a (id) cross join lateral (
           select message_id, created_at from messages
           where account_id = a.id and campaign_id is null and created_at between $2 and $3
             and direction = 'outbound' and message_id is not null
           order by created_at desc limit ${SAMPLE}
         ) m
         union
         select r.account_id, m.* from recent r cross join lateral (
           (select message_id, created_at from messages where campaign_id = r.id and message_id is not null order by id limit ${SAMPLE})
           union all
           (select message_id, created_at from messages where campaign_id = r.id and message_id is not null order by id desc limit ${SAMPLE})
         ) m where m.created_at between $2 and $3
       )
       select s.account_id as "accountId", count(*)::int as sent,
         count(*) filter (where exists (
           select from message_statuses t where t.account_id = s.account_id and t.message_id = s.message_id
         ))::int as "withStatus"
       from sends s group by s.account_id`,
      [accountIds, from, to],
    );
  }

  /** When the last body of each account came; accounts without one are left out. */
  async lastBodies(tx: Tx, accountIds: readonly number[]): Promise<SilenceOfAccount[]> {
    return tx.query(
      `select a.id as "accountId", l.received_at as "lastAt" from unnest($1::bigint[]) a (id) cross join lateral (
         select received_at from (
           (select received_at from webhook_logs where account_ids <> '{}' and account_ids[1] = a.id
            order by received_at desc, id desc limit 1)
           union all
           (select received_at from webhook_logs where cardinality(account_ids) > 1 and account_ids @> array[a.id]
            order by received_at desc, id desc limit 1)
         ) bodies order by received_at desc limit 1
       ) l`,
      [accountIds],
    );
  }

  /** How many bodies came in the week before that moment, and the longest silence between two, in seconds. */
  async usualSilence(tx: Tx, accountId: number, lastAt: Date): Promise<{ bodies: number; longestS: number }> {
    const [row] = await tx.query<{ bodies: number; longest_s: number | null }>(
      `select count(*)::int as bodies, max(extract(epoch from silence))::float8 as longest_s from (
         select received_at - lag(received_at) over (order by received_at) as silence from (
           select received_at from webhook_logs
           where account_ids <> '{}' and account_ids[1] = $1 and received_at <= $2 and received_at > $2 - interval '7 days'
           order by received_at desc, id desc limit ${USUAL}
         ) bodies
       ) silences`,
      [accountId, lastAt],
    );
    return { bodies: row?.bodies ?? 0, longestS: row?.longest_s ?? 0 };
  }

  /** Bodies that nobody will try again, of the last day, by account. */
  async deadLetters(tx: Tx): Promise<DeadLettersOfAccount[]> {
    return tx.query(
      `select account_id as "accountId", count(*)::int as count, max(id) as "newestId"
       from webhook_logs cross join unnest(account_ids) account_id
       where not processed and replay_id is null and next_attempt_at = 'infinity' and received_at > now() - interval '1 day'
       group by account_id`,
    );
  }

  async countDeadLetters(q: Queryable): Promise<number> {
    const [row] = await q.query<{ count: number }>(
      `select count(*)::int as count from webhook_logs
       where not processed and replay_id is null and next_attempt_at = 'infinity'`,
    );
    return row?.count ?? 0;
  }

  /** How long the live body waits that waits longest, in seconds. */
  async backlogS(q: Queryable): Promise<number> {
    const [row] = await q.query<{ waited_s: number }>(
      `select extract(epoch from now() - next_attempt_at)::float8 as waited_s from webhook_logs
       where not processed and replay_id is null and next_attempt_at <= now()
       order by replay_id nulls first, next_attempt_at, id limit 1`,
    );
    return row?.waited_s ?? 0;
  }

  async addRefusals(q: Queryable, count: number): Promise<void> {
    await q.query(
      `insert into webhook_refusals (minute, refused_count) values (date_trunc('minute', now()), $1)
       on conflict (minute) do update set refused_count = webhook_refusals.refused_count + excluded.refused_count`,
      [count],
    );
  }

  /** Refused bodies of the last minutes; what is older than a day is forgotten. */
  async refusals(tx: Tx, minutes: number): Promise<number> {
    await tx.query(`delete from webhook_refusals where minute < now() - interval '1 day'`);
    const [row] = await tx.query<{ count: number }>(
      `select coalesce(sum(refused_count), 0)::int as count from webhook_refusals
       where minute > now() - make_interval(mins => $1)`,
      [minutes],
    );
    return row?.count ?? 0;
  }

  /** WABAs whose subscription is to be looked at now; nobody else gets them for so many hours. */
  async claimChecks(q: Queryable, wabaIds: readonly string[], everyHours: number, limit: number): Promise<string[]> {
    const rows = await q.query<{ waba_id: string }>(
      `insert into subscription_checks as c (waba_id, checked_at)
       select id, now() from unnest($1::text[]) id left join subscription_checks known on known.waba_id = id
       where known.checked_at is null or known.checked_at < now() - make_interval(hours => $2)
       order by known.checked_at nulls first, id limit $3
       on conflict (waba_id) do update set checked_at = excluded.checked_at
         where c.checked_at < now() - make_interval(hours => $2)
       returning c.waba_id`,
      [wabaIds, everyHours, limit],
    );
    return rows.map((row) => row.waba_id);
  }

  /** Meta did not say: it is asked again in an hour. */
  async askAgain(q: Queryable, wabaId: string, everyHours: number): Promise<void> {
    await q.query(
      `update subscription_checks set checked_at = now() - make_interval(hours => $2 - 1) where waba_id = $1`,
      [wabaId, everyHours],
    );
  }
}
