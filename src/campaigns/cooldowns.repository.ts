import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** Meta said "not now" of a person: no marketing of this account until then. */
export interface Cooldown {
  accountId: number;
  contactId: number;
  until: Date;
  /** Meta's code. */
  code: number;
}

/** People whom Meta keeps from getting more marketing for a while (131049). */
@Injectable()
export class CooldownsRepository {
  /** The longer one stays; what is over already is left out. */
  async add(tx: Tx, cooldowns: readonly Cooldown[]): Promise<void> {
    await tx.query(
      `insert into contact_cooldowns as c (account_id, contact_id, until, code)
       select distinct on (u.account_id, u.contact_id) u.*
       from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::int[]) as u (account_id, contact_id, until, code)
       where u.until > now()
       order by u.account_id, u.contact_id, u.until desc
       on conflict (account_id, contact_id) do update set until = excluded.until, code = excluded.code
       where excluded.until > c.until`,
      columnsOf(
        cooldowns,
        (cooldown) => cooldown.accountId,
        (cooldown) => cooldown.contactId,
        (cooldown) => cooldown.until,
        (cooldown) => cooldown.code,
      ),
    );
  }

  /** Two contacts turned out to be one person: the longer one stays. */
  async move(tx: Tx, fromContactId: number, toContactId: number): Promise<void> {
    await tx.query(
      `with taken as (delete from contact_cooldowns where contact_id = $1 returning account_id, until, code)
       insert into contact_cooldowns as c (account_id, contact_id, until, code)
       select account_id, $2, until, code from taken
       on conflict (account_id, contact_id) do update set until = greatest(c.until, excluded.until)`,
      [fromContactId, toContactId],
    );
  }
}
