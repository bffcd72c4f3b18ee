import { Injectable } from '@nestjs/common';
import type { Erasure, Merge } from '../contacts/people-ports.js';
import type { Tx } from '../database/database.js';

/** Whose recipients are. */
@Injectable()
export class RecipientPeopleRepository {
  async move(tx: Tx, { survivorId, goneId }: Merge): Promise<void> {
    await tx.query(
      `with moved as (
         select id from campaign_recipients where contact_id = $2 order by id for no key update
       )
       update campaign_recipients r set contact_id = $1 from moved where r.id = moved.id`,
      [survivorId, goneId],
    );
  }

  /** A person is in a campaign once: of recipients that turned out to be one person, one at most is still sent to. */
  async skipDoubles(tx: Tx, contactId: number): Promise<void> {
    await tx.query(
      `with doubles as (
         select r.id from campaign_recipients r
         where r.contact_id = $1 and r.status = 'pending' and exists (
           select 1 from campaign_recipients other
           where other.contact_id = $1 and other.campaign_id = r.campaign_id and other.id <> r.id
             and (other.status in ('sending', 'sent', 'delivered', 'read', 'unknown')
               or (other.status = 'pending' and other.id < r.id)))
         order by r.id for no key update of r
       )
       update campaign_recipients r set status = 'skipped', skip_reason = 'duplicate' from doubles
       where r.id = doubles.id and r.status = 'pending'`,
      [contactId],
    );
  }

  /**
   * The person's lines in all campaigns, with those that repeat them; what became of them stays, and with it the counts. Who
   * waits to be sent to is skipped.
   */
  async erase(tx: Tx, { contactId, phones, userIds }: Erasure): Promise<void> {
    const identities = [...phones.map((phone) => `phone:${phone}`), ...userIds.map((userId) => `user:${userId}`)];
    await tx.query(
      `with own as (
         select id, campaign_id from campaign_recipients where contact_id = $1
         union
         -- Those of a file have no contact before they are sent to. By campaign: only within one is an identity indexed.
         select r.id, r.campaign_id
         from campaigns c cross join unnest($2::text[]) i (identity)
         join campaign_recipients r on r.campaign_id = c.id and r.identity = i.identity
         where r.contact_id is null
       ), doomed as (
         select id from own
         union
         select r.id from campaign_recipients r
         where r.campaign_id in (select campaign_id from own) and r.status = 'skipped' and r.phone = any($3::text[])
           and r.contact_id is null
       ), locked as (
         select r.id from campaign_recipients r join doomed on doomed.id = r.id order by r.id for no key update of r
       )
       update campaign_recipients r set identity = 'erased:' || r.id, contact_id = null, phone = null, user_id = null,
         name = '', parameters = '{}',
         skip_reason = case when r.status = 'pending' then 'erased' else r.skip_reason end,
         status = case when r.status = 'pending' then 'skipped' else r.status end
       from locked where r.id = locked.id`,
      [contactId, identities, phones],
    );
  }
}
