import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import { hashSql } from './row-writer.js';

/** What all rows of a batch with one phone say of that person together. */
export interface PersonOfPhone {
  phone: string;
  name: string;
  email: string;
  notes: string;
  optedOut: boolean;
  /** When the row that opted them out was last written. */
  optedOutAt: Date;
  signupId: number | null;
  subscribedAt: Date | null;
  createdAt: Date;
}

/** A contact as it is after a batch. */
export interface TouchedContact {
  id: number;
  hash: Buffer;
}

const HASH = hashSql('c', ['name', 'email', 'notes']);
const MAX_NOTES = 10_000;

/** Of `u`, what a batch says of contacts `c`: who is opted out, unless they said otherwise here later. */
const OPTS_OUT = `u.opted_out and not c.opted_out and coalesce(c.consent_changed_at, '-infinity') < u.opted_out_at`;
const OPT_OUT = `
  opted_out = c.opted_out or (${OPTS_OUT}),
  opted_out_at = case when ${OPTS_OUT} then u.opted_out_at else c.opted_out_at end,
  opted_out_source = case when ${OPTS_OUT} then 'import' else c.opted_out_source end,
  consent_changed_at = case when ${OPTS_OUT} then u.opted_out_at else c.consent_changed_at end,
  subscribed_via_signup_id = coalesce(c.subscribed_via_signup_id, u.signup_id),
  subscribed_at = coalesce(c.subscribed_at, u.subscribed_at)`;
const GIVEN = `
  unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::timestamptz[], $7::bigint[], $8::timestamptz[],
    $9::timestamptz[])`;
const GIVEN_COLUMNS = 'phone, name, email, notes, opted_out, opted_out_at, signup_id, subscribed_at, created_at';

/** The person whom somebody else created meanwhile: the transaction is run again, and finds them. */
class CreatedMeanwhile extends Error {
  /** PostgreSQL's `serialization_failure`. */
  readonly code = '40001';
}

/**
 * Contacts of the Django package, which belong to nobody there. So they are written here, and not by `PeopleService.ensure`,
 * which makes everybody an account's people, fills names only, and says nothing of the wish of those it finds.
 */
@Injectable()
export class ImportedContactsRepository {
  /** Contacts by phone; nobody else writes them until the transaction ends. */
  async lock(tx: Tx, phones: readonly string[]): Promise<Map<string, number>> {
    const rows = await tx.query<{ phone: string; id: number }>(
      `select i.value as phone, c.id
       from contact_identities i join contacts c on c.id = i.contact_id
       where i.kind = 'phone' and i.scope = '' and i.value = any($1::text[])
       order by c.id for no key update of c`,
      [phones],
    );
    return new Map(rows.map((row) => [row.phone, row.id]));
  }

  /** Creates people whom nobody knows: identities first, in order, as everybody does who creates people. */
  async create(tx: Tx, people: readonly PersonOfPhone[]): Promise<Map<string, TouchedContact>> {
    const rows = await tx.query<{ phone: string } & TouchedContact>(
      `with fresh as materialized (
         select nextval(pg_get_serial_sequence('contacts', 'id')) as id, u.* from ${GIVEN} as u (${GIVEN_COLUMNS})
       ), linked as (
         insert into contact_identities (contact_id, kind, scope, value)
         select id, 'phone', '', phone from fresh order by phone on conflict do nothing
         returning contact_id
       )
       insert into contacts as c (id, identity_key, phone, name, email, notes, opted_out, opted_out_at, opted_out_source,
         consent_changed_at, subscribed_via_signup_id, subscribed_at, created_at)
       select f.id, 'phone:' || f.phone, f.phone, f.name, f.email, f.notes, f.opted_out,
         case when f.opted_out then f.opted_out_at end, case when f.opted_out then 'import' end,
         case when f.opted_out then f.opted_out_at end, f.signup_id, f.subscribed_at, f.created_at
       from fresh f join linked on linked.contact_id = f.id
       returning c.phone, c.id, ${HASH} as hash`,
      given(people),
    );
    if (rows.length < people.length) {
      throw new CreatedMeanwhile('A person was created by somebody else meanwhile');
    }
    return new Map(rows.map(({ phone, ...contact }) => [phone, contact]));
  }

  /** What the contacts lack is filled; what they have stays, and notes are added to notes. The rows are locked. */
  async fill(tx: Tx, people: readonly (PersonOfPhone & { id: number })[]): Promise<TouchedContact[]> {
    return tx.query<TouchedContact>(
      `update contacts c set
         name = case when c.name = '' then u.name else c.name end,
         email = case when c.email = '' then u.email else c.email end,
         notes = case when u.notes = '' or position(u.notes in c.notes) > 0 then c.notes
           when c.notes = '' then u.notes else left(c.notes || E'\\n' || u.notes, ${MAX_NOTES}) end,
         created_at = least(c.created_at, u.created_at),
         updated_at = now(), ${OPT_OUT}
       from (select * from ${GIVEN} with ordinality as g (${GIVEN_COLUMNS}, ord)) u
       join unnest($10::bigint[]) with ordinality as k (id, ord) using (ord)
       where c.id = k.id
       returning c.id, ${HASH} as hash`,
      [...given(people), people.map((person) => person.id)],
    );
  }

  /** What changed over there changes here, where nobody changed it since. @returns those that were changed */
  async change(
    tx: Tx,
    people: readonly (PersonOfPhone & { id: number; knownHash: Buffer | null })[],
  ): Promise<TouchedContact[]> {
    const ids = people.map((person) => person.id);
    const changed = await tx.query<TouchedContact>(
      `update contacts c set
         name = case when u.name = '' then c.name else u.name end,
         email = case when u.email = '' then c.email else u.email end,
         notes = case when u.notes = '' then c.notes else u.notes end,
         updated_at = now()
       from (select * from ${GIVEN} with ordinality as g (${GIVEN_COLUMNS}, ord)) u
       join unnest($10::bigint[], $11::bytea[]) with ordinality as k (id, known_hash, ord) using (ord)
       where c.id = k.id and ${HASH} = k.known_hash
       returning c.id, ${HASH} as hash`,
      [...given(people), ids, people.map((person) => person.knownHash)],
    );
    await tx.query(
      `update contacts c set updated_at = now(), ${OPT_OUT}
       from (select * from ${GIVEN} with ordinality as g (${GIVEN_COLUMNS}, ord)) u
       join unnest($10::bigint[]) with ordinality as k (id, ord) using (ord)
       where c.id = k.id and ((${OPTS_OUT}) or (c.subscribed_at is null and u.subscribed_at is not null))`,
      [...given(people), ids],
    );
    return changed;
  }

  /** Labels are added, never taken. */
  async label(tx: Tx, pairs: readonly { contactId: number; labelId: number }[]): Promise<void> {
    await tx.query(
      `insert into contact_labels (contact_id, label_id)
       select distinct u.contact_id, l.id from unnest($1::bigint[], $2::bigint[]) as u (contact_id, label_id)
       join labels l on l.id = u.label_id join contacts c on c.id = u.contact_id
       order by 1, 2 on conflict do nothing`,
      columnsOf(
        pairs,
        (pair) => pair.contactId,
        (pair) => pair.labelId,
      ),
    );
  }

  /** Who came by which signup; they are its account's people. Its count is what Django counted. */
  async subscribe(tx: Tx, subscribers: readonly { contactId: number; signupId: number; at: Date }[]): Promise<void> {
    const columns = columnsOf(
      subscribers,
      (subscriber) => subscriber.signupId,
      (subscriber) => subscriber.contactId,
      (subscriber) => subscriber.at,
    );
    await tx.query(
      `with came as materialized (
         select s.account_id, s.id as signup_id, u.contact_id, min(u.at) as first, max(u.at) as last
         from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as u (signup_id, contact_id, at)
         join signups s on s.id = u.signup_id join contacts c on c.id = u.contact_id
         group by 1, 2, 3
       ), linked as (
         insert into contact_accounts (account_id, contact_id) select distinct account_id, contact_id from came
         order by 1, 2 on conflict do nothing
       )
       insert into signup_subscribers (account_id, signup_id, contact_id, subscribed_at, last_subscribed_at)
       select account_id, signup_id, contact_id, first, last from came order by account_id, signup_id, contact_id
       on conflict do nothing`,
      columns,
    );
  }
}

function given(people: readonly PersonOfPhone[]): unknown[][] {
  return columnsOf(
    people,
    (person) => person.phone,
    (person) => person.name,
    (person) => person.email,
    (person) => person.notes,
    (person) => person.optedOut,
    (person) => person.optedOutAt,
    (person) => person.signupId,
    (person) => person.subscribedAt,
    (person) => person.createdAt,
  );
}
