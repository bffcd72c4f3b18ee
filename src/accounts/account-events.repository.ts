import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { AccountEvent, EventState, Severity } from './account-events.js';

/** An event of Meta's, and which account it is for. */
export interface KeyedEvent {
  accountId: number;
  /** See {@link keyOfChange}. */
  key: Buffer;
  field: string;
  at: Date;
  event: AccountEvent;
}

export interface AccountEventRow {
  code: string;
  severity: Severity;
  message: string;
  what_to_do: string;
  occurred_at: Date;
}

/** What of an account's row events change. */
export interface LockedAccount extends EventState {
  id: number;
}

/** What Meta says of accounts. */
@Injectable()
export class AccountEventsRepository {
  /** Keeps events, each once. @returns those that are new */
  async insertNew(tx: Tx, events: readonly KeyedEvent[]): Promise<KeyedEvent[]> {
    const sorted = [...events].sort((a, b) => a.accountId - b.accountId || Buffer.compare(a.key, b.key));
    const rows = await tx.query<{ account_id: number; key: string }>(
      `insert into account_events (account_id, event_key, field, code, severity, message, what_to_do, occurred_at)
       select * from unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
       on conflict (account_id, event_key) do nothing
       returning account_id, encode(event_key, 'hex') as key`,
      columnsOf(
        sorted,
        (item) => item.accountId,
        (item) => item.key,
        (item) => item.field,
        (item) => item.event.code,
        (item) => item.event.severity,
        (item) => item.event.message,
        (item) => item.event.whatToDo,
        (item) => item.at,
      ),
    );
    const fresh = new Set(rows.map((row) => `${row.account_id} ${row.key}`));
    // Of two equal ones in one batch the first counts.
    return events.filter((item) => fresh.delete(`${item.accountId} ${item.key.toString('hex')}`));
  }

  /** Newest first. */
  async listRecent(q: Queryable, accountId: number, limit: number): Promise<AccountEventRow[]> {
    return q.query<AccountEventRow>(
      `select code, severity, message, what_to_do, occurred_at from account_events
       where account_id = $1 order by occurred_at desc, id desc limit $2`,
      [accountId, limit],
    );
  }

  /** The account is another number or another WABA now: what was said of the one before says nothing of it. */
  async forget(tx: Tx, accountId: number): Promise<void> {
    await tx.query('delete from account_events where account_id = $1', [accountId]);
  }

  async lock(tx: Tx, ids: readonly number[]): Promise<LockedAccount[]> {
    return tx.query<LockedAccount>(
      `select id, standing, standing_until as "standingUntil", standing_at as "standingAt",
         messaging_limit as "messagingLimit", messaging_limit_at as "messagingLimitAt",
         profile_name as "profileName", profile_name_at as "profileNameAt", messages_per_second as "messagesPerSecond"
       from accounts where id = any($1::bigint[]) and deleted_at is null order by id for no key update`,
      [ids],
    );
  }

  async write(tx: Tx, accounts: readonly LockedAccount[]): Promise<void> {
    await tx.query(
      `update accounts a set standing = u.standing, standing_until = u.standing_until, standing_at = u.standing_at,
         messaging_limit = u.messaging_limit, messaging_limit_at = u.messaging_limit_at, profile_name = u.profile_name,
         profile_name_at = u.profile_name_at, messages_per_second = u.messages_per_second, updated_at = now()
       from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::timestamptz[],
         $7::text[], $8::timestamptz[], $9::int[])
         as u (id, standing, standing_until, standing_at, messaging_limit, messaging_limit_at, profile_name,
           profile_name_at, messages_per_second)
       where a.id = u.id`,
      columnsOf(
        accounts,
        (account) => account.id,
        (account) => account.standing,
        (account) => account.standingUntil,
        (account) => account.standingAt,
        (account) => account.messagingLimit,
        (account) => account.messagingLimitAt,
        (account) => account.profileName,
        (account) => account.profileNameAt,
        (account) => account.messagesPerSecond,
      ),
    );
  }
}
