import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';
import { columnsOf, json } from '../../database/unnest.js';
import { RAN_SO_FAR } from '../campaigns.repository.js';
import type { PauseReason, WaitsFor } from './pause-reason.js';

/** What is to pause; null: whatever it is. */
export interface PauseTarget {
  accountId: number;
  campaignId: number | null;
  /** Campaigns that send it, by themselves or in a variant. */
  templateId: number | null;
  /** Only what did not change since: what a refusal says of before a campaign was resumed is outdated. */
  unchangedSince?: Date | null;
}

/** A campaign that waits to go on by itself. */
export interface WaitingCampaign {
  id: number;
  templateIds: number[];
}

/** A split campaign sends the templates of its variants, and once it has a winner that one's; any other its own. */
const TEMPLATES_OF = `coalesce(
  (select array_agg(v.template_id) from campaign_variants v
   where v.account_id = c.account_id and v.campaign_id = c.id and v.id = coalesce(c.winner_variant_id, v.id)),
  array_remove(array[c.template_id], null))`;

const PAUSE = `
with hit as (
  select c.id from campaigns c
  where c.account_id = $1 and c.status = 'running' and ($2::bigint is null or c.id = $2)
    and ($3::bigint is null or $3 = any(${TEMPLATES_OF}))
    and ($4::timestamptz is null or c.updated_at < $4)
  order by c.id for no key update of c
)
update campaigns c set status = 'paused', status_reason = $5, updated_at = now(), ${RAN_SO_FAR}, running_since = null
from hit where c.id = hit.id returning c.id`;

const LOCK_WAITING = `
select c.id, ${TEMPLATES_OF} as "templateIds" from campaigns c
where c.account_id = $1 and c.status = 'paused' and c.status_reason ->> 'waits_for' = $2
  and c.status_reason -> 'auto_resume' = 'true'
  and ($3::bigint is null or $3 = any(${TEMPLATES_OF}))
  and (c.expires_at is null or c.expires_at > now())
order by c.id for no key update of c`;

/** Pausing and resuming what Meta stops and lets go on. */
@Injectable()
export class ReactionsRepository {
  /** @returns the ids of those that ran */
  async pause(tx: Tx, target: PauseTarget, reason: PauseReason): Promise<number[]> {
    const rows = await tx.query<{ id: number }>(PAUSE, [
      target.accountId,
      target.campaignId,
      target.templateId,
      target.unchangedSince ?? null,
      JSON.stringify(reason),
    ]);
    return rows.map((row) => row.id).sort((a, b) => a - b);
  }

  /** Those that a person paused wait for nothing, and are not among them. */
  async lockWaiting(
    tx: Tx,
    accountId: number,
    waitsFor: WaitsFor,
    templateId: number | null,
  ): Promise<WaitingCampaign[]> {
    return tx.query<WaitingCampaign>(LOCK_WAITING, [accountId, waitsFor, templateId]);
  }

  /** For whoever holds their locks. */
  async resume(tx: Tx, ids: readonly number[]): Promise<void> {
    await tx.query(
      `update campaigns set status = 'running', status_reason = null, updated_at = now(), running_since = now()
       where id = any($1::bigint[]) and status = 'paused'`,
      [ids],
    );
  }

  /** They stay paused, for another reason. For whoever holds their locks. */
  async restate(tx: Tx, changes: readonly { id: number; reason: PauseReason }[]): Promise<void> {
    await tx.query(
      `update campaigns c set status_reason = u.reason, updated_at = now()
       from unnest($1::bigint[], $2::jsonb[]) as u (id, reason) where c.id = u.id and c.status = 'paused'`,
      columnsOf(
        changes,
        (change) => change.id,
        (change) => json(change.reason),
      ),
    );
  }
}
