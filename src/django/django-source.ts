import pg from 'pg';
import type { DjangoRow } from './django-row.js';

/** Rows per look into the Django database, and per transaction here. */
export const BATCH = 5_000;
const DEFAULT_PREFIX = 'django_meta_whatsapp_';
const PREFIX = /^[A-Za-z_][A-Za-z0-9_]{0,40}$/;
/** Columns of `timestamp` without zone (USE_TZ = False) are taken as UTC, whatever zone this process is in. */
const TIMESTAMP = 1114;

/** What is to be read of one of the package's tables. */
export interface Selection {
  /** Model in lower case, as in its table's name. */
  model: string;
  /** Beside all columns of the row itself (`t`); `$model$` stands for a table. Used when all tables in it are there. */
  more?: string;
  joins?: string;
  /** Of `t`; rows come by id otherwise. Used when all its columns are there. */
  order?: { sql: string; needs: readonly string[] };
  where?: { sql: string; needs: readonly string[] };
}

/** What an import reads. PostgreSQL is what there is; another database would be another of these. */
export interface DjangoSource {
  /** By what the database is known again wherever it stands. */
  readonly name: string;
  has(model: string): boolean;
  count(selection: Selection): Promise<number>;
  batches(selection: Selection): AsyncGenerator<DjangoRow[]>;
  /** Ten digits that Meta wrote: a `wa_id` with its country code, never a number of the home country. */
  waIdsOfTenDigits(): Promise<Set<string>>;
  /** What these conversations have unread together. */
  unreadOf(conversationIds: readonly number[]): Promise<Map<number, number>>;
  close(): Promise<void>;
}

/** The database cannot be read, or is not one of the package's; the message is for people and holds no secret. */
export class DjangoSourceError extends Error {}

/**
 * Opens a PostgreSQL database of the Django package, to read only: one snapshot, so that what other people write meanwhile
 * is either in it whole or not at all, and cursors, so that memory does not grow with tables.
 */
export async function openDjango(url: string, tablePrefix = DEFAULT_PREFIX): Promise<DjangoSource> {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new DjangoSourceError('Only PostgreSQL can be read: --database-url begins with postgres://.');
  }
  if (!PREFIX.test(tablePrefix)) {
    throw new DjangoSourceError('A table prefix has letters, digits and _ only.');
  }
  const types = {
    getTypeParser: (oid: number, format?: 'text' | 'binary'): unknown =>
      oid === TIMESTAMP
        ? (text: string): Date => new Date(`${text.replace(' ', 'T')}Z`)
        : (pg.types.getTypeParser as (id: number, format?: string) => unknown)(oid, format),
  } as pg.CustomTypesConfig;
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'parley-import-django',
    types,
  });
  // A connection that dies while it is idle must not end the process; the next read tells.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw new DjangoSourceError(`The Django database cannot be opened: ${code ?? message}.`);
  }
  try {
    await client.query('set idle_in_transaction_session_timeout = 0; set statement_timeout = 0; set jit = off');
    await client.query('begin isolation level repeatable read read only');
    const source = new PostgresDjango(client, tablePrefix, await columnsOfTables(client, tablePrefix));
    await source.identify();
    return source;
  } catch (error) {
    await client.end();
    throw error;
  }
}

class PostgresDjango implements DjangoSource {
  name = '';

  constructor(
    private readonly client: pg.Client,
    private readonly prefix: string,
    /** Of each table of the package, without its prefix. */
    private readonly columns: ReadonlyMap<string, ReadonlySet<string>>,
  ) {}

  /**
   * When the first migration of the package was applied stands in every copy of the database, to the microsecond, and in no
   * other database.
   */
  async identify(): Promise<void> {
    if (!this.has('whatsappaccount') && !this.has('whatsappcontact')) {
      throw new DjangoSourceError(
        `There are no tables ${this.prefix}… in that database. Has the app another label (--table-prefix)?`,
      );
    }
    const { rows: there } = await this.client.query(`select to_regclass('django_migrations') is not null as there`);
    const { rows } = (there[0] as { there: boolean }).there
      ? await this.client.query<{ first: string | null }>(
          `select to_char(min(applied)::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.US') as first from django_migrations where app = $1`,
          [this.prefix.replace(/_$/, '')],
        )
      : { rows: [] };
    const first = rows[0]?.first ?? null;
    const { rows: named } = await this.client.query<{ name: string }>('select current_database() as name');
    this.name = first === null ? `database ${named[0]?.name}, ${this.prefix}` : `${this.prefix} of ${first}`;
  }

  has(model: string): boolean {
    return this.columns.has(model);
  }

  async count(selection: Selection): Promise<number> {
    if (!this.has(selection.model)) {
      return 0;
    }
    const { rows } = await this.client.query<{ n: number }>(
      `select count(*)::float8 as n from ${this.table(selection.model)} t ${this.condition(selection)}`,
    );
    return rows[0]?.n ?? 0;
  }

  async *batches(selection: Selection): AsyncGenerator<DjangoRow[]> {
    if (!this.has(selection.model)) {
      return;
    }
    const { more = '', joins = '', order } = selection;
    const isWhole = [...`${more}${joins}`.matchAll(/\$(\w+)\$/g)].every(([, model]) => this.has(model as string));
    const by = order && order.needs.every((column) => this.column(selection.model, column)) ? `${order.sql}, ` : '';
    await this.client.query(
      `declare import_rows no scroll cursor for
       select t.*${isWhole && more ? `, ${this.named(more)}` : ''} from ${this.table(selection.model)} t
       ${isWhole ? this.named(joins) : ''} ${this.condition(selection)} order by ${by}t.id`,
    );
    try {
      for (;;) {
        const { rows } = await this.client.query<DjangoRow>(`fetch ${BATCH} from import_rows`);
        if (rows.length > 0) {
          yield rows;
        }
        if (rows.length < BATCH) {
          return;
        }
      }
    } finally {
      await this.client.query('close import_rows').catch(() => undefined);
    }
  }

  async waIdsOfTenDigits(): Promise<Set<string>> {
    if (!this.has('whatsappmessage')) {
      return new Set();
    }
    const { rows } = await this.client.query<{ phone_number: string }>(
      `select distinct phone_number from ${this.table('whatsappmessage')}
       where direction = 'inbound' and length(phone_number) = 10 and phone_number ~ '^[0-9]+$'`,
    );
    return new Set(rows.map((row) => row.phone_number));
  }

  async unreadOf(conversationIds: readonly number[]): Promise<Map<number, number>> {
    const { rows } = await this.client.query<{ id: number; unread_count: number }>(
      `select id, unread_count from ${this.table('whatsappconversation')} where id = any($1::bigint[])`,
      [conversationIds],
    );
    return new Map(rows.map((row) => [row.id, row.unread_count]));
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  private condition({ model, where }: Selection): string {
    if (!where) {
      return '';
    }
    return where.needs.every((column) => this.column(model, column)) ? `where ${where.sql}` : 'where false';
  }

  private column(model: string, column: string): boolean {
    return this.columns.get(model)?.has(column) ?? false;
  }

  private table(model: string): string {
    return `"${this.prefix}${model}"`;
  }

  private named(sql: string): string {
    return sql.replace(/\$(\w+)\$/g, (_, model: string) => this.table(model));
  }
}

async function columnsOfTables(client: pg.Client, prefix: string): Promise<Map<string, Set<string>>> {
  const { rows } = await client.query<{ table: string; column: string }>(
    `select c.relname as table, a.attname as column
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p', 'v', 'm') and pg_table_is_visible(c.oid) and starts_with(c.relname, $1)`,
    [prefix],
  );
  const columns = new Map<string, Set<string>>();
  for (const { table, column } of rows) {
    const model = table.slice(prefix.length);
    columns.set(model, (columns.get(model) ?? new Set()).add(column));
  }
  return columns;
}
