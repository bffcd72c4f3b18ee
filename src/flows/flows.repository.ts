import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import { Flow } from './flow.entity.js';
import type { SyncedFlow } from './flow-reading.js';

export interface FlowFilter {
  accountId: number;
  /** Part of the name, or Meta's id. */
  q?: string | undefined;
  status?: string | undefined;
  beforeId: number | null;
}

/** What an upsert did to one row. */
export interface UpsertedFlow {
  id: number;
  metaFlowId: string;
  isNew: boolean;
  isChanged: boolean;
}

/**
 * What Meta's list says may be this much older than the moment it was asked for: its replicas lag, its clock is not ours, and
 * events have whole seconds.
 */
const READING_LAG_MS = 5_000;

const COLUMNS = `f.id, f.account_id as "accountId", f.name, f.meta_flow_id as "metaFlowId", f.categories,
  f.is_dynamic as "isDynamic", f.endpoint_uri as "endpointUri", f.forward_url as "forwardUrl", f.forward_secret as "forwardSecret",
  f.endpoint_token as "endpointToken", f.status, f.validation_errors as "validationErrors", f.health,
  f.preview_url as "previewUrl", f.preview_expires_at as "previewExpiresAt", f.json_version as "jsonVersion",
  f.creation_asked_at as "creationAskedAt", f.uploaded_at as "uploadedAt", f.status_at as "statusAt",
  f.completion_count as "completionCount", f.synced_at as "syncedAt", f.created_at as "createdAt",
  f.updated_at as "updatedAt"`;

/** A flow without its JSON, which may have megabytes. */
export type FlowRow = Omit<Flow, 'flowJson'>;

/** A row of ours that has no id of Meta's is the flow of that name there: names are given once in a WABA. */
const LINK = `
  update flows f set meta_flow_id = u.meta_flow_id, creation_asked_at = null, updated_at = now()
  from (
    select distinct on (u.name) f.id, u.meta_flow_id
    from unnest($2::text[], $3::text[]) as u (meta_flow_id, name)
    join flows f on f.account_id = $1 and f.meta_flow_id is null and f.name = u.name
    where not exists (select 1 from flows k where k.account_id = $1 and k.meta_flow_id = u.meta_flow_id)
    order by u.name, f.creation_asked_at desc nulls last, f.id desc
  ) u
  where f.id = u.id`;

/** As `isNewer` has it, for a reading of the time $2: nothing newer was heard, or it is a step that cannot be taken back. */
const rank = (row: string): string => `case ${row}.status when 'DRAFT' then 0 when 'DEPRECATED' then 2 else 1 end`;
const IS_NEWS = `(${rank('excluded')} > ${rank('t')}
      or (${rank('excluded')} = ${rank('t')} and (t.status_at is null or t.status_at <= $2)))`;

const UPSERT = `
  insert into flows as t (account_id, meta_flow_id, name, status, categories, validation_errors, json_version, endpoint_uri,
    is_dynamic, health, endpoint_token, status_at, uploaded_at, synced_at)
  select $1, u.meta_flow_id, u.name, u.status, u.categories, u.validation_errors, u.json_version,
    coalesce(u.endpoint_uri, ''), coalesce(u.endpoint_uri, '') <> '', u.health, u.endpoint_token, $2,
    clock_timestamp(), clock_timestamp()
  from unnest($3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[], $8::text[], $9::text[], $10::jsonb[], $11::text[])
    as u (meta_flow_id, name, status, categories, validation_errors, json_version, endpoint_uri, health, endpoint_token)
  order by u.meta_flow_id
  on conflict (account_id, meta_flow_id) do update set
    name = excluded.name,
    status = case when ${IS_NEWS} then excluded.status else t.status end,
    status_at = case when ${IS_NEWS} then greatest(t.status_at, excluded.status_at) else t.status_at end,
    categories = excluded.categories,
    validation_errors = excluded.validation_errors,
    json_version = coalesce(excluded.json_version, t.json_version),
    endpoint_uri = case when excluded.endpoint_uri <> '' then excluded.endpoint_uri else t.endpoint_uri end,
    is_dynamic = t.is_dynamic or excluded.is_dynamic,
    health = coalesce(t.health, '{}') || coalesce(excluded.health, '{}'),
    creation_asked_at = null,
    synced_at = excluded.synced_at,
    updated_at = case when (t.name, t.categories, t.validation_errors, case when ${IS_NEWS} then t.status end)
      is distinct from (excluded.name, excluded.categories, excluded.validation_errors,
        case when ${IS_NEWS} then excluded.status end) then now() else t.updated_at end
  returning t.id, t.meta_flow_id as "metaFlowId", t.xmax = 0 as "isNew", t.xmax <> 0 and t.updated_at = now() as "isChanged"`;

/** Flows of one account. */
@Injectable()
export class FlowsRepository {
  async find(q: Queryable, accountId: number, id: number): Promise<Flow | null> {
    const [row] = await q.query<Flow>(
      `select ${COLUMNS}, f.flow_json as "flowJson" from flows f where f.account_id = $1 and f.id = $2`,
      [accountId, id],
    );
    return row ?? null;
  }

  async list(q: Queryable, filter: FlowFilter, limit: number): Promise<FlowRow[]> {
    const values: unknown[] = [filter.accountId, limit];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const where = ['f.account_id = $1'];
    if (filter.q) {
      where.push(`(f.name ilike ${bind(containing(filter.q))} or f.meta_flow_id = ${bind(filter.q)})`);
    }
    if (filter.status !== undefined) {
      where.push(`f.status = ${bind(filter.status)}`);
    }
    if (filter.beforeId !== null) {
      where.push(`f.id < ${bind(filter.beforeId)}`);
    }
    return q.queryDynamic<FlowRow>(
      `select ${COLUMNS} from flows f where ${where.join(' and ')} order by f.id desc limit $2`,
      values,
    );
  }

  /** Of these names, those that the account's flows have. */
  async findTaken(q: Queryable, accountId: number, names: readonly string[]): Promise<string[]> {
    const rows = await q.query<{ name: string }>(
      'select name from flows where account_id = $1 and name = any($2::text[])',
      [accountId, names],
    );
    return rows.map(({ name }) => name);
  }

  async insert(tx: Tx, flow: Partial<Flow>): Promise<number> {
    const { identifiers } = await tx.manager.insert(Flow, flow as object);
    return (identifiers[0] as { id: number }).id;
  }

  /** @returns false when it is not there (any more) */
  async update(q: Tx, accountId: number, id: number, changes: Partial<Flow>): Promise<boolean> {
    const { affected } = await q.manager.update(Flow, { accountId, id }, changes as object);
    return affected === 1;
  }

  async remove(tx: Tx, accountId: number, id: number): Promise<void> {
    await tx.manager.delete(Flow, { accountId, id });
  }

  /** The database's clock. */
  async now(q: Queryable): Promise<Date> {
    const [row] = await q.query<{ at: Date }>('select clock_timestamp() as at');
    return (row as { at: Date }).at;
  }

  /**
   * Writes what Meta has: by Meta's id, or by the name where ours has none. What events told since Meta was asked stays.
   * @param flows each with a token for its endpoint, should it be new; each id at most once
   */
  async upsert(
    tx: Tx,
    accountId: number,
    flows: readonly (SyncedFlow & { endpointToken: string })[],
    askedAt: Date,
  ): Promise<UpsertedFlow[]> {
    await tx.query(LINK, [
      accountId,
      ...columnsOf(
        flows,
        (flow) => flow.metaFlowId,
        (flow) => flow.name,
      ),
    ]);
    return tx.query<UpsertedFlow>(UPSERT, [
      accountId,
      new Date(askedAt.getTime() - READING_LAG_MS),
      ...columnsOf(
        flows,
        (flow) => flow.metaFlowId,
        (flow) => flow.name,
        (flow) => flow.status,
        (flow) => json(flow.categories),
        (flow) => json(flow.validationErrors),
        (flow) => flow.jsonVersion,
        (flow) => flow.endpointUri,
        (flow) => json(flow.sending && { sending: flow.sending }),
        (flow) => flow.endpointToken,
      ),
    ]);
  }

  /**
   * Drafts that Meta had and has no longer: they stay here with their JSON, and are created anew when they are uploaded or
   * published. What was published cannot be deleted at Meta.
   */
  async unlinkGone(tx: Tx, accountId: number, notSeenSince: Date): Promise<number> {
    const rows = await tx.query(
      `update flows f set meta_flow_id = null, uploaded_at = null, preview_url = '', preview_expires_at = null, updated_at = now()
       where f.account_id = $1 and f.meta_flow_id is not null and f.status = 'DRAFT'
         and coalesce(f.synced_at, f.created_at) < $2 and f.updated_at < $2
       returning f.id`,
      [accountId, notSeenSince],
    );
    return rows.length;
  }

  /** Answers that came before their flow was known here. */
  async adoptAnswers(tx: Tx, accountId: number, flowIds: readonly number[]): Promise<void> {
    await tx.query(
      `with adopted as (
         update flow_responses r set flow_id = f.id from flows f
         where f.account_id = $1 and f.id = any($2::bigint[]) and r.account_id = $1 and r.flow_id is null
           and r.meta_flow_id = f.meta_flow_id
         returning f.id
       ), counted as (select id, count(*)::int as n from adopted group by id)
       update flows f set completion_count = f.completion_count + counted.n from counted where f.id = counted.id`,
      [accountId, flowIds],
    );
  }
}
