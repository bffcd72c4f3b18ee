import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';
import type { AttemptRecord, DeliveryStatus, EndpointView } from './endpoint.js';

/** A delivery as lists have it. */
export interface DeliveryRow {
  id: number;
  createdAt: Date;
  endpointId: number;
  seq: number;
  accountId: number | null;
  type: string;
  status: DeliveryStatus;
  attempts: number;
  dueAt: Date | null;
  finishedAt: Date | null;
  answerStatus: number | null;
  error: string | null;
}

export interface DeliveryDetails extends DeliveryRow {
  url: string;
  isEndpointActive: boolean;
  history: AttemptRecord[];
}

export interface DeliveryFilter {
  status?: DeliveryStatus | undefined;
  type?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  after: { createdAt: string; id: number } | null;
  limit: number;
}

/** What is to be tried again. */
export interface RetryFilter {
  statuses: readonly DeliveryStatus[];
  type: string | null;
  from: string | null;
  to: string | null;
}

const COLUMNS = `d.id, d.created_at as "createdAt", d.endpoint_id as "endpointId", d.event_seq as seq, d.event_account_id as "accountId",
  d.type, d.status, jsonb_array_length(d.history) as attempts, d.due_at as "dueAt", d.finished_at as "finishedAt",
  d.answer_status as "answerStatus", d.error`;
const VISIBLE = (view: string): string =>
  `e.deleted_at is null and (${view}::bigint[] is null or e.account_id = any(${view}::bigint[]))`;
/** Its event is still kept, and can be told. */
const IS_KEPT = 'exists (select from outbox_events o where o.seq = d.event_seq)';
const AGAIN = `status = 'pending', attempt = 0, due_at = now(), finished_at = null`;

/** What became of deliveries. */
@Injectable()
export class DeliveriesRepository {
  list(q: Queryable, endpointId: number, filter: DeliveryFilter): Promise<DeliveryRow[]> {
    const values: unknown[] = [endpointId, filter.limit];
    const where = ['d.endpoint_id = $1'];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    if (filter.status !== undefined) {
      where.push(`d.status = ${bind(filter.status)}`);
    }
    if (filter.type !== undefined) {
      where.push(`d.type = ${bind(filter.type)}`);
    }
    if (filter.from !== undefined) {
      where.push(`d.created_at >= ${bind(filter.from)}::timestamptz`);
    }
    if (filter.to !== undefined) {
      where.push(`d.created_at < ${bind(filter.to)}::timestamptz`);
    }
    if (filter.after) {
      where.push(
        `(d.created_at, d.id) < (${bind(filter.after.createdAt)}::timestamptz, ${bind(filter.after.id)}::bigint)`,
      );
    }
    return q.queryDynamic<DeliveryRow>(
      `select ${COLUMNS} from webhook_deliveries d where ${where.join(' and ')}
       order by d.created_at desc, d.id desc limit $2`,
      values,
    );
  }

  async find(q: Queryable, view: EndpointView, id: number): Promise<DeliveryDetails | null> {
    const [row] = await q.query<DeliveryDetails>(
      `select ${COLUMNS}, d.history, e.url, e.is_active as "isEndpointActive"
       from webhook_deliveries d join webhook_endpoints e on e.id = d.endpoint_id
       where ${VISIBLE('$1')} and d.id = $2`,
      [view, id],
    );
    return row ?? null;
  }

  /** Its schedule begins anew, now. @returns false when its event is not kept any more */
  async retry(tx: Tx, { id, createdAt }: Pick<DeliveryRow, 'id' | 'createdAt'>): Promise<boolean> {
    const rows = await tx.query(
      `update webhook_deliveries d set ${AGAIN} where d.id = $1 and d.created_at = $2 and ${IS_KEPT} returning d.id`,
      [id, createdAt],
    );
    return rows.length > 0;
  }

  /** As {@link retry}, for all that match. @returns how many */
  async retryMatching(tx: Tx, endpointId: number, { statuses, type, from, to }: RetryFilter): Promise<number> {
    const [row] = await tx.query<{ n: number }>(
      `with again as (
         update webhook_deliveries d set ${AGAIN}
         where d.endpoint_id = $1 and d.status = any($2::text[]) and ($3::text is null or d.type = $3)
           and ($4::timestamptz is null or d.created_at >= $4) and ($5::timestamptz is null or d.created_at < $5)
           and ${IS_KEPT}
         returning 1
       ) select count(*) as n from again`,
      [endpointId, statuses, type, from, to],
    );
    return row?.n ?? 0;
  }
}
