import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import type { MergedContact } from './people-merge.js';
import type { Merge } from './people-ports.js';
import type { Identity, IdentityKind } from './person.js';

/** An identity of a contact. */
export interface OwnedIdentity {
  kind: IdentityKind;
  scope: string;
  value: string;
  since: Date;
  /** A change told of it, and when: in whole seconds, as Meta tells time. Else it is dated by when it was first seen. */
  isTold: boolean;
}

interface ContactRow {
  id: number;
  phone: string | null;
  name: string;
  email: string;
  notes: string;
  opted_out: boolean;
  opted_out_at: Date | null;
  opted_out_source: string | null;
  consent_changed_at: Date | null;
  subscribed_via_signup_id: number | null;
  subscribed_at: Date | null;
  created_at: Date;
}

/** An identity as `contacts.identity_key` writes it. */
const KEY_OF = `case i.kind when 'phone' then 'phone:' || i.value else 'user:' || i.scope || ':' || i.value end`;

/** Contacts that become one, and identities that change hands. Whoever calls has locked the contacts. */
@Injectable()
export class PeopleMergeRepository {
  /** Locks contacts in the order of their ids: who writes for one of them waits, or is waited for. */
  async lock(tx: Tx, contactIds: readonly number[]): Promise<Map<number, MergedContact>> {
    const rows = await tx.query<ContactRow>(
      `select id, phone, name, email, notes, opted_out, opted_out_at, opted_out_source, consent_changed_at,
         subscribed_via_signup_id, subscribed_at, created_at
       from contacts where id = any($1::bigint[]) order by id for update`,
      [contactIds],
    );
    return new Map(rows.map((row) => [row.id, toContact(row)]));
  }

  /**
   * Identities, labels and accounts of the one go to the other. Of two usernames at one business the newer stays; whom an
   * account has blocked under either name is blocked.
   * @returns the accounts whose block is new to the survivor
   */
  async moveBelongings(tx: Tx, { survivorId, goneId }: Merge): Promise<number[]> {
    const linked = await tx.query<{ account_id: number; is_blocked: boolean }>(
      `with moved as (
         update contact_identities set contact_id = $1 where contact_id = $2
       ), labelled as (
         insert into contact_labels (contact_id, label_id)
         select $1, label_id from contact_labels where contact_id = $2 order by label_id on conflict do nothing
       )
       insert into contact_accounts as kept (account_id, contact_id, is_blocked)
       select account_id, $1, is_blocked from contact_accounts where contact_id = $2 order by account_id
       on conflict (account_id, contact_id) do update set is_blocked = true
       where excluded.is_blocked and not kept.is_blocked
       returning account_id, is_blocked`,
      [survivorId, goneId],
    );
    await tx.query(
      `delete from contact_identities i using contact_identities newer
       where i.contact_id = $1 and i.kind = 'username'
         and newer.contact_id = $1 and newer.kind = 'username' and newer.scope = i.scope and newer.id > i.id`,
      [survivorId],
    );
    return linked.filter((row) => row.is_blocked).map((row) => row.account_id);
  }

  async remove(tx: Tx, contactId: number): Promise<void> {
    await tx.query('delete from contacts where id = $1', [contactId]);
  }

  async write(tx: Tx, contact: MergedContact): Promise<void> {
    await tx.query(
      `update contacts set phone = $2, name = $3, email = $4, notes = $5, opted_out = $6, opted_out_at = $7,
         opted_out_source = $8, consent_changed_at = $9, subscribed_via_signup_id = $10, subscribed_at = $11,
         created_at = $12, updated_at = now()
       where id = $1`,
      [
        contact.id,
        contact.phone,
        contact.name,
        contact.email,
        contact.notes,
        contact.optedOut,
        contact.optedOutAt,
        contact.optedOutSource,
        contact.consentChangedAt,
        contact.subscribedViaSignupId,
        contact.subscribedAt,
        contact.createdAt,
      ],
    );
  }

  /** All identities of a contact, the oldest first. */
  async identitiesOf(tx: Tx, contactId: number): Promise<OwnedIdentity[]> {
    return tx.query<OwnedIdentity>(
      `select kind, scope, value, created_at as since, created_at = date_trunc('second', created_at) as "isTold"
       from contact_identities where contact_id = $1 order by id`,
      [contactId],
    );
  }

  /** Gives an identity that nobody has, as if it had been known since then. @returns false when somebody has it */
  async give(tx: Tx, contactId: number, identity: Identity, since: Date): Promise<boolean> {
    const rows = await tx.query(
      `insert into contact_identities (contact_id, kind, scope, value, created_at) values ($1, $2, $3, $4, $5)
       on conflict do nothing returning id`,
      [contactId, identity.kind, identity.scope, identity.value, since],
    );
    return rows.length > 0;
  }

  async take(tx: Tx, contactId: number, identity: Identity): Promise<void> {
    await tx.query('delete from contact_identities where contact_id = $1 and kind = $2 and scope = $3 and value = $4', [
      contactId,
      identity.kind,
      identity.scope,
      identity.value,
    ]);
  }

  /** Is it since then that the identity is whose it is? */
  async isSince(tx: Tx, identity: Identity, since: Date): Promise<boolean> {
    const rows = await tx.query(
      'select 1 from contact_identities where kind = $1 and scope = $2 and value = $3 and created_at = $4',
      [identity.kind, identity.scope, identity.value, since],
    );
    return rows.length > 0;
  }

  /** Since when an identity is whose it is. */
  async date(tx: Tx, contactId: number, identity: Identity, since: Date): Promise<void> {
    await tx.query(
      `update contact_identities set created_at = $5 where contact_id = $1 and kind = $2 and scope = $3 and value = $4`,
      [contactId, identity.kind, identity.scope, identity.value, since],
    );
  }

  /** Makes a user id the newest of its contact at its business; the newest is the one with the highest id. */
  async makeNewest(tx: Tx, contactId: number, user: Identity): Promise<void> {
    await tx.query(
      `update contact_identities i set id = nextval(pg_get_serial_sequence('contact_identities', 'id'))
       where i.contact_id = $1 and i.kind = 'user_id' and i.scope = $2 and i.value = $3
         and exists (select 1 from contact_identities newer where newer.contact_id = $1 and newer.kind = 'user_id'
           and newer.scope = $2 and newer.id > i.id)`,
      [contactId, user.scope, user.value],
    );
  }

  async setPhone(tx: Tx, contactId: number, phone: string | null): Promise<void> {
    await tx.query('update contacts set phone = $2, updated_at = now() where id = $1', [contactId, phone]);
  }

  /**
   * What a contact was created from may have gone to somebody else, for whom it would be in the way one day: then the
   * contact goes by another of its identities.
   */
  async renewKey(tx: Tx, contactId: number): Promise<void> {
    await tx.query(
      `update contacts c set identity_key = coalesce((
         select ${KEY_OF} from contact_identities i
         where i.contact_id = c.id and i.kind <> 'username'
         order by (i.kind = 'phone' and i.value = c.phone) desc nulls last, i.kind = 'phone' desc, i.id limit 1
       ), 'contact:' || c.id)
       where c.id = $1 and not exists (
         select 1 from contact_identities i where i.contact_id = c.id and i.kind <> 'username' and ${KEY_OF} = c.identity_key)`,
      [contactId],
    );
  }
}

function toContact(row: ContactRow): MergedContact {
  return {
    id: row.id,
    phone: row.phone,
    name: row.name,
    email: row.email,
    notes: row.notes,
    optedOut: row.opted_out,
    optedOutAt: row.opted_out_at,
    optedOutSource: row.opted_out_source,
    consentChangedAt: row.consent_changed_at,
    subscribedViaSignupId: row.subscribed_via_signup_id,
    subscribedAt: row.subscribed_at,
    createdAt: row.created_at,
  };
}
