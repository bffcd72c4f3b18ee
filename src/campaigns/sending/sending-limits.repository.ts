import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';
import type { FrequencyCap } from '../campaign.entity.js';
import { capConditions } from '../frequency-cap.js';

/** Locks the count of a portfolio, so that two of its numbers do not both take the last of it. */
const LIMIT_LOCK = 7_251_911;

/** Who has heard enough for now: from this account, by Meta's word, or by the limit of the portfolio. */
@Injectable()
export class SendingLimitsRepository {
  /**
   * How many campaign messages of the account each of these people got, or may have got, of late. One that was tried several
   * times counts once.
   * @param people with their threads, along which what deleted campaigns sent is found: a contact's own index has all its chats
   * @param exceptRecipientIds whom the caller counts itself
   */
  async countRecent(
    q: Queryable,
    accountId: number,
    people: readonly { contactId: number; conversationId: number }[],
    cap: FrequencyCap,
    exceptRecipientIds: readonly number[],
  ): Promise<Map<number, number>> {
    const { isReached, isOfDeleted } = capConditions('$4');
    const rows = await q.query<{ contact_id: number; n: number }>(
      `select contact_id, count(distinct recipient_id) as n
       from (
         select r.contact_id, r.id as recipient_id
         from campaign_recipients r
         where r.contact_id = any($2::bigint[]) and r.account_id = $1 and ${isReached}
         union all
         select m.contact_id, m.campaign_recipient_id
         from messages m
         where m.conversation_id = any($3::bigint[]) and ${isOfDeleted}
       ) heard
       where recipient_id <> all($5::bigint[])
       group by contact_id`,
      [
        accountId,
        people.map(({ contactId }) => contactId),
        people.map(({ conversationId }) => conversationId),
        cap.hours,
        exceptRecipientIds,
      ],
    );
    return new Map(rows.map((row) => [row.contact_id, row.n]));
  }

  /** Of these people, those to whom Meta said "not now" (131049) and whose time is not over. */
  async findResting(q: Queryable, accountId: number, contactIds: readonly number[]): Promise<Set<number>> {
    const rows = await q.query<{ contact_id: number }>(
      `select contact_id from contact_cooldowns
       where account_id = $1 and contact_id = any($2::bigint[]) and until > now()`,
      [accountId, contactIds],
    );
    return new Set(rows.map((row) => row.contact_id));
  }

  /**
   * Takes places for people within the portfolio's limit of 24 hours. Those who wrote to us in that time, and those who were
   * written to already, need none.
   * @param limit people that may be written to outside their service window in 24 hours
   * @returns those who may be written to now
   */
  async takePlaces(
    tx: Tx,
    place: { portfolio: string; accountId: number; limit: number },
    contactIds: readonly number[],
  ): Promise<Set<number>> {
    await tx.query('select pg_advisory_xact_lock($1, hashtext($2))', [LIMIT_LOCK, place.portfolio]);
    const rows = await tx.query<{ contact_id: number }>(
      `with wanted as (
         select u.contact_id, u.ord,
           exists (select 1 from conversations c where c.account_id = $2 and c.contact_id = u.contact_id
             and c.last_inbound_at > now() - interval '24 hours') as is_open,
           exists (select 1 from contacted_people p where p.portfolio = $1 and p.contact_id = u.contact_id
             and p.last_at > now() - interval '24 hours') as is_counted
         from unnest($3::bigint[]) with ordinality as u (contact_id, ord)
       ), used as (
         select count(*) as n from contacted_people where portfolio = $1 and last_at > now() - interval '24 hours'
       ), numbered as (
         select w.*, row_number() over (partition by is_open or is_counted order by ord) as place from wanted w
       ), free as (
         select n.* from numbered n, used where n.is_open or n.is_counted or n.place <= $4 - used.n
       ), noted as (
         insert into contacted_people (portfolio, contact_id, last_at)
         select distinct on (contact_id) $1, contact_id, now() from free where not is_open order by contact_id
         on conflict (portfolio, contact_id) do update set last_at = excluded.last_at
       )
       select contact_id from free`,
      [place.portfolio, place.accountId, contactIds, place.limit],
    );
    return new Set(rows.map((row) => row.contact_id));
  }
  /**
   * When there will be a place for everybody who waits in the campaign, if nobody else takes any. To look at them earlier is
   * to put most of them off again; later than in an hour is not foreseen, and sooner than in a minute is no matter.
   */
  async whenPlacesFor(tx: Tx, place: { portfolio: string; limit: number }, campaignId: number): Promise<Date> {
    const [row] = await tx.query<{ until: Date }>(
      `select greatest(now() + interval '1 minute', coalesce((
         select p.last_at + interval '24 hours' from contacted_people p
         where p.portfolio = $1 and p.last_at > now() - interval '24 hours' and p.last_at < now() - interval '23 hours'
         order by p.last_at
         offset greatest(0, u.n - $2 + c.pending_count - 1) limit 1), now() + interval '1 hour')) as until
       from campaigns c, (
         select count(*) as n from contacted_people where portfolio = $1 and last_at > now() - interval '24 hours') u
       where c.id = $3`,
      [place.portfolio, place.limit, campaignId],
    );
    return (row as { until: Date }).until;
  }
}
