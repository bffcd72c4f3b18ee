import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a recipient has messages of earlier attempts is asked with every answer: it stands in its row. */
export class CountRetries1795600000800 implements MigrationInterface {
  name = 'CountRetries1795600000800';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
alter table campaign_recipients
  -- How often it was put back with a clean sheet, and keeps the messages of before.
  add column retry_count smallint not null default 0;
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table campaign_recipients drop column retry_count;');
  }
}
