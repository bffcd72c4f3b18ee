import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { SignupContent } from './signup.js';

/** A signup as Meta has it; null: Meta did not tell. */
export type ReadSignup = { [Key in keyof SignupContent]: string | null } & { signupId: string; status: string | null };

/** A row that a reading of Meta's was written to. */
export interface SyncedSignup {
  id: number;
  signupId: string;
  isNew: boolean;
  /** Nothing was known of it but its id. */
  wasUnread: boolean;
  isChanged: boolean;
}

/** What is read from Meta. */
@Injectable()
export class SignupSyncRepository {
  /** The database's clock. */
  async now(q: Queryable): Promise<Date> {
    const [row] = await q.query<{ now: Date }>('select now() as now');
    return row!.now;
  }

  /** Which of these ids of Meta's the account has. */
  async findKnown(q: Queryable, accountId: number, signupIds: readonly string[]): Promise<Set<string>> {
    const rows = await q.query<{ signup_id: string }>(
      'select signup_id from signups where account_id = $1 and signup_id = any($2::text[])',
      [accountId, signupIds],
    );
    return new Set(rows.map((row) => row.signup_id));
  }

  /**
   * Writes what Meta has. What only we know (label, counts) stays, and so does what we changed at Meta after it was asked, or
   * are changing now. What Meta did not tell stays too.
   * @param askedAt when Meta was asked, by the database's clock
   * @returns the rows that were written
   */
  async upsert(tx: Tx, accountId: number, signups: readonly ReadSignup[], askedAt: Date): Promise<SyncedSignup[]> {
    return tx.query<SyncedSignup>(
      `with given as (
         select * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
           as u (signup_id, display_name, signup_message, confirmation_message, privacy_policy_url, website_url, promo_code,
             status)
       ), before as (
         select s.* from signups s join given u on u.signup_id = s.signup_id where s.account_id = $1
       ), written as (
         insert into signups as s (account_id, signup_id, display_name, signup_message, confirmation_message,
           privacy_policy_url, website_url, promo_code, status, tos_accepted, synced_at)
         select $1, u.signup_id, coalesce(u.display_name, ''), coalesce(u.signup_message, ''),
           coalesce(u.confirmation_message, ''), coalesce(u.privacy_policy_url, ''), coalesce(u.website_url, ''),
           coalesce(u.promo_code, ''), coalesce(u.status, 'ACTIVE'), true, now()
         from given u order by u.signup_id
         on conflict (account_id, signup_id) do update set
           (display_name, signup_message, confirmation_message, privacy_policy_url, website_url, promo_code, status) = (
             select coalesce(u.display_name, s.display_name), coalesce(u.signup_message, s.signup_message),
               coalesce(u.confirmation_message, s.confirmation_message),
               coalesce(u.privacy_policy_url, s.privacy_policy_url), coalesce(u.website_url, s.website_url),
               coalesce(u.promo_code, s.promo_code), coalesce(u.status, s.status)
             from given u where u.signup_id = excluded.signup_id),
           tos_accepted = true, synced_at = now(), updated_at = now()
         where (s.told_at is null or s.told_at < $10) and (s.changing_until is null or s.changing_until < now())
         returning s.*
       )
       select w.id, w.signup_id as "signupId", b.id is null as "isNew", b.id is not null and b.synced_at is null as "wasUnread",
         b.id is not null and (w.display_name, w.signup_message, w.confirmation_message, w.privacy_policy_url, w.website_url,
           w.promo_code, w.status) is distinct from (b.display_name, b.signup_message, b.confirmation_message,
           b.privacy_policy_url, b.website_url, b.promo_code, b.status) as "isChanged"
       from written w left join before b on b.id = w.id`,
      [
        accountId,
        ...columnsOf(
          signups,
          ({ signupId }) => signupId,
          ({ displayName }) => displayName,
          ({ signupMessage }) => signupMessage,
          ({ confirmationMessage }) => confirmationMessage,
          ({ privacyPolicyUrl }) => privacyPolicyUrl,
          ({ websiteUrl }) => websiteUrl,
          ({ promoCode }) => promoCode,
          ({ status }) => status,
        ),
        askedAt,
      ],
    );
  }
}
