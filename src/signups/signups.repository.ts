import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { SignupContent } from './signup.js';
import type { Signup } from './signup.entity.js';

/** A signup as it is answered. */
export type SignupRecord = Omit<Signup, 'toldAt' | 'changingUntil'> & { labelName: string | null };

export interface SignupFilter {
  accountId: number;
  /** Part of its name or messages. */
  q?: string | undefined;
  status?: string | undefined;
  beforeId: number | null;
}

/** A signup that people come by, locked by this transaction. */
export interface LockedSignup {
  id: number;
  accountId: number;
  signupId: string;
  displayName: string;
  labelId: number | null;
}

const COLUMNS = `s.id, s.account_id as "accountId", s.signup_id as "signupId", s.display_name as "displayName",
  s.signup_message as "signupMessage", s.confirmation_message as "confirmationMessage",
  s.privacy_policy_url as "privacyPolicyUrl", s.website_url as "websiteUrl", s.promo_code as "promoCode", s.status,
  s.auto_add_to_label_id as "autoAddToLabelId", l.name as "labelName", s.tos_accepted as "tosAccepted",
  s.subscriber_count as "subscriberCount", s.synced_at as "syncedAt", s.created_at as "createdAt",
  s.updated_at as "updatedAt"`;
/** Tells locks on names of signups from all others. */
const NAMES_LOCK = 7_251_955;
const FROM = 'from signups s left join labels l on l.id = s.auto_add_to_label_id';

@Injectable()
export class SignupsRepository {
  async find(q: Queryable, accountId: number, id: number): Promise<SignupRecord | null> {
    const [row] = await q.query<SignupRecord>(`select ${COLUMNS} ${FROM} where s.account_id = $1 and s.id = $2`, [
      accountId,
      id,
    ]);
    return row ?? null;
  }

  /** The newest first. */
  async list(q: Queryable, filter: SignupFilter, limit: number): Promise<SignupRecord[]> {
    const values: unknown[] = [filter.accountId, limit];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const where = ['s.account_id = $1'];
    if (filter.q) {
      const pattern = bind(containing(filter.q));
      where.push(
        `(s.display_name ilike ${pattern} or s.signup_message ilike ${pattern} or s.signup_id ilike ${pattern})`,
      );
    }
    if (filter.status !== undefined) {
      where.push(`s.status = ${bind(filter.status)}`);
    }
    if (filter.beforeId !== null) {
      where.push(`s.id < ${bind(filter.beforeId)}`);
    }
    return q.queryDynamic<SignupRecord>(
      `select ${COLUMNS} ${FROM} where ${where.join(' and ')} order by s.id desc limit $2`,
      values,
    );
  }

  /** Has one of these accounts a signup? */
  async hasAny(q: Queryable, accountIds: readonly number[]): Promise<boolean> {
    const [row] = await q.query<{ has: boolean }>(
      'select exists (select 1 from signups where account_id = any($1::bigint[])) as has',
      [accountIds],
    );
    return row?.has ?? false;
  }

  /**
   * A signup that Meta has created for us. An event or a sync may have been faster: then its row becomes this.
   * @returns its id
   */
  async create(
    tx: Tx,
    accountId: number,
    signupId: string,
    content: SignupContent,
    labelId: number | null,
  ): Promise<number> {
    const [row] = await tx.query<{ id: number }>(
      `insert into signups (account_id, signup_id, display_name, signup_message, confirmation_message, privacy_policy_url,
         website_url, promo_code, auto_add_to_label_id, tos_accepted, synced_at, told_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, true, now(), now())
       on conflict (account_id, signup_id) do update set
         display_name = excluded.display_name, signup_message = excluded.signup_message,
         confirmation_message = excluded.confirmation_message, privacy_policy_url = excluded.privacy_policy_url,
         website_url = excluded.website_url, promo_code = excluded.promo_code,
         auto_add_to_label_id = coalesce(excluded.auto_add_to_label_id, signups.auto_add_to_label_id),
         synced_at = now(), told_at = now(), updated_at = now()
       returning id`,
      [
        accountId,
        signupId,
        content.displayName,
        content.signupMessage,
        content.confirmationMessage,
        content.privacyPolicyUrl,
        content.websiteUrl,
        content.promoCode,
        labelId,
      ],
    );
    return row!.id;
  }

  /** What Meta has taken. */
  async update(tx: Tx, accountId: number, id: number, content: SignupContent, status: string): Promise<void> {
    await tx.query(
      `update signups set display_name = $3, signup_message = $4, confirmation_message = $5, website_url = $6,
         promo_code = $7, status = $8, told_at = now(), updated_at = now()
       where account_id = $1 and id = $2`,
      [
        accountId,
        id,
        content.displayName,
        content.signupMessage,
        content.confirmationMessage,
        content.websiteUrl,
        content.promoCode,
        status,
      ],
    );
  }

  async setLabel(tx: Tx, accountId: number, id: number, labelId: number | null): Promise<void> {
    await tx.query(
      'update signups set auto_add_to_label_id = $3, updated_at = now() where account_id = $1 and id = $2',
      [accountId, id, labelId],
    );
  }

  /** Takes a signup into hand. @returns false when it is in other hands, or is not there */
  async take(q: Queryable, accountId: number, id: number, seconds: number): Promise<boolean> {
    const rows = await q.query(
      `update signups set changing_until = now() + make_interval(secs => $3)
       where account_id = $1 and id = $2 and (changing_until is null or changing_until < now()) returning id`,
      [accountId, id, seconds],
    );
    return rows.length > 0;
  }

  async giveBack(q: Queryable, accountId: number, id: number): Promise<void> {
    await q.query('update signups set changing_until = null where account_id = $1 and id = $2', [accountId, id]);
  }

  /** Rows of these accounts with these ids of Meta's. */
  async findByMetaId(
    tx: Tx,
    accountIds: readonly number[],
    signupIds: readonly string[],
  ): Promise<{ id: number; accountId: number; signupId: string }[]> {
    return tx.query(
      `select id, account_id as "accountId", signup_id as "signupId" from signups
       where account_id = any($1::bigint[]) and signup_id = any($2::text[]) order by id`,
      [accountIds, signupIds],
    );
  }

  /** Whoever wants to make rows for these ids of Meta's comes after whoever does now. */
  async holdNames(tx: Tx, signupIds: readonly string[]): Promise<void> {
    await tx.query(
      `select pg_advisory_xact_lock($1, key) from (
         select distinct hashtext(u.id) as key from unnest($2::text[]) as u (id) order by key
       ) keys`,
      [NAMES_LOCK, signupIds],
    );
  }

  /** Signups of which nothing is known but that somebody came by them. Who is faster creates a row. */
  async createUnread(tx: Tx, signups: readonly { accountId: number; signupId: string }[]): Promise<void> {
    await tx.query(
      `insert into signups (account_id, signup_id, tos_accepted)
       select account_id, signup_id, true from unnest($1::bigint[], $2::text[]) as u (account_id, signup_id)
       order by account_id, signup_id
       on conflict (account_id, signup_id) do nothing`,
      columnsOf(
        signups,
        ({ accountId }) => accountId,
        ({ signupId }) => signupId,
      ),
    );
  }

  /** Locks rows in the order of their ids. */
  async lock(tx: Tx, ids: readonly number[]): Promise<LockedSignup[]> {
    return tx.query<LockedSignup>(
      `select id, account_id as "accountId", signup_id as "signupId", display_name as "displayName",
         auto_add_to_label_id as "labelId"
       from signups where id = any($1::bigint[]) order by id for no key update`,
      [ids],
    );
  }

  /** Counts people who came, or with negative numbers those who are no more. The rows are locked. */
  async count(tx: Tx, changes: ReadonlyMap<number, number>): Promise<void> {
    await tx.query(
      `update signups s set subscriber_count = s.subscriber_count + u.n, updated_at = now()
       from unnest($1::bigint[], $2::int[]) as u (id, n) where s.id = u.id`,
      columnsOf(
        [...changes],
        ([id]) => id,
        ([, n]) => n,
      ),
    );
  }
}
