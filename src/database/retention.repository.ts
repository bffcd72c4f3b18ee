import { Injectable } from '@nestjs/common';
import { Database, type Queryable } from './database.js';
import type { OldPart } from './retention-guards.js';

/** A name that only this code gives: what bears it is cut off and waits for its end. */
const CUT_OFF = 'cut_off_';
/** Longest that a change of a partitioned table may make others wait for it, in ms. */
const LOCK_MS = 500;

/** Partitions and what is old in them. Names of tables come from this code and the catalog, never from input. */
@Injectable()
export class RetentionRepository {
  constructor(private readonly database: Database) {}

  /** Makes the partitions of the time to come. Waits for nobody long, for whoever inserts waits behind it. */
  async ensurePartitions(): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.queryDynamic(`set local lock_timeout = ${LOCK_MS}`);
      await tx.query('select ensure_month_partitions()');
    });
  }

  /** Of these tables those that there are. */
  async existing(tables: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ name: string }>(
      `select name from unnest($1::text[]) name where to_regclass(quote_ident(name)) is not null`,
      [tables],
    );
    return rows.map(({ name }) => name);
  }

  /** Partitions whose youngest possible row is older than so many days, the oldest first. */
  async oldPartitions(table: string, days: number): Promise<OldPart[]> {
    const rows = await this.database.query<{ name: string; lower: Date; upper: Date }>(
      `with parts as (
         select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound
         from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = to_regclass(quote_ident($1)) and not i.inhdetachpending
       ), ranges as (
         select name, (regexp_match(bound, $re$FROM \\('([^']+)'\\)$re$))[1]::timestamptz as lower,
           (regexp_match(bound, $re$TO \\('([^']+)'\\)$re$))[1]::timestamptz as upper
         from parts
       )
       select * from ranges where upper <= now() - make_interval(days => $2) order by upper`,
      [table, days],
    );
    return rows.map((row) => ({ table, name: row.name, from: row.lower, to: row.upper }));
  }

  /**
   * Cuts a partition off, in a moment: its rows are gone from the table, and nobody waits while the file is deleted.
   * @throws `55P03` when somebody reads or writes the table for longer than a moment
   */
  async cutOff(part: OldPart): Promise<void> {
    await this.database.once(async (tx) => {
      await tx.queryDynamic(`set local lock_timeout = ${LOCK_MS}`);
      await tx.queryDynamic(`alter table ${quoted(part.table)} detach partition ${quoted(part.name)}`);
      await tx.queryDynamic(`alter table ${quoted(part.name)} rename to ${quoted(CUT_OFF + part.name)}`);
    });
  }

  /** Deletes the files of what was cut off, also by a process that died in between. @returns the names of the partitions */
  async dropCutOff(): Promise<string[]> {
    const rows = await this.database.query<{ name: string }>(
      `select relname as name from pg_class
       where relkind = 'r' and not relispartition and relnamespace = current_schema()::regnamespace and starts_with(relname, $1)`,
      [CUT_OFF],
    );
    for (const { name } of rows) {
      await this.database.queryDynamic(`drop table if exists ${quoted(name)}`);
    }
    return rows.map(({ name }) => name.slice(CUT_OFF.length));
  }

  /** Deletes old rows that found no partition of their own. @returns how many */
  async deleteFromDefault(table: string, column: string, before: Date, limit: number): Promise<number> {
    return this.deleteRows(this.database, `${table}_default`, column, before, limit);
  }

  /** Deletes old rows of a table. @returns how many */
  async deleteRows(q: Queryable, table: string, column: string, before: Date, limit: number): Promise<number> {
    const rows = await q.queryDynamic(
      `delete from ${quoted(table)} where ctid = any(array(
         select ctid from ${quoted(table)} where ${quoted(column)} < $1 limit $2
       )) returning 1`,
      [before, limit],
    );
    return rows.length;
  }

  async daysAgo(days: number): Promise<Date> {
    const [row] = await this.database.query<{ at: Date }>('select now() - make_interval(days => $1) as at', [days]);
    return (row as { at: Date }).at;
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
