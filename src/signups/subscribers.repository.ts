import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Subscription } from '../contacts/subscriptions.repository.js';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** A subscriber as answered. */
export interface SubscriberRow {
  id: number;
  contactId: number;
  phone: string | null;
  userId: string | null;
  name: string;
  subscribedAt: Date;
  lastSubscribedAt: Date;
  labelId: number | null;
  labelName: string | null;
}

export interface SubscriberFilter {
  accountId: number;
  portfolio: string;
  signupId: number;
  /** Part of name or phone, or a whole user id. */
  q?: string | undefined;
  after: { at: Date; id: number } | null;
}

/** That somebody came by a signup, however often it was told. */
export interface Arrival {
  accountId: number;
  signupId: number;
  contactId: number;
  firstAt: Date;
  lastAt: Date;
  /** Meta told the times. */
  isDated: boolean;
  labelId: number | null;
}

/** A phone is searched by so many digits at least: fewer are in every second number. */
const MIN_DIGITS = 3;

@Injectable()
export class SubscribersRepository {
  /** The newest first. */
  async list(q: Queryable, filter: SubscriberFilter, limit: number): Promise<SubscriberRow[]> {
    const values: unknown[] = [filter.accountId, filter.signupId, filter.portfolio, limit];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const where = ['b.account_id = $1', 'b.signup_id = $2'];
    if (filter.q) {
      const digits = filter.q.replace(/\D/g, '');
      const alternatives = [`k.name ilike ${bind(containing(filter.q))}`];
      if (digits.length >= MIN_DIGITS) {
        alternatives.push(`k.phone like ${bind(containing(digits))}`);
      }
      alternatives.push(`exists (select 1 from contact_identities i where i.contact_id = k.id and i.kind = 'user_id'
        and i.scope = $3 and i.value = ${bind(filter.q)})`);
      where.push(`(${alternatives.join(' or ')})`);
    }
    if (filter.after) {
      where.push(`(b.subscribed_at, b.id) < (${bind(filter.after.at)}::timestamptz, ${bind(filter.after.id)}::bigint)`);
    }
    return q.queryDynamic<SubscriberRow>(
      `select b.id, b.contact_id as "contactId", k.phone, k.name, b.subscribed_at as "subscribedAt",
         b.last_subscribed_at as "lastSubscribedAt", b.label_id as "labelId", l.name as "labelName",
         (select i.value from contact_identities i where i.contact_id = k.id and i.kind = 'user_id' and i.scope = $3
          order by i.id desc limit 1) as "userId"
       from signup_subscribers b join contacts k on k.id = b.contact_id left join labels l on l.id = b.label_id
       where ${where.join(' and ')} order by b.subscribed_at desc, b.id desc limit $4`,
      values,
    );
  }

  /**
   * Writes down who came, once each. In whatever order it is told, the first and the last time are the same: times that Meta
   * tells take the place of those we only guessed, and never the other way.
   * @param arrivals one of each signup and contact; signups and contacts are locked
   * @returns all of them, and who was not there before
   */
  async upsert(
    tx: Tx,
    arrivals: readonly Arrival[],
  ): Promise<{ signupId: number; contactId: number; isNew: boolean }[]> {
    return tx.query(
      `insert into signup_subscribers as b
         (account_id, signup_id, contact_id, subscribed_at, last_subscribed_at, is_dated, label_id)
       select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::boolean[],
         $7::bigint[]) as u (account_id, signup_id, contact_id, first_at, last_at, is_dated, label_id)
       order by u.signup_id, u.contact_id
       on conflict (account_id, signup_id, contact_id) do update set
         subscribed_at = case
           when not excluded.is_dated then b.subscribed_at
           when not b.is_dated then excluded.subscribed_at
           else least(b.subscribed_at, excluded.subscribed_at) end,
         last_subscribed_at = case
           when not excluded.is_dated then b.last_subscribed_at
           when not b.is_dated then excluded.last_subscribed_at
           else greatest(b.last_subscribed_at, excluded.last_subscribed_at) end,
         is_dated = b.is_dated or excluded.is_dated
       returning signup_id as "signupId", contact_id as "contactId", xmax = 0 as "isNew"`,
      columnsOf(
        arrivals,
        ({ accountId }) => accountId,
        ({ signupId }) => signupId,
        ({ contactId }) => contactId,
        ({ firstAt }) => firstAt,
        ({ lastAt }) => lastAt,
        ({ isDated }) => isDated,
        ({ labelId }) => labelId,
      ),
    );
  }

  /** By which signup each of these people subscribed last. */
  async newest(tx: Tx, contactIds: readonly number[]): Promise<Subscription[]> {
    return tx.query<Subscription>(
      `select distinct on (contact_id) contact_id as "contactId", signup_id as "signupId", last_subscribed_at as at
       from signup_subscribers where contact_id = any($1::bigint[])
       order by contact_id, last_subscribed_at desc, signup_id`,
      [contactIds],
    );
  }

  /** Signups by which one of these people came. */
  async signupsOf(tx: Tx, contactIds: readonly number[]): Promise<number[]> {
    const rows = await tx.query<{ id: number }>(
      'select distinct signup_id as id from signup_subscribers where contact_id = any($1::bigint[]) order by id',
      [contactIds],
    );
    return rows.map(({ id }) => id);
  }

  /** Gives all that the one came by to the other. @returns the signups by which both had come: one person less each */
  async move(tx: Tx, survivorId: number, goneId: number): Promise<number[]> {
    const rows = await tx.query<{ signup_id: number; is_joined: boolean }>(
      `with gone as (
         delete from signup_subscribers where contact_id = $2 returning *
       )
       insert into signup_subscribers as b
         (account_id, signup_id, contact_id, subscribed_at, last_subscribed_at, is_dated, label_id)
       select account_id, signup_id, $1, subscribed_at, last_subscribed_at, is_dated, label_id from gone order by signup_id
       on conflict (account_id, signup_id, contact_id) do update set
         subscribed_at = case when b.is_dated = excluded.is_dated then least(b.subscribed_at, excluded.subscribed_at)
           when b.is_dated then b.subscribed_at else excluded.subscribed_at end,
         last_subscribed_at = case
           when b.is_dated = excluded.is_dated then greatest(b.last_subscribed_at, excluded.last_subscribed_at)
           when b.is_dated then b.last_subscribed_at else excluded.last_subscribed_at end,
         is_dated = b.is_dated or excluded.is_dated,
         label_id = coalesce(b.label_id, excluded.label_id)
       returning signup_id, xmax <> 0 as is_joined`,
      [survivorId, goneId],
    );
    return rows.filter((row) => row.is_joined).map((row) => row.signup_id);
  }

  /** @returns the signups by which the person had come */
  async remove(tx: Tx, contactId: number): Promise<number[]> {
    const rows = await tx.query<{ signup_id: number }>(
      'delete from signup_subscribers where contact_id = $1 returning signup_id',
      [contactId],
    );
    return rows.map((row) => row.signup_id);
  }
}
