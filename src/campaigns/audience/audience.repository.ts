import { Injectable } from '@nestjs/common';
import { isBlockedBy, type CompiledAudience } from '../../contacts/contact-audience.js';
import type { AccountScope } from '../../contacts/person.js';
import type { Queryable, Tx } from '../../database/database.js';
import type { AudienceState } from '../campaign.entity.js';
import { SLOT_KEYS, type SlotUser } from '../campaign-slots.js';

/** A campaign whose people are still being brought in. */
export interface ResolvingCampaign extends SlotUser {
  account_id: number;
  name: string;
  audience_type: string;
  audience_filters: Record<string, unknown>;
  visible_account_ids: number[] | null;
  audience_cursor: string;
}

/** Parameters 1 to 5 of the insert are its own. */
export const FIRST_AUDIENCE_PARAMETER = 6;

/** While it may send, or wait to; of one that failed for its audience a person decides first. */
const IS_RESOLVING = `audience_state = 'resolving' and status in ('running', 'paused')
  and not (status = 'paused' and status_reason ->> 'code' = 'audience_failed')`;

/** Bringing an audience in, page by page. */
@Injectable()
export class AudienceRepository {
  async lastContactId(q: Queryable): Promise<number> {
    const [row] = await q.query<{ id: number | null }>('select max(id) as id from contacts');
    return row?.id ?? 0;
  }

  /** Ids only grow: whoever is brought in next is behind it. */
  async lastRecipientId(tx: Tx, campaignId: number): Promise<number> {
    const [row] = await tx.query<{ id: number | null }>(
      'select max(id) as id from campaign_recipients where campaign_id = $1',
      [campaignId],
    );
    return row?.id ?? 0;
  }

  /**
   * The next contacts of an audience, by id: one statement whatever their number. Those who opted out or are blocked come in skipped,
   * those without a phone or a user id that this portfolio knows as well.
   * @param audience its parameters numbered from {@link FIRST_AUDIENCE_PARAMETER}
   * @returns the last contact of a full page; null when there is nobody behind these
   */
  async insertContacts(
    tx: Tx,
    key: { accountId: number; campaignId: number },
    audience: CompiledAudience,
    page: { after: number; until: number; limit: number },
  ): Promise<number | null> {
    const [row] = await tx.queryDynamic<{ last: number | null; count: number }>(
      `with page as materialized (
         select a.*, coalesce('phone:' || a.phone, 'user:' || a.user_id) as address
         from (${audience.sql}) a
         where a.contact_id > $3 and a.contact_id <= $4
         order by a.contact_id limit $5
       ), added as (
         insert into campaign_recipients
           (account_id, campaign_id, identity, contact_id, phone, user_id, name, parameters, status, skip_reason)
         select $1, $2, coalesce(p.address, 'contact:' || p.contact_id), p.contact_id, p.phone, p.user_id, p.name,
           jsonb_build_object('name', p.name, 'phone', coalesce(p.phone, ''), 'email', p.email),
           case when p.opted_out or p.is_blocked or p.address is null then 'skipped' else 'pending' end,
           case when p.opted_out then 'opted_out' when p.address is null then 'invalid' when p.is_blocked then 'blocked' end
         from page p
         order by p.contact_id
         on conflict (campaign_id, identity) do nothing
       )
       select max(contact_id) as last, count(*) as count from page`,
      [key.accountId, key.campaignId, page.after, page.until, page.limit, ...audience.values],
    );
    return row && row.count === page.limit ? row.last : null;
  }

  /**
   * Of those behind the given recipient, who opted out or is blocked is left in peace, whatever number or id they are known
   * by. Each is looked up by itself: a page is small, and what a join would read is everybody. Nothing is joined to the
   * recipients but one row of ids: a join of two sets of which PostgreSQL knows nothing yet became a loop in a loop (30 s).
   */
  async skipLeftInPeace(tx: Tx, account: AccountScope, campaignId: number, afterRecipientId: number): Promise<void> {
    await tx.query(
      `with fresh as materialized (
         select id, phone, user_id from campaign_recipients where campaign_id = $1 and id > $2 and phase = 0
       ), unwanted as materialized (
         select r.id, bool_or(c.opted_out) as is_opted_out
         from fresh r cross join lateral (
           select i.contact_id from contact_identities i where i.kind = 'phone' and i.scope = '' and i.value = r.phone
           union all
           select i.contact_id from contact_identities i
           where i.kind in ('user_id', 'parent_user_id') and i.scope = $4 and i.value = r.user_id
           offset 0
         ) k cross join lateral (
           select c.opted_out, ${isBlockedBy('$3', 'c.id')} as is_blocked from contacts c where c.id = k.contact_id offset 0
         ) c
         where c.opted_out or c.is_blocked
         group by r.id
       ), ids as (
         select array_agg(id) as unwanted, coalesce(array_agg(id) filter (where is_opted_out), '{}') as opted_out from unwanted
       )
       update campaign_recipients r
       set status = 'skipped', skip_reason = case when r.id = any(ids.opted_out) then 'opted_out' else 'blocked' end
       from ids where r.id = any(ids.unwanted) and r.phase = 0`,
      [campaignId, afterRecipientId, account.id, account.portfolio],
    );
  }

  /** What a run says of its audience: complete, or where the worker goes on. */
  async begin(tx: Tx, campaignId: number, state: AudienceState, cursor: string | null): Promise<void> {
    await tx.query(
      'update campaigns set audience_state = $2, audience_cursor = $3, audience_lease_until = null where id = $1',
      [campaignId, state, cursor],
    );
  }

  /**
   * Takes a campaign whose audience nobody brings in, for so long. Only the database's clock decides.
   * @param which `isContacts`: one whose people are contacts, or one whose people somebody else gives
   */
  async take(
    q: Queryable,
    leaseS: number,
    which: { isContacts: boolean; exceptIds: readonly number[]; exceptKeys: readonly string[] },
  ): Promise<ResolvingCampaign | null> {
    const [row] = await q.query<ResolvingCampaign>(
      `update campaigns set audience_lease_until = now() + make_interval(secs => $1)
       where id = (
         select id from campaigns
         where ${IS_RESOLVING} and (audience_lease_until is null or audience_lease_until < now())
           and (audience_cursor::jsonb ->> 'giver' = 'contacts') = $2::boolean
           and id <> all($3::bigint[]) and not ${SLOT_KEYS} && $4::text[]
         order by id limit 1
         for no key update skip locked)
       returning id, account_id, name, audience_type, audience_filters, visible_account_ids, audience_cursor,
         ${SLOT_KEYS} as "slotKeys"`,
      [leaseS, which.isContacts, which.exceptIds, which.exceptKeys],
    );
    return row ?? null;
  }

  /** @returns false when it is no longer wanted (cancelled, failed), or another has gone on with it */
  async keep(q: Queryable, id: number, cursor: string, leaseS: number): Promise<boolean> {
    const rows = await q.query(
      `update campaigns set audience_lease_until = now() + make_interval(secs => $3)
       where id = $1 and audience_cursor = $2 and ${IS_RESOLVING}
       returning id`,
      [id, cursor, leaseS],
    );
    return rows.length > 0;
  }

  /**
   * Says how far it is, in the transaction of the page. The cursor is the guard: of two who bring in the same page one
   * commits, and the other's page is undone.
   * @param to null: these were the last
   */
  async advance(tx: Tx, id: number, cursor: { from: string; to: string | null }, leaseS: number): Promise<boolean> {
    const rows = await tx.query(
      `update campaigns set audience_cursor = $3, audience_state = case when $3::text is null then 'resolved' else 'resolving' end,
         audience_lease_until = case when $3::text is null then null else now() + make_interval(secs => $4) end
       where id = $1 and audience_cursor = $2 and ${IS_RESOLVING}
       returning id`,
      [id, cursor.from, cursor.to, leaseS],
    );
    return rows.length > 0;
  }

  /** Lets others go on with it at once. */
  async release(q: Queryable, id: number): Promise<void> {
    await q.query('update campaigns set audience_lease_until = null where id = $1', [id]);
  }

  /** Of campaigns that were ended meanwhile nobody more is brought in: what is there is the audience. */
  async settleEnded(q: Queryable): Promise<void> {
    await q.query(
      `update campaigns set audience_state = 'resolved', audience_cursor = null, audience_lease_until = null
       where audience_state = 'resolving' and status in ('completed', 'failed', 'cancelled')`,
    );
  }
}
