import type { MigrationInterface, QueryRunner } from 'typeorm';

/** From where a key was used last and who made it; ways to read the audit log; the winner of a trial is one of its variants. */
export class GrowKeys1796200000500 implements MigrationInterface {
  name = 'GrowKeys1796200000500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
alter table api_keys
  add last_used_ip text,
  -- The name of the key that made it, or cli or system; null: made before this was written down.
  add created_by text,
  -- No foreign key: it stays known when that key is gone.
  add created_by_key_id bigint;

create index audit_log_actor_idx on audit_log (actor_key_id, created_at desc, id desc) where actor_key_id is not null;
create index audit_log_action_idx on audit_log (action, created_at desc, id desc);

alter table campaign_variants
  add constraint campaign_variants_account_id_campaign_id_id_key unique (account_id, campaign_id, id);
update campaigns c set winner_variant_id = null
where winner_variant_id is not null
  and not exists (select from campaign_variants v where v.id = c.winner_variant_id and v.campaign_id = c.id);
alter table campaigns add constraint campaigns_winner_variant_fkey
  foreign key (account_id, id, winner_variant_id) references campaign_variants (account_id, campaign_id, id)
  on delete set null (winner_variant_id);
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
alter table campaigns drop constraint campaigns_winner_variant_fkey;
alter table campaign_variants drop constraint campaign_variants_account_id_campaign_id_id_key;
drop index audit_log_action_idx;
drop index audit_log_actor_idx;
alter table api_keys drop last_used_ip, drop created_by, drop created_by_key_id;
`);
  }
}
