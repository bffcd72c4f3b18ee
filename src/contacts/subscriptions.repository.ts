import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** That somebody subscribed by a signup, and when they last did. */
export interface Subscription {
  contactId: number;
  /** Our id of the signup. */
  signupId: number;
  at: Date;
}

/** What of a contact tells how it came. */
@Injectable()
export class SubscriptionsRepository {
  /** The newest counts; of the signup that is known already, what is told now. A contact that is gone is passed over. */
  async note(tx: Tx, subscriptions: readonly Subscription[]): Promise<void> {
    await tx.query(
      `update contacts c set subscribed_via_signup_id = u.signup_id, subscribed_at = u.at, updated_at = now()
       from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as u (contact_id, signup_id, at)
       where c.id = u.contact_id
         and (c.subscribed_via_signup_id, c.subscribed_at) is distinct from (u.signup_id, u.at)
         and (c.subscribed_at is null or c.subscribed_at <= u.at or c.subscribed_via_signup_id = u.signup_id)`,
      columnsOf(
        subscriptions,
        ({ contactId }) => contactId,
        ({ signupId }) => signupId,
        ({ at }) => at,
      ),
    );
  }

  async addLabels(tx: Tx, pairs: readonly { contactId: number; labelId: number }[]): Promise<void> {
    await tx.query(
      `insert into contact_labels (contact_id, label_id)
       select distinct contact_id, label_id from unnest($1::bigint[], $2::bigint[]) as u (contact_id, label_id)
       order by contact_id, label_id
       on conflict do nothing`,
      columnsOf(
        pairs,
        ({ contactId }) => contactId,
        ({ labelId }) => labelId,
      ),
    );
  }
}
