import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';
import { columnsOf } from '../../database/unnest.js';
import type { AbTest } from '../campaign.entity.js';
import { SLOT_KEYS, type SlotUser } from '../campaign-slots.js';
import type { CampaignStatus } from '../campaign-status.js';
import { GIVEN_UP, WAITS_AGAIN } from '../recipients.repository.js';

/** A campaign and its number. */
export interface TimedCampaign {
  id: number;
  accountId: number;
}

export interface DueCampaign extends TimedCampaign, SlotUser {
  scheduledAt: Date;
}

/** Tries beyond which a recipient is not sent to again, however silent the evidence stays. */
const MOST_ATTEMPTS = 3;
const GIVE_UP_AFTER_S = 60;

/** What of campaigns happens by the clock. */
@Injectable()
export class TimingRepository {
  /**
   * The scheduled campaign whose time has come that is due the longest; those that were tried in vain come last.
   * @param which `isOutside`: those of which somebody else's server or code says who is written to, or those of our own rows
   */
  async nextDue(
    q: Queryable,
    which: {
      isOutside: boolean;
      /** A resolver is asked before everything else. */
      hasResolver: boolean;
      /** Not these, … */
      exceptIds: readonly number[];
      /** … and none of these {@link SLOT_KEYS}. */
      exceptKeys: readonly string[];
      /** In the order of their tries. */
      triedIds: readonly number[];
    },
  ): Promise<DueCampaign | null> {
    // For a campaign that has run nobody is asked again.
    const [row] = await q.query<DueCampaign>(
      `select id, account_id as "accountId", scheduled_at as "scheduledAt", ${SLOT_KEYS} as "slotKeys" from campaigns
       where status = 'scheduled' and scheduled_at <= now()
         and (run_no = 0 and ($2::boolean or audience_type not in ('contacts', 'csv'))) = $1::boolean
         and id <> all($3::bigint[]) and not ${SLOT_KEYS} && $4::text[]
       order by array_position($5::bigint[], id) nulls first, scheduled_at, id limit 1`,
      [which.isOutside, which.hasResolver, which.exceptIds, which.exceptKeys, which.triedIds],
    );
    return row ?? null;
  }

  /** Running campaigns whose time is over and of which somebody still waits. */
  async findExpired(q: Queryable): Promise<number[]> {
    const rows = await q.query<{ id: number }>(
      `select c.id from campaigns c
       where c.status = 'running' and c.expires_at <= now()
         and exists (select 1 from campaign_recipients r where r.campaign_id = c.id and r.phase = 0)`,
    );
    return rows.map((row) => row.id);
  }

  /** Trials of which everybody was written to (or left out): people have their time from now on. */
  async noteTrialsSent(q: Queryable): Promise<void> {
    await q.query(
      `update campaigns c set trial_sent_at = now()
       where c.status = 'running' and c.ab_test is not null and c.winner_variant_id is null and c.trial_sent_at is null
         and c.audience_state <> 'resolving'
         and not exists (select 1 from campaign_recipients r
           where r.campaign_id = c.id and r.phase = 0 and r.not_before < 'infinity')
         and not exists (select 1 from campaign_recipients r
           where r.account_id = c.account_id and r.campaign_id = c.id and r.phase = 1)`,
    );
  }

  /** Running campaigns whose trial is over and has no winner yet. */
  async findTrialsOver(q: Queryable): Promise<(TimedCampaign & { abTest: AbTest })[]> {
    return q.query<TimedCampaign & { abTest: AbTest }>(
      `select id, account_id as "accountId", ab_test as "abTest" from campaigns
       where status = 'running' and ab_test is not null and winner_variant_id is null
         and trial_sent_at + make_interval(mins => (ab_test ->> 'wait_minutes')::int) <= now()
       order by id limit 100`,
    );
  }

  /** @returns false when somebody else was faster, or it stands elsewhere */
  async setWinner(tx: Tx, campaignId: number, variantId: number, from: readonly CampaignStatus[]): Promise<boolean> {
    const rows = await tx.query(
      `update campaigns set winner_variant_id = $2, winner_chosen_at = now(), updated_at = now()
       where id = $1 and winner_variant_id is null and ab_test is not null and status = any($3::text[])
         and exists (select 1 from campaign_variants v where v.campaign_id = $1 and v.id = $2)
       returning id`,
      [campaignId, variantId, from],
    );
    return rows.length > 0;
  }

  /** Campaigns with a winner that somebody still waits for. */
  async findWithHeld(q: Queryable): Promise<(TimedCampaign & { winnerId: number })[]> {
    return q.query<TimedCampaign & { winnerId: number }>(
      `select c.id, c.account_id as "accountId", c.winner_variant_id as "winnerId" from campaigns c
       where c.status in ('running', 'paused') and c.winner_variant_id is not null
         and exists (select 1 from campaign_recipients r
           where r.campaign_id = c.id and r.phase = 0 and r.not_before = 'infinity')`,
    );
  }

  /** `on_unknown = drop`: given up when the next minute has told nothing. */
  async dropUnknown(q: Queryable): Promise<number> {
    const rows = await q.query(
      `update campaign_recipients r set ${GIVEN_UP}
       from campaigns c
       where c.on_unknown = 'drop' and c.unknown_count > 0 and r.campaign_id = c.id and r.phase = 3
         and r.status = 'unknown' and r.unknown_at < now() - make_interval(secs => $1)
       returning r.id`,
      [GIVE_UP_AFTER_S],
    );
    return rows.length;
  }

  /**
   * `on_unknown = resend`: sent again once a status has come for a message of the same number that was posted so much later.
   * That is evidence that statuses flow, and that this one would have come; without it the clock stands still.
   * @returns the numbers that have something to send
   */
  async resendSilent(q: Queryable): Promise<number[]> {
    const rows = await q.query<{ account_id: number }>(
      `update campaign_recipients r
       set ${WAITS_AGAIN}
       from campaigns c
         join sending_leases l on l.account_id = c.account_id
       where c.on_unknown = 'resend' and c.status = 'running' and c.unknown_count > 0
         and r.campaign_id = c.id and r.phase = 3 and r.status = 'unknown' and r.attempt < $1
         and r.identity not like 'erased:%'
         and exists (select 1 from messages m where m.attempt_token = r.attempt_token and m.status = 'unknown'
           and m.created_at + make_interval(secs => c.resend_after_s) <= l.evidence_at)
       returning r.account_id`,
      [MOST_ATTEMPTS],
    );
    return [...new Set(rows.map((row) => row.account_id))];
  }

  /** Notes for each number that a status came for a message that was posted then. Every few seconds is enough. */
  async noteEvidence(tx: Tx, evidence: readonly { accountId: number; postedAt: Date }[]): Promise<void> {
    await tx.query(
      `with older as materialized (
         select l.account_id, u.posted_at
         from unnest($1::bigint[], $2::timestamptz[]) as u (account_id, posted_at)
         join sending_leases l on l.account_id = u.account_id
         where l.evidence_at is null or l.evidence_at < u.posted_at - interval '5 seconds'
         order by l.account_id for no key update of l
       )
       update sending_leases l set evidence_at = older.posted_at from older where l.account_id = older.account_id`,
      columnsOf(
        evidence,
        (one) => one.accountId,
        (one) => one.postedAt,
      ),
    );
  }
}
