import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** Every message changes its status three times: if that touched an index, it would touch all of them. */
describe('the indexes of messages', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(`insert into accounts (name, phone_number_id, verify_token) values ('A', '1', 'v')`);
    await client.query(`insert into contacts (identity_key, phone) values ('phone:+1', '+1')`);
    await client.query('insert into conversations (account_id, contact_id) values (1, 1)');
    await client.query(
      `insert into messages (account_id, conversation_id, contact_id, direction, message_type, message_body, status)
       select 1, 1, 1, 'outbound', 'text', 'message ' || n, 'pending' from generate_series(1, 100) n`,
    );
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  /** Of the rows that the statement changes, those that no index hears of. */
  const untold = async (statement: string): Promise<{ updated: number; hot: number }> => {
    const count = `select pg_stat_get_xact_tuples_updated('messages'::regclass)::int as updated,
      pg_stat_get_xact_tuples_hot_updated('messages'::regclass)::int as hot`;
    // A page has room for a few new versions only; a rollback leaves them there.
    await client.query('vacuum messages');
    await client.query('begin');
    const before = (await client.query<{ updated: number; hot: number }>(count)).rows[0];
    await client.query(statement);
    const after = (await client.query<{ updated: number; hot: number }>(count)).rows[0];
    await client.query('rollback');
    return { updated: (after?.updated ?? 0) - (before?.updated ?? 0), hot: (after?.hot ?? 0) - (before?.hot ?? 0) };
  };

  it.each([
    ['a status', `status = 'delivered', sent_at = now(), delivered_at = now(), error = null, updated_at = now()`],
    ['a reaction', `reactions = '[]'`],
    ['a deletion', `is_deleted = true, deleted_at = now(), deleted_by = 'agent'`],
  ])('do not hear of %s', async (_what, change) => {
    expect(await untold(`update messages set ${change} where id <= 5`)).toEqual({ updated: 5, hot: 5 });
  });

  it('hear of another text', async () => {
    expect(await untold(`update messages set message_body = 'other' where id <= 5`)).toEqual({ updated: 5, hot: 0 });
  });
});
