import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';
import { columnsOf } from '../../database/unnest.js';

/** A person of a batch, locked by its transaction. */
export interface LockedPerson {
  id: number;
  opted_out: boolean;
  /** One of the people of the accounts that were asked for. */
  is_known: boolean;
}

/** What a batch says of one person; '' is nothing. */
export interface PersonNews {
  contactId: number;
  name: string;
  email: string;
  notes: string;
  /** Whether it replaces what is there, or fills what is empty. */
  replaces: boolean;
}

/** What imported lines do to people: a batch is a handful of statements. */
@Injectable()
export class ImportedPeopleRepository {
  /** In id order, like everybody who locks contacts. */
  async lock(tx: Tx, contactIds: readonly number[], knownTo: readonly number[]): Promise<LockedPerson[]> {
    return tx.query<LockedPerson>(
      `select c.id, c.opted_out,
         exists (select 1 from contact_accounts v where v.contact_id = c.id and v.account_id = any($2::bigint[])) as is_known
       from contacts c where c.id = any($1::bigint[]) order by c.id for no key update of c`,
      [contactIds, knownTo],
    );
  }

  /** Rows that are so already are not touched. */
  async write(tx: Tx, news: readonly PersonNews[]): Promise<void> {
    await tx.query(
      `with news as (
         select c.id,
           case when u.name <> '' and (u.replaces or c.name = '') then u.name else c.name end as name,
           case when u.email <> '' and (u.replaces or c.email = '') then u.email else c.email end as email,
           case when u.notes <> '' and (u.replaces or c.notes = '') then u.notes else c.notes end as notes
         from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::boolean[]) as u (id, name, email, notes, replaces)
         join contacts c on c.id = u.id
       )
       update contacts c set name = n.name, email = n.email, notes = n.notes, updated_at = now()
       from news n
       where c.id = n.id and (c.name, c.email, c.notes) is distinct from (n.name, n.email, n.notes)`,
      columnsOf(
        news,
        (item) => item.contactId,
        (item) => item.name,
        (item) => item.email,
        (item) => item.notes,
        (item) => item.replaces,
      ),
    );
  }

  /** Adds labels by their names, which are there. */
  async addLabels(tx: Tx, labels: readonly { contactId: number; name: string }[]): Promise<void> {
    await tx.query(
      `insert into contact_labels (contact_id, label_id)
       select distinct u.contact_id, l.id
       from unnest($1::bigint[], $2::text[]) as u (contact_id, name) join labels l on lower(l.name) = lower(u.name)
       order by u.contact_id, l.id
       on conflict do nothing`,
      columnsOf(
        labels,
        (item) => item.contactId,
        (item) => item.name,
      ),
    );
  }
}
