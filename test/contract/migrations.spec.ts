import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';
import { DataSource, getMetadataArgsStorage, TableColumn, type EntityMetadata } from 'typeorm';
import { migrate } from '../../src/database/migrate.js';
import { MIGRATIONS } from '../../src/database/migrations.js';
import { dataSourceOptions } from '../../src/database/options.js';
import { awayFromMidnight } from '../support/clock.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Tables that only SQL reads and writes. */
const WITHOUT_ENTITY: Record<string, string> = {
  migrations: 'kept by TypeORM',
  contact_labels: 'pairs of ids, joined and changed by set',
  contact_accounts: 'pairs of ids, joined and inserted by set',
  campaign_count_deltas: 'appended by triggers, folded by one statement',
  outbox_events: 'appended by unnest, numbered and read by single statements',
  event_tickets: 'made and taken by single statements',
  opt_out_hashes: 'written by one insert, read by a join',
  contact_cooldowns: 'upserted by set, read by a join',
  contacted_people: 'upserted by set, counted',
  account_events: 'inserted by set once each, listed',
  rate_table: 'one row, replaced by one statement',
  rates: 'replaced by unnest, read whole',
  contact_imports: 'advanced by the batch, each time by one statement',
  contact_import_lines: 'staged by unnest, taken by set',
  idempotency_keys: 'claimed and answered by single statements',
  webhook_replays: 'written once, counted by a join',
  webhook_refusals: 'counted by one upsert a process and while',
  account_gaps: 'inserted, updated and deleted by set',
  subscription_checks: 'claimed by one statement',
  audit_log: 'appended by unnest, listed',
  message_statistics: 'folded and summed by single statements',
  message_statistic_deltas: 'appended by the statements that change messages, folded by one',
  erased_message_statistics: 'appended by the statement that erases messages, summed',
  charge_statistics: 'folded and summed by single statements',
  charge_statistic_deltas: 'appended by the statement that prices messages, folded by one',
  erased_charge_statistics: 'appended by the statement that erases messages, summed',
  conversation_marks: 'appended by the statements that change conversations, summed',
  conversation_statistics: 'folded and summed by single statements',
  conversation_statistic_deltas: 'appended by the statements that change conversations, folded by one',
  signup_attempts: 'claimed, matched and removed by single statements',
  django_imports: 'one row for each database that was brought in, written by single statements',
  imported_rows: 'written by unnest, found by a join',
  webhook_endpoints: 'changed, leased and released by single statements',
  webhook_deliveries: 'handed out and settled by set',
  webhook_fan_out: 'one row, moved on by the statement that hands events out',
};

/** Tables with an account_id that may be null. */
const ACCOUNT_MAY_BE_NULL: Record<string, string> = {
  audit_log: 'keys and settings belong to the whole installation',
  outbox_events: 'an event about a contact belongs to the whole installation',
  webhook_endpoints: 'an endpoint may be for the events of all accounts',
};

/** `table.column` of a foreign key between rows of one account that does not say so with `(account_id, …)`. */
const NOT_BY_ACCOUNT: Record<string, string> = {};

/** `table.column[,column]` of a foreign key whose columns no index begins with. */
const WITHOUT_INDEX: Record<string, string> = {
  'api_key_accounts.account_id': 'accounts are never deleted (deleted_at), and keys are few',
  'api_keys.default_account_id': 'accounts are never deleted (deleted_at), and keys are few',
  'campaigns.account_id,template_id': 'templates are deleted by hand, and the campaigns of one account are few',
};

interface RealColumn {
  type: string;
  isNullable: boolean;
  isPrimary: boolean;
}

type Table = Map<string, RealColumn>;

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function withDataSource<T>(
  url: string,
  options: { entities?: (new () => object)[]; migrations?: typeof MIGRATIONS },
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  const dataSource = new DataSource({
    ...dataSourceOptions({ url, applicationName: 'parley-test', poolSize: 2 }),
    ...options,
  } as ConstructorParameters<typeof DataSource>[0]);
  await dataSource.initialize();
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

/** Every entity class of `src`, found by its file name. */
async function entities(): Promise<(new () => object)[]> {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.entity.ts'),
  );
  const modules = await Promise.all(
    files.map((file) => import(pathToFileURL(join(ROOT, 'src', file)).href) as Promise<Record<string, unknown>>),
  );
  const known = new Set(getMetadataArgsStorage().tables.map(({ target }) => target));
  return modules
    .flatMap((module) => Object.values(module))
    .filter((value): value is new () => object => typeof value === 'function' && known.has(value));
}

/** The tables people declared; partitions are their parents' business. */
async function tables(client: pg.Client): Promise<Map<string, Table>> {
  const { rows } = await client.query<{ table: string; column: string } & RealColumn>(`
    select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type,
      not a.attnotnull as "isNullable", coalesce(a.attnum = any(pk.conkey), false) as "isPrimary"
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_constraint pk on pk.conrelid = c.oid and pk.contype = 'p'
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    order by c.relname, a.attnum`);
  const found = new Map<string, Table>();
  for (const { table, column, ...rest } of rows) {
    found.set(table, (found.get(table) ?? new Map()).set(column, rest));
  }
  return found;
}

/** Where an entity and its table differ, one line each. */
function differences(dataSource: DataSource, entity: EntityMetadata, table: Table | undefined): string[] {
  const name = entity.tableName;
  if (!table) {
    return [`${entity.name}: there is no table ${name}`];
  }
  const declared = new Set(entity.columns.map((column) => column.databaseName));
  const missing = [...table.keys()].filter((column) => !declared.has(column));
  const found = missing.map((column) => `${name}.${column}: the entity ${entity.name} lacks it`);
  for (const column of entity.columns) {
    const at = `${name}.${column.databaseName}`;
    const real = table.get(column.databaseName);
    if (!real) {
      found.push(`${at}: the table lacks it`);
      continue;
    }
    const type = fullTypeOf(dataSource, column);
    if (type !== real.type) {
      found.push(`${at}: ${type} in the entity, ${real.type} in the table`);
    }
    if (column.isNullable !== real.isNullable) {
      const words = (isNullable: boolean): string => (isNullable ? 'nullable' : 'not null');
      found.push(`${at}: ${words(column.isNullable)} in the entity, ${words(real.isNullable)} in the table`);
    }
    if (column.isPrimary !== real.isPrimary) {
      found.push(`${at}: ${real.isPrimary ? 'part' : 'not part'} of the table's primary key, unlike the entity's`);
    }
  }
  return found;
}

/** As PostgreSQL writes it, with length, precision and `[]`. */
function fullTypeOf({ driver }: DataSource, column: EntityMetadata['columns'][number]): string {
  const { length, precision, scale, isArray } = column;
  const type = driver.normalizeType(column);
  const full = driver.createFullType(new TableColumn({ name: '', type, length, precision, scale, isArray }));
  return full.toLowerCase().replace(/ array$/, '[]');
}

/** Everything a migration can make, as sorted lines, so that two states can be compared. What extensions own is left out. */
async function schemaOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(`
    with relations as (
      select * from pg_class c where relnamespace = 'public'::regnamespace and relname not in ('migrations', 'migrations_id_seq')
        and not exists (select from pg_index i where i.indexrelid = c.oid and indrelid = to_regclass('migrations'))
        and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    )
    select format('%s %s %s %s %s', relkind, relname, reloptions, pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid)) as line
    from relations
    union all
    select format('column %s.%s %s %s %s %s', c.relname, attname, format_type(atttypid, atttypmod), attnotnull,
      attidentity::text || attgenerated::text, pg_get_expr(adbin, adrelid))
    from relations c join pg_attribute a on attrelid = c.oid and attnum > 0 and not attisdropped
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    union all
    select format('constraint %s.%s %s', c.relname, conname, pg_get_constraintdef(k.oid))
    from relations c join pg_constraint k on conrelid = c.oid
    union all
    select pg_get_indexdef(oid) from relations where relkind in ('i', 'I')
    union all
    select pg_get_triggerdef(t.oid) from relations c join pg_trigger t on tgrelid = c.oid and not tgisinternal
    union all
    select pg_get_functiondef(p.oid) from pg_proc p
    where pronamespace = 'public'::regnamespace and prokind in ('f', 'p')
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    union all
    select format('type %s %s', typname, (select array_agg(enumlabel order by enumsortorder) from pg_enum where enumtypid = t.oid))
    from pg_type t where typnamespace = 'public'::regnamespace and typtype in ('d', 'e', 'r')
      and not exists (select from pg_depend d where d.objid = t.oid and d.deptype = 'e')
    union all
    select pg_get_viewdef(oid) from relations where relkind in ('v', 'm')
    order by 1`);
  return rows.map(({ line }) => line);
}

async function dropEverything(client: pg.Client): Promise<void> {
  await client.query('drop schema public cascade');
  await client.query('create schema public');
}

describe('the migrations', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  describe('and the entities', () => {
    it('agree in every column, its type and whether it may be null', async () => {
      const classes = await entities();
      expect(classes.length).toBeGreaterThan(10);
      const real = await withClient(database.url, tables);
      const found = await withDataSource(database.url, { entities: classes }, async (dataSource) =>
        dataSource.entityMetadatas.flatMap((entity) => differences(dataSource, entity, real.get(entity.tableName))),
      );
      expect(found).toEqual([]);
    });

    it('leave no table without an entity, but those that are listed with a reason', async () => {
      const classes = new Set<unknown>(await entities());
      const mapped = new Set(
        getMetadataArgsStorage().tables.flatMap(({ target, name }) => (classes.has(target) ? [name] : [])),
      );
      const real = await withClient(database.url, tables);
      expect([...real.keys()].filter((name) => !mapped.has(name))).toEqual(Object.keys(WITHOUT_ENTITY).sort());
    });

    it('notice a difference', async () => {
      const [entity] = await withDataSource(database.url, { entities: await entities() }, async (dataSource) =>
        dataSource.entityMetadatas
          .filter(({ tableName }) => tableName === 'labels')
          .map((labels) => ({
            none: differences(dataSource, labels, undefined),
            some: differences(
              dataSource,
              labels,
              new Map([
                ['id', { type: 'bigint', isNullable: false, isPrimary: false }],
                ['name', { type: 'character varying(50)', isNullable: true, isPrimary: false }],
                ['created_at', { type: 'timestamp with time zone', isNullable: false, isPrimary: false }],
                ['colour', { type: 'text', isNullable: false, isPrimary: false }],
              ]),
            ),
          })),
      );
      expect(entity).toEqual({
        none: ['Label: there is no table labels'],
        some: [
          'labels.colour: the entity Label lacks it',
          `labels.id: not part of the table's primary key, unlike the entity's`,
          'labels.name: text in the entity, character varying(50) in the table',
          'labels.name: not null in the entity, nullable in the table',
          'labels.color: the table lacks it',
        ],
      });
    });
  });

  describe('and the accounts', () => {
    it('say of every row with an account_id whose it is', async () => {
      const real = await withClient(database.url, tables);
      const unclear = [...real].flatMap(([name, columns]) => (columns.get('account_id')?.isNullable ? [name] : []));
      expect(unclear).toEqual(Object.keys(ACCOUNT_MAY_BE_NULL).sort());
    });

    it('let no foreign key reach into another account', async () => {
      const { rows } = await withClient(database.url, (client) =>
        client.query<{ key: string }>(`
          with owned as (
            select attrelid as id, attnum as account_id from pg_attribute where attname = 'account_id' and not attisdropped
          )
          select format('%s.%s', conrelid::regclass,
            (select string_agg(attname, ',' order by array_position(conkey, attnum)) from pg_attribute where attrelid = conrelid and attnum = any(conkey))) as key
          from pg_constraint
          join owned referencing on referencing.id = conrelid
          join owned referenced on referenced.id = confrelid
          where contype = 'f' and conparentid = 0
            and not (referencing.account_id = any(conkey)
              and confkey[array_position(conkey, referencing.account_id)] = referenced.account_id)
          order by 1`),
      );
      expect(rows.map(({ key }) => key)).toEqual(Object.keys(NOT_BY_ACCOUNT).sort());
    });
  });

  it('give every foreign key an index, so that deleting what it points at need not read the whole table', async () => {
    // Of (account_id, x) it is x that finds the rows: an index may begin with x, or with account_id and x.
    const { rows } = await withClient(database.url, (client) =>
      client.query<{ key: string }>(`
        with keys as (
          select conrelid, string_agg(attname, ',' order by array_position(conkey, attnum)) as columns,
            coalesce(array_agg(attname) filter (where attname <> 'account_id'), array_agg(attname)) as finding
          from pg_constraint join pg_attribute on attrelid = conrelid and attnum = any(conkey)
          where contype = 'f' and conparentid = 0
          group by pg_constraint.oid, conrelid
        ), indexes as (
          select indrelid, pg_get_expr(indpred, indrelid) as condition,
            pg_get_indexdef(indexrelid, 1, true) as first, pg_get_indexdef(indexrelid, 2, true) as second
          from pg_index where indisvalid
        )
        select format('%s.%s', conrelid::regclass, columns) as key from keys
        where not exists (
          select from indexes
          where indrelid = conrelid
            and (first = any(finding) or (first = 'account_id' and second = any(finding)))
            and (condition is null or condition = any(select format('(%I IS NOT NULL)', name) from unnest(finding) name))
        )
        order by 1`),
    );
    expect(rows.map(({ key }) => key)).toEqual(Object.keys(WITHOUT_INDEX).sort());
  });

  it('make the partitions of this month and the next (of the webhook log, of the next days), and one for the rest', async () => {
    await awayFromMidnight();
    // The database is a copy that may have been made last month; a start migrates.
    await migrate(database.url);
    const { rows } = await withClient(database.url, (client) =>
      client.query<{ parent: string; bounds: string[] }>(`
        select p.relname as parent, coalesce(array_agg(pg_get_expr(c.relpartbound, c.oid)) filter (where c.oid is not null), '{}') as bounds
        from pg_class p
        left join pg_inherits on inhparent = p.oid
        left join pg_class c on c.oid = inhrelid
        where p.relkind = 'p' and p.relnamespace = 'public'::regnamespace
        group by p.relname
        order by p.relname`),
    );
    expect(rows.map(({ parent }) => parent)).toEqual(expect.arrayContaining(['outbox_events', 'webhook_logs']));
    const now = new Date();
    const month = (ahead: number): number => Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead);
    for (const { parent, bounds } of rows) {
      const ranges = bounds.flatMap((bound) => {
        const [, from, to] = /FROM \('([^']+)'\) TO \('([^']+)'\)/.exec(bound) ?? [];
        return from && to ? [{ from: new Date(isoOf(from)).getTime(), to: new Date(isoOf(to)).getTime() }] : [];
      });
      const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
      const day = (ahead: number): number => today + ahead * 86_400_000;
      const expected =
        parent === 'webhook_logs'
          ? [0, 1, 2, 13].map((ahead) => ({ from: day(ahead), to: day(ahead + 1) }))
          : [0, 1].map((ahead) => ({ from: month(ahead), to: month(ahead + 1) }));
      expect({ parent, ranges }).toEqual({ parent, ranges: expect.arrayContaining(expected) as unknown });
      expect({ parent, bounds }).toEqual({ parent, bounds: expect.arrayContaining(['DEFAULT']) as unknown });
    }
  });

  it('are named by their time and applied in that order', () => {
    const files = readdirSync(join(ROOT, 'migrations')).sort();
    const names = MIGRATIONS.map((Migration) => new Migration().name);
    expect(files.map((file) => file.replace(/^(\d{13})-([A-Z]\w*)\.ts$/, '$2$1'))).toEqual(names);
  });

  it('can each be taken back, and applied again', async () => {
    const own = await createTestDatabase();
    try {
      await withClient(own.url, async (client) => {
        await dropEverything(client);
        const states = [await schemaOf(client)];
        for (const count of MIGRATIONS.keys()) {
          await withDataSource(own.url, { migrations: MIGRATIONS.slice(0, count + 1) }, (dataSource) =>
            dataSource.runMigrations(),
          );
          states.push(await schemaOf(client));
          expect(states[count + 1]).not.toEqual(states[count]);
        }
        await withDataSource(own.url, {}, async (dataSource) => {
          for (let count = MIGRATIONS.length; count > 0; count -= 1) {
            await dataSource.undoLastMigration();
            expect(await schemaOf(client)).toEqual(states[count - 1]);
          }
          await dataSource.runMigrations();
        });
        expect(await schemaOf(client)).toEqual(states.at(-1));
      });
    } finally {
      await own.drop();
    }
  });

  it('are applied once when many migrate at the same time', async () => {
    const own = await createTestDatabase();
    try {
      await withClient(own.url, dropEverything);
      const applied = await Promise.all([migrate(own.url), migrate(own.url), migrate(own.url)]);
      const names = MIGRATIONS.map((Migration) => new Migration().name);
      expect(applied.flat().sort()).toEqual([...names].sort());
      expect(applied.filter((list) => list.length > 0)).toHaveLength(1);
      expect(await migrate(own.url)).toEqual([]);
    } finally {
      await own.drop();
    }
  });
});

/** `2026-11-01 00:00:00+00` as PostgreSQL writes it. */
function isoOf(text: string): string {
  return `${text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')}`;
}
