import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type { FlowResponse } from './flow-response.entity.js';

/** An answer that is to be kept. */
export interface NewFlowResponse {
  accountId: number;
  conversationId: number;
  contactId: number;
  wamid: string;
  phone: string | null;
  token: string;
  matchedBy: 'token' | 'quote' | null;
  /** What it answers, as it was sent: Meta's id of the flow, else its name. */
  metaFlowId: string | null;
  flowName: string | null;
  data: Record<string, unknown>;
  raw: Record<string, unknown>;
  at: Date;
}

/** An answer, and the flow it is to. */
export type FlowResponseRow = Omit<FlowResponse, 'createdAt'> & { flowName: string | null };

export interface FlowResponseFilter {
  accountId: number;
  /** Null: of no flow that is known; undefined: of any or none. */
  flowId?: number | null | undefined;
  processed?: boolean | undefined;
  /** Part of the phone or of what was answered. */
  q?: string | undefined;
  contactId?: number | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
}

/** Where a page begins: behind this one. */
export interface ResponsesAfter {
  completedAt: string;
  id: number;
}

const COLUMNS = `r.id, r.account_id as "accountId", r.flow_id as "flowId", r.conversation_id as "conversationId",
  r.contact_id as "contactId", r.message_id as "messageId", r.phone_number as "phoneNumber", r.flow_token as "flowToken",
  r.matched_by as "matchedBy", r.meta_flow_id as "metaFlowId", r.response_data as "responseData", r.processed,
  r.raw_payload as "rawPayload", r.completed_at as "completedAt",
  (select f.name from flows f where f.id = r.flow_id) as "flowName"`;

const INSERT = `
  insert into flow_responses (account_id, flow_id, conversation_id, contact_id, message_id, phone_number, flow_token,
    matched_by, meta_flow_id, response_data, raw_payload, completed_at)
  select u.account_id, coalesce(by_id.id, by_name.id), u.conversation_id, u.contact_id, u.wamid, u.phone, u.token,
    u.matched_by, coalesce(u.meta_flow_id, by_name.meta_flow_id), u.data, u.raw, u.at
  from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::jsonb[], $11::jsonb[], $12::timestamptz[]) with ordinality
    as u (account_id, conversation_id, contact_id, wamid, phone, token, matched_by, meta_flow_id, flow_name, data, raw, at, ord)
  left join flows by_id on by_id.account_id = u.account_id and by_id.meta_flow_id = u.meta_flow_id
  left join lateral (
    select f.id, f.meta_flow_id from flows f
    where u.meta_flow_id is null and f.account_id = u.account_id and f.name = u.flow_name
    order by f.meta_flow_id is null, f.id desc limit 1
  ) by_name on true
  order by u.account_id, u.at, u.ord
  on conflict (account_id, message_id) do nothing
  returning id`;

const MAX_KEYS = 500;

/** What people answered in flows. */
@Injectable()
export class FlowResponsesRepository {
  /** Keeps answers, each once however often it comes. @returns the new ones */
  async insert(tx: Tx, responses: readonly NewFlowResponse[]): Promise<FlowResponseRow[]> {
    const rows = await tx.query<{ id: number }>(
      INSERT,
      columnsOf(
        responses,
        (response) => response.accountId,
        (response) => response.conversationId,
        (response) => response.contactId,
        (response) => response.wamid,
        (response) => response.phone,
        (response) => response.token,
        (response) => response.matchedBy,
        (response) => response.metaFlowId,
        (response) => response.flowName,
        (response) => json(response.data),
        (response) => json(response.raw),
        (response) => response.at,
      ),
    );
    return tx.query<FlowResponseRow>(
      `select ${COLUMNS} from flow_responses r where r.id = any($1::bigint[]) order by r.id`,
      [rows.map(({ id }) => id)],
    );
  }

  /** Counts new answers at their flows, the flows locked in the order of their ids. */
  async count(tx: Tx, flowIds: readonly number[]): Promise<void> {
    await tx.query(
      `with counted as (
         select u.id, count(*)::int as n from unnest($1::bigint[]) as u (id) group by u.id
       ), locked as (
         select f.id, counted.n from flows f join counted on counted.id = f.id order by f.id for no key update of f
       )
       update flows f set completion_count = f.completion_count + locked.n from locked where f.id = locked.id`,
      [flowIds],
    );
  }

  async list(
    q: Queryable,
    filter: FlowResponseFilter,
    page: { after: ResponsesAfter | null; limit: number },
  ): Promise<FlowResponseRow[]> {
    const { where, values, bind } = conditions(filter);
    if (page.after) {
      where.push(
        `(r.completed_at, r.id) < (${bind(page.after.completedAt)}::timestamptz, ${bind(page.after.id)}::bigint)`,
      );
    }
    return q.queryDynamic<FlowResponseRow>(
      `select ${COLUMNS} from flow_responses r where ${where.join(' and ')}
       order by r.completed_at desc, r.id desc limit ${bind(page.limit)}`,
      values,
    );
  }

  /** The tiles: all, and those nobody has dealt with. */
  async totals(
    q: Queryable,
    filter: Pick<FlowResponseFilter, 'accountId' | 'flowId'>,
  ): Promise<{ total: number; unprocessed: number }> {
    const { where, values } = conditions(filter);
    const [row] = await q.queryDynamic<{ total: number; unprocessed: number }>(
      `select count(*)::int as total, (count(*) filter (where not r.processed))::int as unprocessed
       from flow_responses r where ${where.join(' and ')}`,
      values,
    );
    return row ?? { total: 0, unprocessed: 0 };
  }

  /** The names of all that was answered, in alphabetical order. */
  async keys(q: Queryable, filter: FlowResponseFilter): Promise<string[]> {
    const { where, values, bind } = conditions(filter);
    const rows = await q.queryDynamic<{ key: string }>(
      `select distinct k.key from flow_responses r, jsonb_object_keys(r.response_data) as k (key)
       where ${where.join(' and ')} order by k.key limit ${bind(MAX_KEYS)}`,
      values,
    );
    return rows.map(({ key }) => key);
  }

  /** @param flowId null: of no flow that is known @returns null when there is no such answer */
  async setProcessed(
    q: Queryable,
    { accountId, flowId, id }: { accountId: number; flowId: number | null; id: number },
    processed: boolean,
  ): Promise<FlowResponseRow | null> {
    const [row] = await q.query<FlowResponseRow>(
      `update flow_responses r set processed = $4
       where r.account_id = $1 and r.flow_id is not distinct from $2::bigint and r.id = $3
       returning ${COLUMNS}`,
      [accountId, flowId, id, processed],
    );
    return row ?? null;
  }

  async find(
    q: Queryable,
    { accountId, flowId, id }: { accountId: number; flowId: number | null; id: number },
  ): Promise<FlowResponseRow | null> {
    const [row] = await q.query<FlowResponseRow>(
      `select ${COLUMNS} from flow_responses r
       where r.account_id = $1 and r.flow_id is not distinct from $2::bigint and r.id = $3`,
      [accountId, flowId, id],
    );
    return row ?? null;
  }

  /** Two contacts became one: what the one answered the other answered, in the thread that the account has with them. */
  async moveTo(tx: Tx, survivorId: number, goneId: number): Promise<void> {
    await tx.query(
      `update flow_responses r set contact_id = $1, conversation_id = c.id
       from conversations c where r.contact_id = $2 and c.account_id = r.account_id and c.contact_id = $1`,
      [survivorId, goneId],
    );
  }

  /** A person is forgotten, with all that was answered; that flows were completed stays counted. */
  async removeOf(tx: Tx, contactId: number): Promise<void> {
    await tx.query('delete from flow_responses where contact_id = $1', [contactId]);
  }
}

function conditions(filter: FlowResponseFilter): {
  where: string[];
  values: unknown[];
  bind: (value: unknown) => string;
} {
  const values: unknown[] = [filter.accountId];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const where = ['r.account_id = $1'];
  if (filter.flowId !== undefined) {
    where.push(filter.flowId === null ? 'r.flow_id is null' : `r.flow_id = ${bind(filter.flowId)}`);
  }
  if (filter.processed !== undefined) {
    where.push(`r.processed = ${bind(filter.processed)}`);
  }
  if (filter.q) {
    const pattern = bind(containing(filter.q));
    where.push(`(r.phone_number like ${pattern} or r.response_data::text ilike ${pattern})`);
  }
  if (filter.contactId !== undefined) {
    where.push(`r.contact_id = ${bind(filter.contactId)}`);
  }
  if (filter.from) {
    where.push(`r.completed_at >= ${bind(filter.from)}`);
  }
  if (filter.to) {
    where.push(`r.completed_at < ${bind(filter.to)}`);
  }
  return { where, values, bind };
}
