import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** A foreign key between two tables that both say whose their rows are. */
interface OwnedKey {
  name: string;
  child: string;
  columns: string[];
  parent: string;
  parentColumns: string[];
}

interface Column {
  name: string;
  type: string;
}

/**
 * `table.column` of ids that no foreign key watches (`table.*`: whatever ids it has), and why not. `messages` is where the rows are: a key of
 * `(account_id, id)` to refer to would be one more unique index for each of them.
 */
const WITHOUT_KEY: Record<string, string> = {
  'api_keys.created_by_key_id': 'stays known when that key is gone',
  'audit_log.account_id': 'stays known, and may be the installation (null)',
  'audit_log.actor_key_id': 'stays known when the key is gone',
  'campaign_count_deltas.*': 'appended by a trigger with the ids of the row it fires for',
  'campaign_recipients.variant_id':
    'drawn by one statement from the variants of its own campaign, for a million rows at once',
  'charge_statistic_deltas.*': 'sums, which stay when what they count is gone; 0 stands for none',
  'charge_statistics.*': 'sums',
  'conversation_marks.*': 'what happened once, and stays when the conversation is gone',
  'conversation_statistic_deltas.*': 'sums',
  'conversation_statistics.*': 'sums',
  'conversations.last_message_id': 'written by the statement that stores or folds messages of that conversation',
  'erased_charge_statistics.*': 'sums of what was erased',
  'erased_message_statistics.*': 'sums of what was erased',
  'flow_tokens.message_id': 'written with its message in one transaction, and stays for answers that quote it',
  'imported_rows.*': 'ids of another database, and of rows of any kind here',
  'message_statistic_deltas.*': 'sums',
  'message_statistics.*': 'sums',
  'message_statuses.account_id': 'may come before its message; joined by (account_id, message_id)',
  'messages.campaign_id': 'stays known when the campaign is deleted; written by the sender with its own number',
  'messages.campaign_recipient_id': 'as its campaign_id',
  'messages.reply_to_id': 'found by account_id and wamid, or by account_id and id, before it is written',
  'outbox_events.account_id': 'stays known, and may be the installation (null)',
  'outbox_events.subject_id': 'of whatever kind the event is about',
  'webhook_deliveries.event_account_id': 'of an event, which may be the installation’s (null)',
  'webhook_endpoints.created_by_key_id': 'stays known when that key is gone',
  'webhook_logs.replay_id': 'stays known when the replay is gone; bodies are of several accounts or none',
};

const OWNED_KEYS = `
select k.conname as name, k.conrelid::regclass::text as child, k.confrelid::regclass::text as parent,
  array(select attname::text from unnest(k.conkey) with ordinality u (n, ord)
    join pg_attribute on attrelid = k.conrelid and attnum = n order by ord) as columns,
  array(select attname::text from unnest(k.confkey) with ordinality u (n, ord)
    join pg_attribute on attrelid = k.confrelid and attnum = n order by ord) as "parentColumns"
from pg_constraint k
where k.contype = 'f' and k.conparentid = 0 and k.connamespace = 'public'::regnamespace
  and exists (select from pg_attribute where attrelid = k.conrelid and attname = 'account_id' and not attisdropped)
  and exists (select from pg_attribute where attrelid = k.confrelid and attname = 'account_id' and not attisdropped)
order by 2, 1`;

const IDS_WITHOUT_KEY = `
select format('%s.%s', c.relname, a.attname) as id
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and a.attname like '%\\_id' and a.atttypid = 'bigint'::regtype
  and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and a.attnum = any(k.conkey))
order by 1`;

const A = 1;
const B = 2;
const ID = 77;

describe('the schema', () => {
  let database: TestDatabase;
  let client: pg.Client;
  let keys: OwnedKey[];

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    keys = (await client.query<OwnedKey>(OWNED_KEYS)).rows;
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  it('says of every id that no foreign key watches why not', async () => {
    const { rows } = await client.query<{ id: string }>(IDS_WITHOUT_KEY);
    const found = rows.map(({ id }) => {
      const ofTable = id.replace(/\..*/, '.*');
      return ofTable in WITHOUT_KEY ? ofTable : id;
    });
    expect([...new Set(found)].sort()).toEqual(Object.keys(WITHOUT_KEY).sort());
  });

  it('refuses a row that refers to one of another account, in every table that could', async () => {
    expect(keys.length).toBeGreaterThan(15);
    // What else a row must be is not the question here: only keys stay.
    await dropRules(client);
    const outcomes: Record<string, { own: string; foreign: string }> = {};
    for (const key of keys) {
      outcomes[`${key.child}.${key.name}`] = { own: await refer(client, key, A), foreign: await refer(client, key, B) };
    }
    const expected = Object.fromEntries(
      keys.map((key) => [`${key.child}.${key.name}`, { own: 'taken', foreign: `23503 ${key.name}` }]),
    );
    expect(outcomes).toEqual(expected);
  });
});

/** Takes away checks, triggers and what must not be null, but no key. */
async function dropRules(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(`
    select format('alter table %s drop constraint %I', conrelid::regclass, conname) as statement
    from pg_constraint where connamespace = 'public'::regnamespace and contype = 'c' and coninhcount = 0
    union all
    select format('alter table %s disable trigger user', c.oid::regclass)
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    union all
    select format('alter table %s alter %I drop not null', c.oid::regclass, a.attname)
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and a.attnotnull and a.attidentity = ''
      and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p' and a.attnum = any(k.conkey))`);
  for (const { statement } of rows) {
    await client.query(statement);
  }
}

/** What becomes of a row of the account that refers to one of account A. All of it is taken back. */
async function refer(client: pg.Client, key: OwnedKey, accountId: number): Promise<string> {
  await client.query('begin');
  try {
    await client.query(`insert into accounts (id) values ($1), ($2)`, [A, B]);
    await dropOtherKeys(client, key);
    const parent: Record<string, unknown> = { account_id: A };
    key.parentColumns.filter((column) => column !== 'account_id').forEach((column) => (parent[column] = ID));
    await insert(client, key.parent, parent);
    const child: Record<string, unknown> = {};
    key.columns.forEach((column, index) => {
      child[column] = key.parentColumns[index] === 'account_id' ? accountId : ID;
    });
    await insert(client, key.child, { account_id: accountId, ...child });
    await client.query('set constraints all immediate');
    return 'taken';
  } catch (error) {
    const { code, constraint, message } = error as pg.DatabaseError;
    return code === '23503' ? `${code} ${constraint}` : message;
  } finally {
    await client.query('rollback');
  }
}

/** What else the two rows would have to refer to. */
async function dropOtherKeys(client: pg.Client, { name, child, parent }: OwnedKey): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `select format('alter table %s drop constraint %I', conrelid::regclass, conname) as statement from pg_constraint
     where contype = 'f' and conparentid = 0 and conrelid in ($1::regclass, $2::regclass) and conname <> $3`,
    [child, parent, name],
  );
  for (const { statement } of rows) {
    await client.query(statement);
  }
}

/** Inserts a row with these values, and something for what the primary key wants besides. */
async function insert(client: pg.Client, table: string, given: Record<string, unknown>): Promise<void> {
  const { rows } = await client.query<Column>(
    `select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type
     from pg_attribute a join pg_constraint k on k.conrelid = a.attrelid and k.contype = 'p' and a.attnum = any(k.conkey)
     where a.attrelid = $1::regclass and a.attidentity = '' and not a.atthasdef`,
    [table],
  );
  const values = { ...given };
  for (const { name, type } of rows) {
    values[name] ??= /^timestamp|^date/.test(type) ? '2026-11-21' : /int|numeric/.test(type) ? ID : 'x';
  }
  const names = Object.keys(values);
  await client.query(
    `insert into ${table} (${names.join(', ')}) values (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
    Object.values(values),
  );
}
