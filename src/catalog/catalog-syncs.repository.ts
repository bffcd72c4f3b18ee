import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { json } from '../database/unnest.js';
import type { GraphFailure } from '../meta/graph-error.js';

export type SyncStatus = 'running' | 'completed' | 'failed';

/** Why a sync failed: Meta's refusal, or a sentence of ours. */
export type SyncError = { message: string; failure: GraphFailure | null };

export interface SyncRow {
  id: number;
  account_id: number;
  catalog_id: string;
  status: SyncStatus;
  synced: number;
  created: number;
  updated: number;
  removed: number;
  skipped: number;
  error: SyncError | null;
  started_at: Date;
  finished_at: Date | null;
  /** Since it began, until now or its end. */
  worked_s: number;
  /** How many products of Meta's the account has of this catalog: about what a sync will come to. */
  known: number;
}

/** A sync that is ours until the lease is over. */
export interface ClaimedSync {
  id: number;
  accountId: number;
  catalogId: string;
  afterCursor: string | null;
  pageSize: number;
  /** Of the page that is to be read now. */
  attempts: number;
  /** How often reading began anew. */
  restarts: number;
  epoch: number;
  startedAt: Date;
}

/** What one more page came to. */
export interface SyncProgress {
  afterCursor: string | null;
  synced: number;
  created: number;
  updated: number;
  skipped: number;
}

const COLUMNS = `s.id, s.account_id, s.catalog_id, s.status, s.synced, s.created, s.updated, s.removed, s.skipped, s.error,
  s.started_at, s.finished_at,
  extract(epoch from coalesce(s.finished_at, clock_timestamp()) - s.started_at)::float8 as worked_s,
  case when s.status = 'running' then (
    select count(*)::int from catalog_products p
    where p.account_id = s.account_id and p.catalog_id = s.catalog_id and p.meta_product_id is not null
      and p.gone_at is null) else s.synced end as known`;

const LEASE = `clock_timestamp() + make_interval(secs => $2)`;

/** Syncs as jobs. Whatever a holder writes says which epoch it holds, and writes nothing when that is over. */
@Injectable()
export class CatalogSyncsRepository {
  /** Begins a sync of the catalog, or joins the one that runs. */
  async begin(tx: Tx, accountId: number, catalogId: string, pageSize: number): Promise<{ id: number; isNew: boolean }> {
    const [made] = await tx.query<{ id: number }>(
      `insert into catalog_syncs (account_id, catalog_id, page_size) values ($1, $2, $3)
       on conflict (account_id, catalog_id) where status = 'running' do nothing returning id`,
      [accountId, catalogId, pageSize],
    );
    if (made) {
      return { id: made.id, isNew: true };
    }
    const [running] = await tx.query<{ id: number }>(
      `select id from catalog_syncs where account_id = $1 and catalog_id = $2 order by id desc limit 1`,
      [accountId, catalogId],
    );
    return { id: (running as { id: number }).id, isNew: false };
  }

  async find(q: Queryable, accountId: number, id: number): Promise<SyncRow | null> {
    const [row] = await q.query<SyncRow>(
      `select ${COLUMNS} from catalog_syncs s where s.account_id = $1 and s.id = $2`,
      [accountId, id],
    );
    return row ?? null;
  }

  async isRunning(q: Queryable, id: number): Promise<boolean> {
    const rows = await q.query(`select id from catalog_syncs where id = $1 and status = 'running'`, [id]);
    return rows.length > 0;
  }

  /** The newest first. */
  async list(
    q: Queryable,
    accountId: number,
    filter: { catalogId: string | null; beforeId: number | null; limit: number },
  ): Promise<SyncRow[]> {
    return q.query<SyncRow>(
      `select ${COLUMNS} from catalog_syncs s
       where s.account_id = $1 and ($2::text is null or s.catalog_id = $2) and ($3::bigint is null or s.id < $3)
       order by s.id desc limit $4`,
      [accountId, filter.catalogId, filter.beforeId, filter.limit],
    );
  }

  /** Takes up to `limit` syncs that nobody works on. */
  async claim(q: Queryable, limit: number, leaseS: number): Promise<ClaimedSync[]> {
    return q.query<ClaimedSync>(
      `update catalog_syncs s set lease_until = ${LEASE}, epoch = s.epoch + 1
       from (
         select id from catalog_syncs where status = 'running' and lease_until <= now()
         order by id limit $1 for update skip locked
       ) due
       where s.id = due.id
       returning s.id, s.account_id as "accountId", s.catalog_id as "catalogId", s.after_cursor as "afterCursor",
         s.page_size as "pageSize", s.attempts, s.restarts, s.epoch, s.started_at as "startedAt"`,
      [limit, leaseS],
    );
  }

  /** Counts a page and goes on. @returns false when it is not ours any more: nothing of the page may be written then */
  async advance(tx: Tx, sync: ClaimedSync, leaseS: number, progress: SyncProgress): Promise<boolean> {
    const rows = await tx.query(
      `update catalog_syncs set lease_until = ${LEASE}, attempts = 0, after_cursor = $4, synced = synced + $5,
         created = created + $6, updated = updated + $7, skipped = skipped + $8
       where id = $1 and epoch = $3 and status = 'running' returning id`,
      [
        sync.id,
        leaseS,
        sync.epoch,
        progress.afterCursor,
        progress.synced,
        progress.created,
        progress.updated,
        progress.skipped,
      ],
    );
    return rows.length > 0;
  }

  /** Leaves the sync to whoever finds it in `waitS` seconds. */
  async postpone(
    q: Queryable,
    sync: ClaimedSync,
    waitS: number,
    next: { attempts: number; pageSize: number },
  ): Promise<void> {
    await q.query(
      `update catalog_syncs set lease_until = ${LEASE}, attempts = $4, page_size = $5
       where id = $1 and epoch = $3 and status = 'running'`,
      [sync.id, waitS, sync.epoch, next.attempts, next.pageSize],
    );
  }

  /** Begins to read from the first page again. @returns false when it is not ours any more */
  async restart(tx: Tx, sync: ClaimedSync): Promise<boolean> {
    const rows = await tx.query(
      `update catalog_syncs set after_cursor = null, synced = 0, skipped = 0, attempts = 0, restarts = restarts + 1
       where id = $1 and epoch = $2 and status = 'running' returning id`,
      [sync.id, sync.epoch],
    );
    return rows.length > 0;
  }

  /** Ends a sync. @returns false when it is not ours any more */
  async complete(tx: Tx, sync: ClaimedSync, removed: number): Promise<boolean> {
    const rows = await tx.query(
      `update catalog_syncs set status = 'completed', removed = $3, after_cursor = null, finished_at = clock_timestamp()
       where id = $1 and epoch = $2 and status = 'running' returning id`,
      [sync.id, sync.epoch, removed],
    );
    return rows.length > 0;
  }

  /** Ends a sync that cannot go on. @returns false when it is not ours any more */
  async fail(tx: Tx, sync: ClaimedSync, error: SyncError): Promise<boolean> {
    const rows = await tx.query(
      `update catalog_syncs set status = 'failed', error = $3::jsonb, finished_at = clock_timestamp()
       where id = $1 and epoch = $2 and status = 'running' returning id`,
      [sync.id, sync.epoch, json(error)],
    );
    return rows.length > 0;
  }

  /** Forgets old syncs, but the last that was completed of each catalog. @returns how many */
  async prune(q: Queryable, keepDays: number): Promise<number> {
    const rows = await q.query(
      `delete from catalog_syncs s where s.finished_at < now() - make_interval(days => $1) and exists (
         select from catalog_syncs later
         where later.account_id = s.account_id and later.catalog_id = s.catalog_id and later.status = 'completed'
           and later.started_at > s.started_at)
       returning s.id`,
      [keepDays],
    );
    return rows.length;
  }
}
