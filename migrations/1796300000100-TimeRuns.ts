import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How long campaigns ran, for their average pace: pauses and the time until they were run again say nothing of it. */
export class TimeRuns1796300000100 implements MigrationInterface {
  name = 'TimeRuns1796300000100';

  async up(runner: QueryRunner): Promise<void> {
    // Null for those there are: nobody knows when they paused.
    await runner.query('alter table campaigns add column running_since timestamptz, add column ran_s double precision');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table campaigns drop column running_since, drop column ran_s');
  }
}
