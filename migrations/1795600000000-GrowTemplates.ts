import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Templates whole: all kinds of them, and what Meta says of each after it was approved. */
export class GrowTemplates1795600000000 implements MigrationInterface {
  name = 'GrowTemplates1795600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
alter table templates
  -- {text, has_expiration}
  add column limited_time_offer jsonb,
  -- Cards: [{header, body_text, buttons}]
  add column carousel jsonb,
  -- {add_security_recommendation, code_expiration_minutes} of an authentication template
  add column authentication jsonb,
  -- Sample values for Meta's review: {header, body, cards}, each a list by position or a map by name.
  add column examples jsonb not null default '{}',
  add column message_send_ttl_seconds integer,
  -- A file of the library: the sample of a media header, and what is sent when a sender gives none.
  add column header_media_id bigint,
  -- {reason, recommendation} in Meta's words
  add column rejection_info jsonb,
  add column previous_category text,
  -- Meta's notice that it will change the category.
  add column correct_category text,
  add column category_changes_at timestamptz,
  -- By Meta's clock, so that events in any order leave the newest.
  add column status_at timestamptz,
  add column quality_at timestamptz,
  add column category_at timestamptz,
  add column components_at timestamptz,
  add foreign key (account_id, header_media_id) references media (account_id, id);
create index templates_header_media_id_idx on templates (account_id, header_media_id) where header_media_id is not null;
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
alter table templates
  drop column limited_time_offer, drop column carousel, drop column authentication, drop column examples,
  drop column message_send_ttl_seconds, drop column header_media_id, drop column rejection_info,
  drop column previous_category, drop column correct_category, drop column category_changes_at,
  drop column status_at, drop column quality_at, drop column category_at, drop column components_at;
`);
  }
}
