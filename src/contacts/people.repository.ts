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

  /** What is written from here on can be undone, and what it locked is let go then. */
  async begin(tx: Tx): Promise<void> {
    await tx.query('savepoint people');
  }

  async keep(tx: Tx): Promise<void> {
    await tx.query('release savepoint people');
  }

  async undo(tx: Tx): Promise<null> {
    await tx.query('rollback to savepoint people');
    await this.keep(tx);
    return null;
  }

  /**
   * Takes the rows of contacts that are about to change; whoever only refers to them (a message, a conversation) does not
   * wait for it. @returns how many are still there
   */
  async lock(tx: Tx, contactIds: readonly number[]): Promise<number> {
    const rows = await tx.query('select id from contacts where id = any($1::bigint[]) order by id for no key update', [
      contactIds,
    ]);
    return rows.length;
  }

  /**
   * Creates contacts with their identities, and gives identities to contacts that are there. The identities come first, in
   * order: they are the one gate through which all creators go, and the foreign key to the contacts is checked at the end
   * of the statement.
   * @returns ids by identity key; null when an identity was somebody else's, who has committed by now: the caller has to
   *   undo, for the contacts are written as placeholders then
   */
  async create(
    tx: Tx,
    contacts: readonly NewContact[],
    links: readonly (Omit<IdentityLink, 'contactId'> & { contactId: number | null; identityKey: string })[],
  ): Promise<Map<string, number> | null> {
    const [outcome] = await tx.query<{ linked: number; ids: [string, number][] }>(
      `with fresh as materialized (
         select nextval(pg_get_serial_sequence('contacts', 'id')) as id, u.*
         from unnest($1::text[], $2::text[], $3::text[]) as u (identity_key, phone, name)
       ), linked as (
         insert into contact_identities (contact_id, kind, scope, value)
         select coalesce(u.contact_id, fresh.id), u.kind, u.scope, u.value
         from unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[])
           as u (contact_id, identity_key, kind, scope, value)
         left join fresh on u.contact_id is null and fresh.identity_key = u.identity_key
         order by u.kind, u.scope, u.value
         on conflict do nothing
         returning id
       ), outcome as (
         select count(*)::int as linked, count(*) < cardinality($4::bigint[]) as is_lost from linked
       ), created as (
         insert into contacts (id, identity_key, phone, name)
         select id, case when is_lost then 'undo:' || id else identity_key end, case when is_lost then null else phone end, name
         from fresh, outcome
         returning id, identity_key
       )
       select outcome.linked, coalesce((select jsonb_agg(jsonb_build_array(identity_key, id)) from created), '[]') as ids
       from outcome`,
      [
        ...columnsOf(
          contacts,
          (contact) => contact.identityKey,
          (contact) => contact.phone,
          (contact) => contact.name,
        ),
        links.map((link) => link.contactId),
        links.map((link) => link.identityKey),
        ...identityColumns(links.map((link) => link.identity)),
      ],
    );
    return outcome?.linked === links.length ? new Map(outcome.ids) : null;
  }

  /** @returns how many were free, and are linked now */
  async link(tx: Queryable, links: readonly IdentityLink[]): Promise<number> {
    const rows = await tx.query(
      `insert into contact_identities (contact_id, kind, scope, value)
       select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) as u (contact_id, kind, scope, value)
       order by kind, scope, value
       on conflict do nothing
       returning id`,
      [links.map((link) => link.contactId), ...identityColumns(links.map((link) => link.identity))],
    );
    return rows.length;
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

  /** Fills a name or a phone that is empty; what is there stays. The rows are locked by the caller. */
  async fill(tx: Tx, contacts: readonly { id: number; name: string; phone: string | null }[]): Promise<void> {
    await tx.query(
      `update contacts c set
         name = case when c.name = '' then u.name else c.name end,
         phone = coalesce(c.phone, u.phone),
         updated_at = now()
       from unnest($1::bigint[], $2::text[], $3::text[]) as u (id, name, phone)
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
