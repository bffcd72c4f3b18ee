import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';

export const ACTOR_TYPES = ['api_key', 'cli', 'system'] as const;

export interface AuditRow {
  id: number;
  created_at: Date;
  actor_type: (typeof ACTOR_TYPES)[number];
  actor_key_id: number | null;
  actor_name: string;
  ip: string | null;
  request_id: string | null;
  action: string;
  object_type: string;
  object_id: string | null;
  account_id: number | null;
  changes: Record<string, unknown>;
}

export interface AuditFilter {
  /** Only what is of these accounts; null: everything, also of the installation. */
  accountIds: readonly number[] | null;
  action?: string | undefined;
  objectType?: string | undefined;
  objectId?: string | undefined;
  actorKeyId?: number | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
  /** The last row seen. */
  after: { createdAt: Date; id: number } | null;
}

const COLUMNS =
  'id, created_at, actor_type, actor_key_id, actor_name, ip, request_id, action, object_type, object_id, account_id, changes';

/** Only ever read here: `AuditTrail` appends, and the database refuses anything else. */
@Injectable()
export class AuditLogRepository {
  /** The newest first. Each filter that is given has its own text, so that each finds its own index. */
  list(q: Queryable, filter: AuditFilter, limit: number): Promise<AuditRow[]> {
    const { accountIds, action, objectType, objectId, actorKeyId, from, to, after } = filter;
    const conditions: string[] = [];
    const values: unknown[] = [];
    const where = (condition: (place: string) => string, value: unknown): void => {
      if (value !== undefined && value !== null) {
        conditions.push(condition(`$${values.push(value)}`));
      }
    };
    where((place) => `account_id = any(${place}::bigint[])`, accountIds);
    where((place) => `action = ${place}`, action);
    where((place) => `object_type = ${place}`, objectType);
    where((place) => `object_id = ${place}`, objectId);
    where((place) => `actor_key_id = ${place}::bigint`, actorKeyId);
    where((place) => `created_at >= ${place}::timestamptz`, from);
    where((place) => `created_at < ${place}::timestamptz`, to);
    if (after) {
      const [at, id] = [values.push(after.createdAt), values.push(after.id)];
      conditions.push(`(created_at, id) < ($${at}::timestamptz, $${id}::bigint)`);
    }
    const text = conditions.length > 0 ? `where ${conditions.join(' and ')}` : '';
    return q.queryDynamic(
      `select ${COLUMNS} from audit_log ${text} order by created_at desc, id desc limit $${values.push(limit)}`,
      values,
    );
  }

  /** Also one that was deleted: what was done to it stays known. Accounts stand above this module, which asks their table. */
  async hasAccount(q: Queryable, id: number): Promise<boolean> {
    return (await q.query('select 1 from accounts where id = $1', [id])).length > 0;
  }
}
