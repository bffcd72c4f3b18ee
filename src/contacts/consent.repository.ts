import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** What is known of a person's wish, locked by this transaction. */
export interface ConsentState {
  id: number;
  phone: string | null;
  opted_out: boolean;
  opted_out_source: string | null;
  /** Of the newest event that was applied; null: there was none. */
  changed_at: Date | null;
}

/** What a person's wish is from now on. */
export interface ConsentOutcome {
  contactId: number;
  optedOut: boolean;
  at: Date;
  source: string;
}

@Injectable()
export class ConsentRepository {
  /** Locks in id order; a contact that is gone is left out. */
  async lock(tx: Tx, contactIds: readonly number[]): Promise<ConsentState[]> {
    return tx.query<ConsentState>(
      `select id, phone, opted_out, opted_out_source, coalesce(consent_changed_at, opted_out_at) as changed_at
       from contacts where id = any($1::bigint[]) order by id for no key update`,
      [contactIds],
    );
  }

  async write(tx: Tx, outcomes: readonly ConsentOutcome[]): Promise<void> {
    await tx.query(
      `update contacts c set
         opted_out = u.opted_out,
         opted_out_at = case when u.opted_out then u.at end,
         opted_out_source = case when u.opted_out then u.source end,
         consent_changed_at = u.at,
         updated_at = now()
       from unnest($1::bigint[], $2::boolean[], $3::timestamptz[], $4::text[]) as u (id, opted_out, at, source)
       where c.id = u.id`,
      columnsOf(
        outcomes,
        (outcome) => outcome.contactId,
        (outcome) => outcome.optedOut,
        (outcome) => outcome.at,
        (outcome) => outcome.source,
      ),
    );
  }

  /** They said again what is known: nothing changes, but an older event that comes later counts no more. */
  async confirm(tx: Tx, contactId: number, at: Date): Promise<void> {
    await tx.query('update contacts set consent_changed_at = greatest(consent_changed_at, $2) where id = $1', [
      contactId,
      at,
    ]);
  }

  /** They want marketing again: what was kept of an earlier erasure holds no more. */
  async forgetErasedOptOuts(tx: Tx, contactIds: readonly number[]): Promise<void> {
    await tx.query(
      `delete from opt_out_hashes where identity_hash in (
         select identity_hash(i.kind, i.scope, i.value) from contact_identities i where i.contact_id = any($1::bigint[]))`,
      [contactIds],
    );
  }
}
