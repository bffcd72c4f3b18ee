import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type {
  AbTest,
  AudienceState,
  FrequencyCap,
  OnUnknown,
  ParameterMapping,
  QuietHours,
} from './campaign.entity.js';
import type { CampaignStatus } from './campaign-status.js';

/** Total = pending + sent + failed + skipped + unknown; read ≤ delivered ≤ sent. */
export interface CampaignCounts {
  total_count: number;
  pending_count: number;
  sent_count: number;
  delivered_count: number;
  read_count: number;
  failed_count: number;
  skipped_count: number;
  unknown_count: number;
  replied_count: number;
  opted_out_count: number;
  /** Millionths of the rate table's currency. */
  cost_micros: number;
}

export interface CampaignRow extends CampaignCounts {
  id: number;
  account_id: number;
  name: string;
  template_id: number | null;
  audience_type: string;
  audience_filters: Record<string, unknown>;
  audience_state: AudienceState;
  parameter_mappings: Record<string, ParameterMapping>;
  missing_variables: 'skip' | 'default';
  default_value: string;
  status: CampaignStatus;
  status_reason: Record<string, unknown> | null;
  on_unknown: OnUnknown;
  resend_after_s: number;
  frequency_cap: FrequencyCap | null;
  quiet_hours: QuietHours | null;
  ab_test: AbTest | null;
  winner_variant_id: number | null;
  winner_chosen_at: Date | null;
  visible_account_ids: number[] | null;
  run_no: number;
  scheduled_at: Date | null;
  time_zone: string | null;
  expires_at: Date | null;
  started_at: Date | null;
  completed_at: Date | null;
  /** Since when it runs; null: it does not, or has done so since before this was noted. */
  running_since: Date | null;
  /** How long it ran before that; null: it was started before this was noted. */
  ran_s: number | null;
  rate_per_second: number | null;
  created_at: Date;
  updated_at: Date;
}

/** What of a campaign its owner decides. */
export type CampaignSettings = Pick<
  CampaignRow,
  | 'name'
  | 'template_id'
  | 'audience_type'
  | 'audience_filters'
  | 'parameter_mappings'
  | 'missing_variables'
  | 'default_value'
  | 'on_unknown'
  | 'resend_after_s'
  | 'frequency_cap'
  | 'quiet_hours'
  | 'ab_test'
  | 'scheduled_at'
  | 'time_zone'
  | 'expires_at'
  | 'visible_account_ids'
>;

const SETTINGS: readonly (keyof CampaignSettings)[] = [
  'name',
  'template_id',
  'audience_type',
  'audience_filters',
  'parameter_mappings',
  'missing_variables',
  'default_value',
  'on_unknown',
  'resend_after_s',
  'frequency_cap',
  'quiet_hours',
  'ab_test',
  'scheduled_at',
  'time_zone',
  'expires_at',
  'visible_account_ids',
];

export interface VariantRow extends CampaignCounts {
  id: number;
  name: string;
  template_id: number;
  parameter_mappings: Record<string, ParameterMapping>;
  weight: number;
}

/** A campaign as its sender sees it. */
export interface RunningCampaign {
  id: number;
  templateId: number | null;
  parameterMappings: Record<string, ParameterMapping>;
  missingVariables: 'skip' | 'default';
  defaultValue: string;
  quietHours: QuietHours | null;
  frequencyCap: FrequencyCap | null;
  expiresAt: Date | null;
  updatedAt: Date;
  /** Code of its status_reason. */
  reasonCode: string | null;
  variants: { id: number; templateId: number; parameterMappings: Record<string, ParameterMapping> }[];
}

export type NewVariant = Pick<VariantRow, 'name' | 'template_id' | 'parameter_mappings' | 'weight'>;

const COUNTS = [
  'total_count',
  'pending_count',
  'sent_count',
  'delivered_count',
  'read_count',
  'failed_count',
  'skipped_count',
  'unknown_count',
  'replied_count',
  'opted_out_count',
  'cost_micros',
] as const;

/** Of a statement that moves campaigns: how long they ran so far, pauses and the time between two runs left out. */
export const RAN_SO_FAR = `ran_s = case when started_at is null then 0
  else ran_s + coalesce(extract(epoch from now() - running_since), 0) end`;

/** The folded counts and what was appended since, in one statement: a reader sees both before a fold or both after it. */
const SELECT_CAMPAIGN = `
  select c.id, c.account_id, c.audience_state, c.status, c.status_reason, c.winner_variant_id, c.winner_chosen_at,
    c.run_no, c.started_at, c.completed_at, c.running_since, c.ran_s, c.rate_per_second, c.created_at, c.updated_at,
    ${SETTINGS.map((column) => `c.${column}`).join(', ')},
    ${COUNTS.map((count) => `c.${count} + coalesce(d.${count}, 0) as ${count}`).join(', ')}
  from campaigns c
  left join lateral (
    select ${COUNTS.map((count) => `sum(${count})::bigint as ${count}`).join(', ')}
    from campaign_count_deltas where campaign_id = c.id
  ) d on true`;

function columnValue(value: unknown): unknown {
  const isJson = value !== null && typeof value === 'object' && !(value instanceof Date) && !Array.isArray(value);
  return isJson ? JSON.stringify(value) : value;
}

@Injectable()
export class CampaignsRepository {
  async find(q: Queryable, accountId: number, id: number): Promise<CampaignRow | null> {
    const [row] = await q.query<CampaignRow>(`${SELECT_CAMPAIGN} where c.account_id = $1 and c.id = $2`, [
      accountId,
      id,
    ]);
    return row ?? null;
  }

  async findMany(q: Queryable, accountId: number, ids: readonly number[]): Promise<CampaignRow[]> {
    return q.query<CampaignRow>(
      `${SELECT_CAMPAIGN} where c.account_id = $1 and c.id = any($2::bigint[]) order by c.id`,
      [accountId, ids],
    );
  }

  async insert(tx: Queryable, accountId: number, settings: Partial<CampaignSettings>): Promise<number> {
    const given = SETTINGS.filter((column) => settings[column] !== undefined);
    const [row] = await tx.queryDynamic<{ id: number }>(
      `insert into campaigns (account_id, ${given.join(', ')})
       values ($1, ${given.map((_, index) => `$${index + 2}`).join(', ')}) returning id`,
      [accountId, ...given.map((column) => columnValue(settings[column]))],
    );
    return (row as { id: number }).id;
  }

  async findVariants(q: Queryable, campaignId: number): Promise<VariantRow[]> {
    return q.query<VariantRow>(
      `select v.id, v.name, v.template_id, v.parameter_mappings, v.weight,
         ${COUNTS.map((count) => `v.${count} + coalesce(d.${count}, 0) as ${count}`).join(', ')}
       from campaign_variants v
       left join lateral (
         select ${COUNTS.map((count) => `sum(${count})::bigint as ${count}`).join(', ')}
         from campaign_count_deltas where campaign_id = v.campaign_id and variant_id = v.id
       ) d on true
       where v.campaign_id = $1 order by v.id`,
      [campaignId],
    );
  }

  /** Puts these in place of the variants that were there. */
  async replaceVariants(
    tx: Tx,
    key: { accountId: number; id: number },
    variants: readonly NewVariant[],
  ): Promise<void> {
    await tx.query('delete from campaign_variants where account_id = $1 and campaign_id = $2', [key.accountId, key.id]);
    await tx.query(
      `insert into campaign_variants (account_id, campaign_id, name, template_id, parameter_mappings, weight)
       select $1, $2, u.* from unnest($3::text[], $4::bigint[], $5::jsonb[], $6::int[]) as u`,
      [
        key.accountId,
        key.id,
        ...columnsOf(
          variants,
          (variant) => variant.name,
          (variant) => variant.template_id,
          (variant) => json(variant.parameter_mappings),
          (variant) => variant.weight,
        ),
      ],
    );
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
      const templateId = bind(filter.templateId);
      where.push(`(c.template_id = ${templateId} or exists (
        select 1 from campaign_variants v
        where v.account_id = c.account_id and v.campaign_id = c.id and v.template_id = ${templateId}))`);
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
         ${RAN_SO_FAR}, running_since = case when $3 = 'running' then now() end,
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

  /** Changes the given settings only. */
  async update(
    tx: Queryable,
    key: { accountId: number; id: number },
    settings: Partial<CampaignSettings>,
  ): Promise<void> {
    const given = SETTINGS.filter((column) => settings[column] !== undefined);
    await tx.queryDynamic(
      `update campaigns set ${given.map((column, index) => `${column} = $${index + 3}, `).join('')}updated_at = now()
       where account_id = $1 and id = $2`,
      [key.accountId, key.id, ...given.map((column) => columnValue(settings[column]))],
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
  async findRunning(q: Queryable, accountId: number): Promise<RunningCampaign[]> {
    return q.query<RunningCampaign>(
      `select c.id, c.template_id as "templateId", c.parameter_mappings as "parameterMappings",
         c.missing_variables as "missingVariables", c.default_value as "defaultValue", c.quiet_hours as "quietHours",
         c.frequency_cap as "frequencyCap", c.expires_at as "expiresAt", c.updated_at as "updatedAt", c.status_reason ->> 'code' as "reasonCode",
         coalesce((select jsonb_agg(jsonb_build_object('id', v.id, 'templateId', v.template_id,
             'parameterMappings', case when v.parameter_mappings = '{}' then c.parameter_mappings else v.parameter_mappings end))
           from campaign_variants v where v.account_id = c.account_id and v.campaign_id = c.id), '[]') as variants
       from campaigns c where c.account_id = $1 and c.status = 'running' order by c.id`,
      [accountId],
    );
  }

  /** Running campaigns of all accounts, with their counts. */
  async findAllRunning(q: Queryable): Promise<CampaignRow[]> {
    return q.query<CampaignRow>(`${SELECT_CAMPAIGN} where c.status = 'running' order by c.id`);
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
    if (await this.isOpen(tx, key)) {
      return null;
    }
    // Who puts people back (resolve-unknown, retry-failed) holds the campaign meanwhile: a look after them sees it.
    if (!(await this.lock(tx, key.accountId, key.id)) || (await this.isOpen(tx, key))) {
      return null;
    }
    const [verdict] = await tx.query<{ code: number | null; message: string | null }>(
      `select min(error_code) as code, min(error_message) as message from campaign_recipients
       where campaign_id = $1 and phase = 3 and status = 'failed'
         and not exists (select 1 from campaign_recipients where campaign_id = $1 and phase = 2)
         and not exists (select 1 from campaign_recipients where campaign_id = $1 and phase = 3 and status = 'unknown')
       having count(*) > 0 and min(error_code) = max(error_code) and min(error_code) = any($2::int[])`,
      [key.id, templateErrors],
    );
    const to = verdict ? 'failed' : 'completed';
    const reason = verdict
      ? { code: 'every_send_failed', message: verdict.message, graph: { code: verdict.code } }
      : null;
    return (await this.move(tx, key, to, ['running'], reason)) ? to : null;
  }

  /** Whether something is left to do. */
  private async isOpen(tx: Tx, key: { accountId: number; id: number }): Promise<boolean> {
    const [open] = await tx.query<{ is_open: boolean }>(
      `select audience_state = 'resolving'
         or exists (select 1 from campaign_recipients where campaign_id = $1 and phase = 0)
         or exists (select 1 from campaign_recipients where account_id = $2 and campaign_id = $1 and phase = 1)
         -- Those may be sent again yet, as long as statuses come that say something of them by being silent.
         or (on_unknown = 'resend' and exists (
           select 1 from campaign_recipients where campaign_id = $1 and phase = 3 and status = 'unknown' and attempt < 3
             and unknown_at > now() - make_interval(secs => greatest(3600, 4 * resend_after_s)))) as is_open
       from campaigns where id = $1`,
      [key.id, key.accountId],
    );
    return open?.is_open ?? false;
  }

  /** Says why a campaign that runs stands still, or that it does not any more. */
  async explain(
    q: Queryable,
    key: { accountId: number; id: number },
    reason: Record<string, unknown> | null,
  ): Promise<void> {
    await q.query(`update campaigns set status_reason = $3 where account_id = $1 and id = $2 and status = 'running'`, [
      key.accountId,
      key.id,
      reason && JSON.stringify(reason),
    ]);
  }

  /** Counts a sender that died over these campaigns. @returns those over which too many have, one after the other */
  async countCrashes(tx: Tx, ids: readonly number[], most: number): Promise<number[]> {
    if (ids.length === 0) {
      return [];
    }
    const rows = await tx.query<{ id: number; crash_count: number }>(
      'update campaigns set crash_count = crash_count + 1 where id = any($1::bigint[]) returning id, crash_count',
      [ids],
    );
    return rows.filter((row) => row.crash_count >= most).map((row) => row.id);
  }

  async forgetCrashes(tx: Tx, ids: readonly number[]): Promise<void> {
    await tx.query('update campaigns set crash_count = 0 where id = any($1::bigint[])', [ids]);
  }

  /**
   * Adds appended counts to their campaigns, in one statement, the oldest first. Those of a campaign that somebody holds wait
   * for another time: readers add them anyway, and the others must not wait with them. @returns how many were folded
   */
  async foldCounts(q: Queryable, limit: number): Promise<number> {
    const [row] = await q.query<{ n: number }>(
      `with recursive waiting (id) as (
         (select campaign_id from campaign_count_deltas order by campaign_id limit 1)
         union all
         -- From one campaign to the next by the index, however many deltas each has.
         select (select d.campaign_id from campaign_count_deltas d where d.campaign_id > w.id order by d.campaign_id limit 1)
         from waiting w where w.id is not null
       ), ours as materialized (
         select c.id from campaigns c where c.id in (select id from waiting) for no key update of c skip locked
       ), open as materialized (
         select id from ours
         union all
         -- Nobody counts for a campaign that was deleted.
         select w.id from waiting w where not exists (select 1 from campaigns c where c.id = w.id)
       ), taken as (
         delete from campaign_count_deltas where id in (
           select d.id from campaign_count_deltas d where d.campaign_id in (select id from open)
           order by d.id limit $1 for update of d skip locked)
         returning *
       ), sums as (
         select campaign_id, ${COUNTS.map((count) => `sum(${count})::bigint as ${count}`).join(', ')}
         from taken group by campaign_id order by campaign_id
       ), folded as (
         update campaigns c set ${COUNTS.map((count) => `${count} = c.${count} + s.${count}`).join(', ')}
         from sums s where c.id = s.campaign_id
       ), of_variants as (
         select variant_id, ${COUNTS.map((count) => `sum(${count})::bigint as ${count}`).join(', ')}
         from taken where variant_id is not null group by variant_id order by variant_id
       ), folded_variants as (
         update campaign_variants v set ${COUNTS.map((count) => `${count} = v.${count} + s.${count}`).join(', ')}
         from of_variants s where v.id = s.variant_id
       )
       select count(*) as n from taken`,
      [limit],
    );
    return row?.n ?? 0;
  }
}
