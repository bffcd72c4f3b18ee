import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';
import type { ParameterMapping } from './campaign.entity.js';
import type { CampaignStatus } from './campaign-status.js';

export interface CampaignCounts {
  total_count: number;
  pending_count: number;
  sent_count: number;
  delivered_count: number;
  read_count: number;
  failed_count: number;
  skipped_count: number;
  unknown_count: number;
}

export interface CampaignRow extends CampaignCounts {
  id: number;
  account_id: number;
  name: string;
  template_id: number | null;
  audience_type: string;
  audience_filters: Record<string, unknown>;
  parameter_mappings: Record<string, ParameterMapping>;
  status: CampaignStatus;
  status_reason: Record<string, unknown> | null;
  on_unknown: string;
  run_no: number;
  scheduled_at: Date | null;
  started_at: Date | null;
  completed_at: Date | null;
  created_at: Date;
  updated_at: Date;
}

export interface NewCampaign {
  accountId: number;
  name: string;
  templateId: number | null;
  audienceType: string;
  audienceFilters: Record<string, unknown>;
  parameterMappings: Record<string, ParameterMapping>;
}

const COUNTS = ['total', 'pending', 'sent', 'delivered', 'read', 'failed', 'skipped', 'unknown'].map(
  (name) => `${name}_count`,
);

/** The folded counts and what was appended since, in one statement: a reader sees both before a fold or both after it. */
const SELECT_CAMPAIGN = `
  select c.id, c.account_id, c.name, c.template_id, c.audience_type, c.audience_filters, c.parameter_mappings, c.status,
    c.status_reason, c.on_unknown, c.run_no, c.scheduled_at, c.started_at, c.completed_at, c.created_at, c.updated_at,
    ${COUNTS.map((count) => `c.${count} + coalesce(d.${count}, 0) as ${count}`).join(', ')}
  from campaigns c
  left join lateral (
    select ${COUNTS.map((count) => `sum(${count})::bigint as ${count}`).join(', ')}
    from campaign_count_deltas where campaign_id = c.id
  ) d on true`;

@Injectable()
export class CampaignsRepository {
  async find(q: Queryable, accountId: number, id: number): Promise<CampaignRow | null> {
    const [row] = await q.query<CampaignRow>(`${SELECT_CAMPAIGN} where c.account_id = $1 and c.id = $2`, [
      accountId,
      id,
    ]);
    return row ?? null;
  }

  async insert(tx: Queryable, campaign: NewCampaign): Promise<number> {
    const [row] = await tx.query<{ id: number }>(
      `insert into campaigns (account_id, name, template_id, audience_type, audience_filters, parameter_mappings)
       values ($1, $2, $3, $4, $5, $6) returning id`,
      [
        campaign.accountId,
        campaign.name,
        campaign.templateId,
        campaign.audienceType,
        JSON.stringify(campaign.audienceFilters),
        JSON.stringify(campaign.parameterMappings),
      ],
    );
    return (row as { id: number }).id;
  }

  async list(
    q: Queryable,
    filter: {
      accountId: number;
      q?: string | undefined;
      status?: string | undefined;
      templateId?: number | undefined;
      beforeId: number | null;
      limit: number;
    },
  ): Promise<CampaignRow[]> {
    const values: unknown[] = [filter.accountId, filter.limit];
    const where = ['c.account_id = $1'];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    if (filter.q) {
      where.push(`c.name ilike ${bind(containing(filter.q))}`);
    }
    if (filter.status) {
      where.push(`c.status = ${bind(filter.status)}`);
    }
    if (filter.templateId !== undefined) {
      where.push(`c.template_id = ${bind(filter.templateId)}`);
    }
    if (filter.beforeId !== null) {
      where.push(`c.id < ${bind(filter.beforeId)}`);
    }
    return q.queryDynamic<CampaignRow>(
      `${SELECT_CAMPAIGN} where ${where.join(' and ')} order by c.id desc limit $2`,
      values,
    );
  }

  /**
   * Moves a campaign, if it stands where the move may start. The statement is the guard: of two moves at once one wins.
   * @returns false when it stands elsewhere (or is not there)
   */
  async move(
    tx: Queryable,
    key: { accountId: number; id: number },
    to: CampaignStatus,
    from: readonly CampaignStatus[],
    reason: Record<string, unknown> | null = null,
  ): Promise<boolean> {
    const rows = await tx.query(
      `update campaigns set status = $3, status_reason = $5, updated_at = now(),
         run_no = run_no + case when $3 = 'running' and status <> 'paused' then 1 else 0 end,
         started_at = case when $3 = 'running' then coalesce(started_at, now()) else started_at end,
         completed_at = case when $3 in ('completed', 'failed', 'cancelled') then now() else null end
       where account_id = $1 and id = $2 and status = any($4::text[])
       returning id`,
      [key.accountId, key.id, to, from, reason && JSON.stringify(reason)],
    );
    return rows.length > 0;
  }

  /** Locks a campaign and reads it as it then is: what is written next rests on nothing that another has changed. */
  async lock(tx: Tx, accountId: number, id: number): Promise<CampaignRow | null> {
    await tx.query('select id from campaigns where account_id = $1 and id = $2 for update', [accountId, id]);
    return this.find(tx, accountId, id);
  }

  async update(
    tx: Queryable,
    key: { accountId: number; id: number },
    campaign: Omit<NewCampaign, 'accountId'>,
  ): Promise<void> {
    await tx.query(
      `update campaigns set name = $3, template_id = $4, audience_type = $5, audience_filters = $6, parameter_mappings = $7, updated_at = now()
       where account_id = $1 and id = $2`,
      [
        key.accountId,
        key.id,
        campaign.name,
        campaign.templateId,
        campaign.audienceType,
        JSON.stringify(campaign.audienceFilters),
        JSON.stringify(campaign.parameterMappings),
      ],
    );
  }

  async delete(
    tx: Queryable,
    key: { accountId: number; id: number },
    from: readonly CampaignStatus[],
  ): Promise<boolean> {
    const rows = await tx.query(
      'delete from campaigns where account_id = $1 and id = $2 and status = any($3::text[]) returning id',
      [key.accountId, key.id, from],
    );
    return rows.length > 0;
  }

  /** Running campaigns of a number, the oldest first. */
  async findRunning(
    q: Queryable,
    accountId: number,
  ): Promise<{ id: number; templateId: number; parameterMappings: Record<string, ParameterMapping> }[]> {
    const rows = await q.query<{
      id: number;
      template_id: number;
      parameter_mappings: Record<string, ParameterMapping>;
    }>(
      `select id, template_id, parameter_mappings from campaigns where account_id = $1 and status = 'running' order by id`,
      [accountId],
    );
    return rows.map((row) => ({ id: row.id, templateId: row.template_id, parameterMappings: row.parameter_mappings }));
  }

  async countRunning(q: Queryable, accountId: number): Promise<number> {
    const [row] = await q.query<{ n: number }>(
      `select count(*) as n from campaigns where account_id = $1 and status = 'running'`,
      [accountId],
    );
    return row?.n ?? 0;
  }

  /**
   * Ends a campaign of which nothing is left to do. `failed` when every attempt failed for one reason that is not the
   * recipient's; an unknown outcome does not keep it from being completed.
   * @returns how it ended, or null when there is still something to do
   */
  async complete(
    tx: Tx,
    key: { accountId: number; id: number },
    templateErrors: readonly number[],
  ): Promise<CampaignStatus | null> {
    const [open] = await tx.query<{ is_open: boolean }>(
      `select exists (select 1 from campaign_recipients where campaign_id = $1 and status in ('pending', 'claimed', 'sending')) as is_open`,
      [key.id],
    );
    if (open?.is_open) {
      return null;
    }
    const [verdict] = await tx.query<{ code: number | null; message: string | null }>(
      `select min(error_code) as code, min(error_message) as message from campaign_recipients
       where campaign_id = $1 and status = 'failed'
         and not exists (select 1 from campaign_recipients where campaign_id = $1 and status in ('sent', 'delivered', 'read', 'unknown'))
       having count(*) > 0 and min(error_code) = max(error_code) and min(error_code) = any($2::int[])`,
      [key.id, templateErrors],
    );
    const to = verdict ? 'failed' : 'completed';
    const reason = verdict
      ? { code: 'every_send_failed', message: verdict.message, graph: { code: verdict.code } }
      : null;
    return (await this.move(tx, key, to, ['running'], reason)) ? to : null;
  }

  /** Pauses what Meta refuses as a whole: all campaigns of an account, or of one template. @returns their ids */
  async pauseRunning(
    tx: Tx,
    scope: { accountId: number; campaignId: number | null; templateId: number | null },
    reason: Record<string, unknown>,
  ): Promise<number[]> {
    const rows = await tx.query<{ id: number }>(
      `update campaigns set status = 'paused', status_reason = $4, updated_at = now()
       where account_id = $1 and status = 'running'
         and ($2::bigint is null or id = $2) and ($3::bigint is null or template_id = $3)
       returning id`,
      [scope.accountId, scope.campaignId, scope.templateId, JSON.stringify(reason)],
    );
    return rows.map((row) => row.id);
  }

  /** Adds appended counts to their campaigns, in one statement. @returns how many were folded */
  async foldCounts(q: Queryable, limit: number): Promise<number> {
    const [row] = await q.query<{ n: number }>(
      `with taken as (
         delete from campaign_count_deltas where id in (
           select id from campaign_count_deltas order by id limit $1 for update skip locked)
         returning *
       ), sums as (
         select campaign_id, ${COUNTS.map((count) => `sum(${count})::bigint as ${count}`).join(', ')}
         from taken group by campaign_id order by campaign_id
       ), folded as (
         update campaigns c set ${COUNTS.map((count) => `${count} = c.${count} + s.${count}`).join(', ')}
         from sums s where c.id = s.campaign_id
       )
       select count(*) as n from taken`,
      [limit],
    );
    return row?.n ?? 0;
  }
}
