import { Injectable } from '@nestjs/common';
import { containing } from '../../common/like.js';
import type { LineError } from '../../common/csv-cell.js';
import type { Queryable, Tx } from '../../database/database.js';
import { columnsOf, json } from '../../database/unnest.js';
import type { ContactLine } from './contact-file.js';

export type ImportStatus = 'uploading' | 'waiting' | 'running' | 'completed' | 'failed';

export interface ImportRow {
  id: number;
  status: ImportStatus;
  total_count: number;
  processed_count: number;
  created_count: number;
  updated_count: number;
  skipped_count: number;
  errors: LineError[];
  errors_total: number;
  started_at: Date | null;
  completed_at: Date | null;
  created_at: Date;
  /** Since the work began, until now or its end. */
  worked_s: number;
}

/** What the work needs to know, of an import whose row this transaction holds. */
export interface ClaimedImport {
  id: number;
  accountId: number;
  portfolio: string;
  accountIds: number[];
  createdAt: Date;
}

/** What reading a file came to. */
export interface StagedFile {
  total: number;
  skipped: number;
  errors: LineError[];
  errorsTotal: number;
}

/** Imports and their lines: each method is one statement. */
@Injectable()
export class ImportsRepository {
  async create(
    q: Queryable,
    owner: { accountId: number; portfolio: string; accountIds: readonly number[] },
  ): Promise<number> {
    const [row] = await q.query<{ id: number }>(
      `insert into contact_imports (account_id, portfolio, account_ids, status) values ($1, $2, $3, 'uploading') returning id`,
      [owner.accountId, owner.portfolio, owner.accountIds],
    );
    return (row as { id: number }).id;
  }

  async find(q: Queryable, accountId: number, id: number): Promise<ImportRow | null> {
    const [row] = await q.query<ImportRow>(
      `select id, status, total_count, processed_count, created_count, updated_count, skipped_count, errors, errors_total,
         started_at, completed_at, created_at,
         coalesce(extract(epoch from coalesce(completed_at, now()) - started_at), 0)::float8 as worked_s
       from contact_imports where account_id = $1 and id = $2`,
      [accountId, id],
    );
    return row ?? null;
  }

  async remove(q: Queryable, id: number): Promise<void> {
    await q.query('delete from contact_imports where id = $1', [id]);
  }

  async stage(q: Queryable, id: number, lines: readonly ContactLine[]): Promise<void> {
    await q.query(
      `insert into contact_import_lines (import_id, line, phone, user_id, name, email, notes, labels, opted_out)
       select $1, * from unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::boolean[])`,
      [
        id,
        ...columnsOf(
          lines,
          (line) => line.line,
          (line) => line.phone,
          (line) => line.userId,
          (line) => line.name,
          (line) => line.email,
          (line) => line.notes,
          (line) => json(line.labels),
          (line) => line.optedOut,
        ),
      ],
    );
  }

  /** The file is read to its end: now it may be worked on, by a worker from then on. */
  async ready(q: Queryable, id: number, file: StagedFile, workersWaitS: number): Promise<void> {
    await q.query(
      `update contact_imports set status = 'waiting', total_count = $2, processed_count = $3, skipped_count = $3,
         errors = $4::jsonb, errors_total = $5, next_attempt_at = now() + make_interval(secs => $6), updated_at = now()
       where id = $1`,
      [id, file.total, file.skipped, json(file.errors), file.errorsTotal, workersWaitS],
    );
  }

  /** Imports that nobody works on. */
  async findDue(q: Queryable): Promise<number[]> {
    const rows = await q.query<{ id: number }>(
      'select id from contact_imports where next_attempt_at <= now() order by next_attempt_at limit 100',
    );
    return rows.map((row) => row.id);
  }

  async isOpen(q: Queryable, id: number): Promise<boolean> {
    const rows = await q.query(`select 1 from contact_imports where id = $1 and status in ('waiting', 'running')`, [
      id,
    ]);
    return rows.length > 0;
  }

  /** Holds the import until the transaction ends. Null: there is nothing to do, or somebody else does it now. */
  async claim(tx: Tx, id: number): Promise<ClaimedImport | null> {
    const [row] = await tx.query<ClaimedImport>(
      `select id, account_id as "accountId", portfolio, account_ids as "accountIds", created_at as "createdAt"
       from contact_imports where id = $1 and status in ('waiting', 'running') for update skip locked`,
      [id],
    );
    return row ?? null;
  }

  /** The next lines, in the order of the file. */
  async takeLines(tx: Tx, id: number, limit: number): Promise<ContactLine[]> {
    return tx.query<ContactLine>(
      `select line, phone, user_id as "userId", name, email, notes, labels, opted_out as "optedOut"
       from contact_import_lines where import_id = $1 order by line limit $2`,
      [id, limit],
    );
  }

  /** Counts lines that are done, up to this one, and lets them go. */
  async advance(
    tx: Tx,
    id: number,
    done: { upToLine: number; lines: number; created: number; isLast: boolean },
    deadAfterS: number,
  ): Promise<void> {
    await tx.query(
      `with gone as (delete from contact_import_lines where import_id = $1 and line <= $2)
       update contact_imports set
         processed_count = processed_count + $3, created_count = created_count + $4, updated_count = updated_count + $3 - $4,
         status = case when $5 then 'completed' else 'running' end,
         started_at = coalesce(started_at, now()), completed_at = case when $5 then clock_timestamp() end,
         next_attempt_at = case when not $5 then clock_timestamp() + make_interval(secs => $6) end,
         attempts = 0, updated_at = now()
       where id = $1`,
      [id, done.upToLine, done.lines, done.created, done.isLast, deadAfterS],
    );
  }

  /** A batch failed: again later, and not for ever. */
  async postpone(q: Queryable, id: number, maxAttempts: number, waitS: number): Promise<void> {
    await q.query(
      `update contact_imports set attempts = attempts + 1,
         status = case when attempts + 1 >= $2 then 'failed' else status end,
         completed_at = case when attempts + 1 >= $2 then now() end,
         next_attempt_at = case when attempts + 1 < $2 then now() + make_interval(secs => $3 * (attempts + 1)) end,
         updated_at = now()
       where id = $1 and status in ('waiting', 'running')`,
      [id, maxAttempts, waitS],
    );
  }

  /** Forgets what is long done, and uploads whose process died. @returns how many */
  async prune(q: Queryable, keepDays: number): Promise<number> {
    const rows = await q.query(
      `delete from contact_imports
       where completed_at < now() - make_interval(days => $1)
         or (status = 'uploading' and created_at < now() - interval '1 hour')
       returning id`,
      [keepDays],
    );
    return rows.length;
  }

  /** Of these numbers, those that a person whom the key may see is known by. */
  async findKnownPhones(q: Queryable, phones: readonly string[], accountIds: readonly number[]): Promise<Set<string>> {
    const rows = await q.query<{ value: string }>(
      `select i.value from contact_identities i
       where i.kind = 'phone' and i.scope = '' and i.value = any($1::text[])
         and (cardinality($2::bigint[]) = 0 or exists (
           select 1 from contact_accounts v where v.contact_id = i.contact_id and v.account_id = any($2::bigint[])))`,
      [phones, accountIds],
    );
    return new Set(rows.map((row) => row.value));
  }

  /**
   * Takes a person who is erased out of files that wait, and out of what was wrong with lines.
   * @param names what the person is called: numbers, user ids, email
   */
  async erase(tx: Tx, phones: readonly string[], userIds: readonly string[], names: readonly string[]): Promise<void> {
    await tx.query(
      `with gone as (
         delete from contact_import_lines where phone = any($1::text[]) or user_id = any($2::text[]) returning import_id
       ), counted as (
         select import_id, count(*)::int as n from gone group by import_id
       )
       update contact_imports i set
         processed_count = i.processed_count + coalesce(n, 0),
         skipped_count = i.skipped_count + coalesce(n, 0),
         errors = coalesce((
           select jsonb_agg(case when e ->> 'value' like any($3::text[]) then e || '{"value": ""}' else e end order by ordinality)
           from jsonb_array_elements(i.errors) with ordinality as t (e, ordinality)), '[]')
       from contact_imports j left join counted on counted.import_id = j.id
       where i.id = j.id and (n > 0 or exists (
         select 1 from jsonb_array_elements(j.errors) e where e ->> 'value' like any($3::text[])))`,
      [phones, userIds, names.map(containing)],
    );
  }
}
