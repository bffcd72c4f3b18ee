import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../common/phone-number.js';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import { mapKey, type KnownContact } from './people-plan.js';
import type { Identity } from './person.js';

interface KnownRow {
  kind: string;
  scope: string;
  value: string;
  id: number;
  phone: string | null;
  name: string;
  opted_out: boolean;
  is_linked: boolean;
  identities: { kind: string; value: string }[];
}

/** A contact to create. */
export interface NewContact {
  identityKey: string;
  phone: string | null;
  name: string;
}

/** An identity and whose it is to be. */
export interface IdentityLink {
  contactId: number;
  identity: Identity;
}

/**
 * Contacts and their identities, always by the batch. Every insert and lock takes its keys in order, so that two batches
 * with the same people wait for each other instead of for one another.
 */
@Injectable()
export class PeopleRepository {
  /** The contacts that these identities belong to, by {@link mapKey}. */
  async find(
    q: Queryable,
    account: { id: number; portfolio: string },
    identities: readonly Identity[],
  ): Promise<Map<string, KnownContact>> {
    const rows = await q.query<KnownRow>(
      `select i.kind, i.scope, i.value, c.id, c.phone, c.name, c.opted_out,
         exists (select 1 from contact_accounts a where a.account_id = $4 and a.contact_id = c.id) as is_linked,
         coalesce((
           select jsonb_agg(jsonb_build_object('kind', o.kind, 'value', o.value) order by o.id)
           from contact_identities o where o.contact_id = c.id and o.scope = $5 and o.kind <> 'phone'
         ), '[]') as identities
       from unnest($1::text[], $2::text[], $3::text[]) as u (kind, scope, value)
       join contact_identities i on i.kind = u.kind and i.scope = u.scope and i.value = u.value
       join contacts c on c.id = i.contact_id`,
      [...identityColumns(identities), account.id, account.portfolio],
    );
    return new Map(
      rows.map((row) => [
        mapKey(row as Identity),
        {
          id: row.id,
          phone: row.phone,
          name: row.name,
          optedOut: row.opted_out,
          isLinked: row.is_linked,
          identities: row.identities,
        },
      ]),
    );
  }

  /** Ids by identity key. A key that is missing was created by someone else, who has committed by now. */
  async create(tx: Tx, contacts: readonly NewContact[]): Promise<Map<string, number>> {
    const rows = await tx.query<{ id: number; identity_key: string }>(
      `insert into contacts (identity_key, phone, name)
       select * from unnest($1::text[], $2::text[], $3::text[]) as u (identity_key, phone, name) order by identity_key
       on conflict do nothing
       returning id, identity_key`,
      columnsOf(
        contacts,
        (contact) => contact.identityKey,
        (contact) => contact.phone,
        (contact) => contact.name,
      ),
    );
    return new Map(rows.map((row) => [row.identity_key, row.id]));
  }

  /** The ones that were free, by {@link mapKey}. */
  async link(tx: Queryable, links: readonly IdentityLink[]): Promise<Set<string>> {
    const rows = await tx.query<Identity>(
      `insert into contact_identities (contact_id, kind, scope, value)
       select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) as u (contact_id, kind, scope, value)
       order by kind, scope, value
       on conflict do nothing
       returning kind, scope, value`,
      [links.map((link) => link.contactId), ...identityColumns(links.map((link) => link.identity))],
    );
    return new Set(rows.map(mapKey));
  }

  /** Takes usernames from whoever has them, and from these contacts the ones they had. */
  async clearUsernames(tx: Tx, links: readonly IdentityLink[]): Promise<void> {
    await tx.query(
      `delete from contact_identities i using (
         select o.id from unnest($1::bigint[], $2::text[], $3::text[]) as u (contact_id, scope, value)
         join contact_identities o
           on o.kind = 'username' and o.scope = u.scope and (o.value = u.value or o.contact_id = u.contact_id)
         order by o.id for update of o
       ) gone
       where i.id = gone.id`,
      columnsOf(
        links,
        (link) => link.contactId,
        (link) => link.identity.scope,
        (link) => link.identity.value,
      ),
    );
  }

  async remove(tx: Tx, contactIds: readonly number[]): Promise<void> {
    await tx.query('delete from contacts where id = any($1::bigint[])', [contactIds]);
  }

  /** Fills a name or a phone that is empty; what is there stays. */
  async fill(tx: Tx, contacts: readonly { id: number; name: string; phone: string | null }[]): Promise<void> {
    await tx.query(
      `with u as (
         select * from unnest($1::bigint[], $2::text[], $3::text[]) as u (id, name, phone)
       ), locked as (
         select c.id from contacts c join u on u.id = c.id order by c.id for no key update of c
       )
       update contacts c set
         name = case when c.name = '' then u.name else c.name end,
         phone = coalesce(c.phone, u.phone),
         updated_at = now()
       from u join locked on locked.id = u.id
       where c.id = u.id`,
      columnsOf(
        contacts,
        (contact) => contact.id,
        (contact) => contact.name,
        (contact) => contact.phone,
      ),
    );
  }

  /** Makes contacts people of the account. */
  async linkToAccount(tx: Tx, accountId: number, contactIds: readonly number[]): Promise<void> {
    await tx.query(
      `insert into contact_accounts (account_id, contact_id)
       select $1, contact_id from unnest($2::bigint[]) as u (contact_id) order by contact_id
       on conflict do nothing`,
      [accountId, contactIds],
    );
  }

  /** Adds phones that are nobody's; a contact without a phone gets its first one. */
  async linkPhones(q: Queryable, links: readonly { contactId: number; phone: PhoneNumber }[]): Promise<void> {
    await q.query(
      `with linked as (
         insert into contact_identities (contact_id, kind, scope, value)
         select u.contact_id, 'phone', '', u.phone from unnest($1::bigint[], $2::text[]) as u (contact_id, phone)
         where not exists (select 1 from contact_identities i where i.kind = 'phone' and i.scope = '' and i.value = u.phone)
         order by u.phone
         on conflict do nothing
         returning contact_id, value
       )
       update contacts c set phone = linked.value, updated_at = now()
       from linked where c.id = linked.contact_id and c.phone is null`,
      columnsOf(
        links,
        (link) => link.contactId,
        (link) => link.phone,
      ),
    );
  }
}

function identityColumns(identities: readonly Identity[]): unknown[][] {
  return columnsOf(
    identities,
    (identity) => identity.kind,
    (identity) => identity.scope,
    (identity) => identity.value,
  );
}
