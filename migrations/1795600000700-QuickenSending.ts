import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a thousand messages a second need not pay for. Each of them writes its row twice into every index it is in; and each
 * foreign key to the one row of the account makes all transactions lock that row.
 */
export class QuickenSending1795600000700 implements MigrationInterface {
  name = 'QuickenSending1795600000700';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
-- Keys that campaign messages never have.
alter table messages drop constraint messages_account_id_client_ref_key,
  drop constraint messages_account_id_idempotency_key_key;
create unique index messages_account_id_client_ref_key on messages (account_id, client_ref) where client_ref is not null;
create unique index messages_account_id_idempotency_key_key on messages (account_id, idempotency_key)
  where idempotency_key is not null;
-- Nothing looks along these.
drop index messages_campaign_id_idx, messages_campaign_recipient_id_idx;
-- A log, written by us alone with ids that we hold; accounts are never deleted.
alter table message_statuses drop constraint message_statuses_account_id_fkey;
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
alter table message_statuses add foreign key (account_id) references accounts (id);
create index messages_campaign_id_idx on messages (campaign_id, id) where campaign_id is not null;
create index messages_campaign_recipient_id_idx on messages (campaign_recipient_id) where campaign_recipient_id is not null;
drop index messages_account_id_client_ref_key, messages_account_id_idempotency_key_key;
alter table messages add unique (account_id, client_ref), add unique (account_id, idempotency_key);
`);
  }
}
