import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Tx } from '../database/database.js';

/** All that a person is called. */
export interface Subject {
  phones: string[];
  user_ids: string[];
  email: string;
  opted_out: boolean;
  created_at: Date;
}

/** Events that one statement looks through. */
const WINDOW = 100_000;

/** What erasing a person does to the tables of contacts and to the outbox. */
@Injectable()
export class ContactErasureRepository {
  async read(tx: Tx, id: number): Promise<Subject> {
    const [row] = await tx.query<Subject>(
      `select c.email, c.opted_out, c.created_at,
         array(select value from contact_identities i where i.contact_id = c.id and i.kind = 'phone'
           union select c.phone where c.phone is not null) as phones,
         array(select value from contact_identities i
           where i.contact_id = c.id and i.kind in ('user_id', 'parent_user_id')) as user_ids
       from contacts c where c.id = $1`,
      [id],
    );
    return row as Subject;
  }

  /** Remembers, by hashes alone, that whoever has these identities opted out. A username may become somebody else's. */
  async keepOptOut(tx: Tx, id: number): Promise<void> {
    await tx.query(
      `insert into opt_out_hashes (identity_hash, opted_out_at, source)
       select identity_hash(i.kind, i.scope, i.value), coalesce(c.opted_out_at, now()), coalesce(c.opted_out_source, '')
       from contacts c join contact_identities i on i.contact_id = c.id and i.kind <> 'username'
       where c.id = $1
       order by 1
       on conflict (identity_hash) do update set
         opted_out_at = greatest(opt_out_hashes.opted_out_at, excluded.opted_out_at)`,
      [id],
    );
  }

  /** Deletes events that name the person, in windows, because there may be very many events. */
  async eraseEvents(tx: Tx, id: number, names: readonly string[]): Promise<void> {
    const [range] = await tx.query<{ first: number | null; last: number | null }>(
      'select min(id) as first, max(id) as last from outbox_events',
    );
    const { first, last } = range ?? { first: null, last: null };
    for (let from = first; from !== null && last !== null && from <= last; from += WINDOW) {
      await tx.query(
        `delete from outbox_events
         where id >= $1 and id < $2 and ((type like 'contact.%' and subject_id = $3::bigint)
           or payload ->> 'contact_id' = $3::bigint::text or payload::text like any($4::text[]))`,
        [from, from + WINDOW, id, names.map(containing)],
      );
    }
  }
}
