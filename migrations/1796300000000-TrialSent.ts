import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When the last of a campaign's trial was written to: from then on people have time to show which variant is the better. */
export class TrialSent1796300000000 implements MigrationInterface {
  name = 'TrialSent1796300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table campaigns add column trial_sent_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table campaigns drop column trial_sent_at');
  }
}
