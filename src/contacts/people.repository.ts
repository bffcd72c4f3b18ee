import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../common/phone-number.js';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import { contactFieldSql } from './contact-fields.js';
import { identitiesOf, mapKey } from './people-plan.js';
import type { KnownContact, KnownIdentity, KnownPeople, Reading } from './people-plan.js';
import type { AccountScope, Identity, IdentityKind } from './person.js';

interface KnownRow {
  id: number;
  phone: string | null;
  name: string;
  opted_out: boolean;
  /** Null: not one of the account's people. */
  is_blocked: boolean | null;
  /** The identities it was found by. */
  found: [IdentityKind, string, string][];
  identities: KnownIdentity[];
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
 * A contact was merged or deleted while its row was waited for, and others are held already. To look for its successor now
 * would be to wait out of order, for somebody who may wait for us; so the transaction is run again, as after a deadlock.
 */
export class VanishedError extends Error {
  /** PostgreSQL's `serialization_failure`. */
  readonly code = '40001';

  constructor() {
    super('A contact was merged or deleted while it was waited for');
  }
}

/** Identities that are asked for, and whose they are. `$1` numbers the persons who are asked for. */
const FOUND = `
wanted as (
  select * from unnest($1::int[], $2::text[], $3::text[], $4::text[]) as u (ord, kind, scope, value)
), found as materialized (
  select w.ord, i.kind, i.scope, i.value, i.contact_id
  from wanted w join contact_identities i on i.kind = w.kind and i.scope = w.scope and i.value = w.value
)`;

/** Of a contact `c`, with what it was found by in `f`. */
const KNOWN = `
  c.id, c.phone, c.name, c.opted_out,
  (select a.is_blocked from contact_accounts a where a.account_id = $5 and a.contact_id = c.id) as is_blocked,
  coalesce(f.found, '[]') as found,
  coalesce((
    select jsonb_agg(jsonb_build_object('kind', o.kind, 'value', o.value, 'told', case
      when o.kind = 'user_id' and o.created_at = date_trunc('second', o.created_at)
      then extract(epoch from o.created_at)::bigint end) order by o.id)
    from contact_identities o where o.contact_id = c.id and o.scope = $6 and o.kind <> 'phone'
  ), '[]') as identities`;

const FIND = `
with ${FOUND}
select ${KNOWN}
from (
  select contact_id, jsonb_agg(jsonb_build_array(kind, scope, value)) as found from found group by contact_id
) f join contacts c on c.id = f.contact_id`;

const FIND_WITH_IDS = `
with ${FOUND}
select ${KNOWN}
from (
  select contact_id, jsonb_agg(jsonb_build_array(kind, scope, value)) filter (where kind is not null) as found
  from (
    select contact_id, kind, scope, value from found union all select id, null, null, null from unnest($7::bigint[]) id
  ) sought
  group by contact_id
) f join contacts c on c.id = f.contact_id`;

/**
 * Holds the contacts too, in order, where there is nothing to decide: every identity is somebody's, and no person who is
 * asked for is two contacts. Else nothing is held: what has to be changed is locked later and stronger, and two
 * transactions that hold a row weakly and both want it stronger would wait for each other.
 */
const FIND_AND_HOLD = `
with ${FOUND}, calm as materialized (
  select (select count(*) from found) = cardinality($1::int[]) and not exists (
    select 1 from found where kind in ('phone', 'user_id') group by ord having min(contact_id) <> max(contact_id)) as is_calm
), held as materialized (
  select c.id from contacts c
  where (select is_calm from calm) and c.id in (select contact_id from found)
  order by c.id for key share
)
select ${KNOWN}, calm.is_calm as is_held
from calm, (
  select contact_id, jsonb_agg(jsonb_build_array(kind, scope, value)) as found from found group by contact_id
) f join contacts c on c.id = f.contact_id
where not calm.is_calm or c.id in (select id from held)`;

/**
 * Contacts and their identities, always by the batch. Every insert and lock takes its keys in order, so that two batches
 * with the same people wait for each other instead of for one another.
 */
@Injectable()
export class PeopleRepository {
  /** Fields of contacts, as an account is answered them; those without a value are left out. */
  async readFields(
    q: Queryable,
    account: AccountScope,
    contactIds: readonly number[],
    fields: readonly string[],
  ): Promise<Map<number, Record<string, string>>> {
    const scope = { accountId: 'me.account_id', portfolio: 'me.portfolio' };
    const values = fields.flatMap((field, index) => [`$${index + 4}::text`, contactFieldSql(field, scope)]);
    const rows = await q.queryDynamic<{ id: number; fields: Record<string, string> }>(
      `select c.id, jsonb_strip_nulls(jsonb_build_object(${values.join(', ')})) as fields
       from contacts c, (select $2::bigint as account_id, $3::text as portfolio) me
       where c.id = any($1::bigint[])`,
      [contactIds, account.id, account.portfolio, ...fields],
    );
    return new Map(rows.map((row) => [row.id, row.fields]));
  }

  /** The contacts that these identities belong to, by {@link mapKey}. */
  async find(
    q: Queryable,
    account: AccountScope,
    identities: readonly Identity[],
  ): Promise<ReadonlyMap<string, KnownContact>> {
    const rows = await q.query<KnownRow>(FIND, [...wantedColumns(identities.map((one) => [one])), ...scopeOf(account)]);
    return toKnown(rows).byIdentity;
  }

  /** As {@link find} for whole readings, with the contacts that they name by id. */
  async read(q: Queryable, account: AccountScope, readings: readonly Reading[]): Promise<KnownPeople> {
    const ids = readings.flatMap(({ contactId }) => (contactId === null ? [] : [contactId]));
    const wanted = wantedColumns(readings.map(identitiesOf));
    const rows = await q.query<KnownRow>(FIND_WITH_IDS, [...wanted, ...scopeOf(account), [...new Set(ids)]]);
    return toKnown(rows);
  }

  /**
   * As {@link read}, for people whom the caller's transaction is going to write of: when everybody is known and nothing is
   * to be decided, the contacts are held (`for key share`) until it ends, so that none can be merged away or deleted.
   * @param mayConflict readings prove that their identities are one person's
   * @throws {@link VanishedError} when a contact went while it was waited for
   */
  async readAndHold(
    tx: Tx,
    account: AccountScope,
    readings: readonly Reading[],
    mayConflict: boolean,
  ): Promise<KnownPeople & { isHeld: boolean }> {
    const persons = readings.map(identitiesOf);
    const wanted = wantedColumns(mayConflict ? persons : persons.flat().map((one) => [one]));
    const rows = await tx.query<KnownRow & { is_held: boolean }>(FIND_AND_HOLD, [...wanted, ...scopeOf(account)]);
    const known = toKnown(rows);
    const isHeld = rows[0]?.is_held ?? false;
    if (isHeld && persons.some((identities) => identities.some((one) => !known.byIdentity.has(mapKey(one))))) {
      throw new VanishedError();
    }
    return { ...known, isHeld };
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

  /** Holds contacts, as {@link readAndHold} does. @returns how many are still there */
  async hold(tx: Tx, contactIds: readonly number[]): Promise<number> {
    const rows = await tx.query('select id from contacts where id = any($1::bigint[]) order by id for key share', [
      contactIds,
    ]);
    return rows.length;
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

  /**
   * Makes contacts people of the account; who is one already stays what they are, blocked or not.
   * @returns who of them wants no marketing: an identity that they got just now may tell that they opted out and were erased
   */
  async linkToAccount(tx: Tx, accountId: number, contactIds: readonly number[]): Promise<Set<number>> {
    const rows = await tx.query<{ id: number }>(
      `with linked as (
         insert into contact_accounts (account_id, contact_id)
         select $1, contact_id from unnest($2::bigint[]) as u (contact_id) order by contact_id
         on conflict do nothing
       )
       select id from contacts where id = any($2::bigint[]) and opted_out`,
      [accountId, contactIds],
    );
    return new Set(rows.map((row) => row.id));
  }

  /**
   * Flags contacts as the account's blocked people, or as not; a contact that is gone is passed over.
   * @returns those who were not so before
   */
  async setBlocked(tx: Tx, accountId: number, contactIds: readonly number[], isBlocked: boolean): Promise<number[]> {
    const rows = await tx.query<{ contact_id: number }>(
      `with held as materialized (
         select id from contacts where id = any($2::bigint[]) order by id for key share
       )
       insert into contact_accounts as a (account_id, contact_id, is_blocked)
       select $1, id, $3::boolean from held order by id
       on conflict (account_id, contact_id) do update set is_blocked = excluded.is_blocked
       where a.is_blocked <> excluded.is_blocked
       returning a.contact_id`,
      [accountId, contactIds, isBlocked],
    );
    return rows.map((row) => row.contact_id);
  }

  /** Adds phones that are nobody's; a contact without a phone gets its first one. A contact that is gone is passed over. */
  async linkPhones(q: Queryable, links: readonly { contactId: number; phone: PhoneNumber }[]): Promise<void> {
    await q.query(
      `with held as materialized (
         select id from contacts where id = any($1::bigint[]) order by id for key share
       ), linked as (
         insert into contact_identities (contact_id, kind, scope, value)
         select u.contact_id, 'phone', '', u.phone
         from unnest($1::bigint[], $2::text[]) as u (contact_id, phone) join held on held.id = u.contact_id
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

function toKnown(rows: readonly KnownRow[]): KnownPeople {
  const byIdentity = new Map<string, KnownContact>();
  const byId = new Map<number, KnownContact>();
  for (const row of rows) {
    const contact: KnownContact = {
      id: row.id,
      phone: row.phone,
      name: row.name,
      optedOut: row.opted_out,
      isLinked: row.is_blocked !== null,
      isBlocked: row.is_blocked ?? false,
      identities: row.identities,
    };
    byId.set(row.id, contact);
    for (const [kind, scope, value] of row.found) {
      byIdentity.set(mapKey({ kind, scope, value }), contact);
    }
  }
  return { byIdentity, byId };
}

/** Columns of `wanted`: each person's identities under one number, each person once. */
function wantedColumns(persons: readonly (readonly Identity[])[]): unknown[][] {
  const distinct = new Map(persons.map((identities) => [identities.map(mapKey).join('\n'), identities]));
  const rows = [...distinct.values()].flatMap((identities, ord) => identities.map((identity) => ({ ord, identity })));
  return [rows.map((row) => row.ord), ...identityColumns(rows.map((row) => row.identity))];
}

function scopeOf(account: AccountScope): [number, string] {
  return [account.id, account.portfolio];
}

function identityColumns(identities: readonly Identity[]): unknown[][] {
  return columnsOf(
    identities,
    (identity) => identity.kind,
    (identity) => identity.scope,
    (identity) => identity.value,
  );
}
