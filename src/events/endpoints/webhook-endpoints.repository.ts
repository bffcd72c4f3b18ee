import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';
import type { EventType } from '../../outbox/outbox.js';
import type { EndpointRow, EndpointView, SealedSecrets } from './endpoint.js';

const COLUMNS = `e.id, e.account_id as "accountId", e.url, e.description, e.types, e.allowed_types as "allowedTypes",
  e.api_version as "apiVersion", case when e.previous_secret_until > now() then e.previous_secret_until end as "previousSecretUntil",
  e.is_active as "isActive", e.disabled_at as "disabledAt", e.disabled_reason as "disabledReason", e.created_by as "createdBy",
  e.failing_since as "failingSince", e.last_success_at as "lastSuccessAt", e.created_at as "createdAt", e.updated_at as "updatedAt"`;
const VISIBLE = (view: string): string =>
  `e.deleted_at is null and (${view}::bigint[] is null or e.account_id = any(${view}::bigint[]))`;
/** Events numbered until now are before the endpoint's time. */
const NOW_IN_EVENTS = '(select coalesce(max(seq), 0) from outbox_events where seq is not null)';

export interface NewEndpoint {
  id: number;
  accountId: number | null;
  url: string;
  description: string;
  types: readonly EventType[];
  allowedTypes: readonly string[] | null;
  secret: string;
  keyId: number;
  keyName: string;
}

/** What of an endpoint can be changed; all of it is written. */
export interface EndpointChanges {
  url: string;
  description: string;
  types: readonly EventType[];
  allowedTypes: readonly string[] | null;
}

/** Endpoints and their secrets. */
@Injectable()
export class WebhookEndpointsRepository {
  /** An id for a secret to be sealed with, before there is a row. */
  async nextId(q: Queryable): Promise<number> {
    const [row] = await q.query<{ id: number }>(
      `select nextval(pg_get_serial_sequence('webhook_endpoints', 'id')) as id`,
    );
    return (row as { id: number }).id;
  }

  async insert(tx: Tx, endpoint: NewEndpoint): Promise<void> {
    await tx.query(
      `insert into webhook_endpoints
         (id, account_id, url, description, types, allowed_types, secret, created_by_key_id, created_by, start_after)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, ${NOW_IN_EVENTS})`,
      [
        endpoint.id,
        endpoint.accountId,
        endpoint.url,
        endpoint.description,
        endpoint.types,
        endpoint.allowedTypes,
        endpoint.secret,
        endpoint.keyId,
        endpoint.keyName,
      ],
    );
  }

  /** How many there are of the account, or of none; nobody else makes one meanwhile. */
  async countForMore(tx: Tx, accountId: number | null): Promise<number> {
    await tx.query(`select pg_advisory_xact_lock(hashtext('webhook_endpoints'), coalesce($1, 0)::integer)`, [
      accountId,
    ]);
    const [row] = await tx.query<{ n: number }>(
      'select count(*) as n from webhook_endpoints where account_id is not distinct from $1 and deleted_at is null',
      [accountId],
    );
    return row?.n ?? 0;
  }

  list(q: Queryable, view: EndpointView, afterId: number | null, limit: number): Promise<EndpointRow[]> {
    return q.query<EndpointRow>(
      `select ${COLUMNS} from webhook_endpoints e
       where ${VISIBLE('$1')} and ($2::bigint is null or e.id > $2) order by e.id limit $3`,
      [view, afterId, limit],
    );
  }

  async find(q: Queryable, view: EndpointView, id: number): Promise<EndpointRow | null> {
    const [row] = await q.query<EndpointRow>(
      `select ${COLUMNS} from webhook_endpoints e where ${VISIBLE('$1')} and e.id = $2`,
      [view, id],
    );
    return row ?? null;
  }

  /** As {@link find}, with the row locked until the transaction ends. */
  async findForChange(tx: Tx, view: EndpointView, id: number): Promise<EndpointRow | null> {
    const [row] = await tx.query<EndpointRow>(
      `select ${COLUMNS} from webhook_endpoints e where ${VISIBLE('$1')} and e.id = $2 for update`,
      [view, id],
    );
    return row ?? null;
  }

  async findSecrets(q: Queryable, id: number): Promise<SealedSecrets | null> {
    const [row] = await q.query<SealedSecrets>(
      `select secret, previous_secret as "previousSecret", previous_secret_until as "previousSecretUntil"
       from webhook_endpoints where id = $1 and deleted_at is null`,
      [id],
    );
    return row ?? null;
  }

  async update(tx: Tx, id: number, changes: EndpointChanges): Promise<void> {
    // Another address has not failed yet.
    await tx.query(
      `update webhook_endpoints set url = $2, description = $3, types = $4, allowed_types = $5, updated_at = now(),
         rest_until = case when url = $2 then rest_until end, failing_since = case when url = $2 then failing_since end,
         failures_in_row = case when url = $2 then failures_in_row else 0 end
       where id = $1`,
      [id, changes.url, changes.description, changes.types, changes.allowedTypes],
    );
  }

  /** It is told of what happens from now on. */
  async enable(tx: Tx, id: number): Promise<void> {
    await tx.query(
      `update webhook_endpoints set is_active = true, disabled_at = null, disabled_reason = null, rest_until = null,
         failing_since = null, failures_in_row = 0, exhausted_told_at = null, updated_at = now(), start_after = ${NOW_IN_EVENTS}
       where id = $1`,
      [id],
    );
  }

  /** The secret until now stays valid for so long. */
  async rotate(tx: Tx, id: number, secret: string, overlapS: number): Promise<void> {
    await tx.query(
      `update webhook_endpoints set previous_secret = case when $3::integer > 0 then secret end,
         previous_secret_until = case when $3::integer > 0 then now() + make_interval(secs => $3::integer) end,
         secret = $2, updated_at = now()
       where id = $1`,
      [id, secret, overlapS],
    );
  }

  /** It stays for what was delivered to it, and its secrets do not. */
  async markDeleted(tx: Tx, id: number): Promise<void> {
    await tx.query(
      `update webhook_endpoints set deleted_at = now(), is_active = false, secret = '', previous_secret = null,
         previous_secret_until = null where id = $1`,
      [id],
    );
  }
}
