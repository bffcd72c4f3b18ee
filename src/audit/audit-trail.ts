import { Injectable } from '@nestjs/common';
import { currentActor } from '../common/actor.js';
import type { Queryable } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';

/** Something that was done. */
export interface AuditEntry {
  /** `<object>.<past tense>`: `api_key.rotated`, `campaign.paused`. Stable. */
  action: string;
  /** What it was done to, in the singular of its path: `api_key`, `account`, `campaign`. */
  objectType: string;
  objectId: number | string | null;
  /** Whose it is; null: the installation's. */
  accountId: number | null;
  /**
   * What changed: `{name: {from, to}}`, or facts such as `{count: 12}`. Never a secret (say `{access_token: {changed: true}}`),
   * nor a text or number of a person.
   */
  changes?: Record<string, unknown>;
}

const APPEND = `
insert into audit_log (actor_type, actor_key_id, actor_name, ip, request_id, action, object_type, object_id, account_id, changes)
select $1, $2, $3, $4, $5, u.*
from unnest($6::text[], $7::text[], $8::text[], $9::bigint[], $10::jsonb[]) as u (action, object_type, object_id, account_id, changes)`;

/** Writes down who did what, in the transaction that does it: nothing is done unseen, and nothing is told that was not done. */
@Injectable()
export class AuditTrail {
  async append(tx: Queryable, entries: readonly AuditEntry[]): Promise<void> {
    if (entries.length === 0) {
      return;
    }
    const actor = currentActor();
    const isKey = actor.type === 'api_key';
    await tx.query(APPEND, [
      actor.type,
      isKey ? actor.keyId : null,
      isKey ? actor.name : actor.type,
      isKey ? actor.ip : null,
      isKey ? actor.requestId : null,
      ...columnsOf(
        entries,
        (entry) => entry.action,
        (entry) => entry.objectType,
        (entry) => (entry.objectId === null ? null : String(entry.objectId)),
        (entry) => entry.accountId,
        (entry) => json(entry.changes ?? {}),
      ),
    ]);
  }
}

/** The fields in which two states differ, as `{field: {from, to}}`; times as ISO text. */
export function changesBetween<T extends object>(
  before: T,
  after: T,
  fields: readonly (keyof T & string)[],
): Record<string, { from: unknown; to: unknown }> {
  return Object.fromEntries(
    fields
      .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
      .map((field) => [field, { from: before[field], to: after[field] }]),
  );
}
