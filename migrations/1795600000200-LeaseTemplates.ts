import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who speaks with Meta of a template, and what Meta was asked without an answer. */
export class LeaseTemplates1795600000200 implements MigrationInterface {
  name = 'LeaseTemplates1795600000200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
alter table templates
  -- Until then somebody changes it at Meta, and nobody else changes it.
  add column busy_until timestamptz,
  -- Set before Meta is asked to create a draft, cleared by its answer: in between Meta may have it.
  add column creation_asked_at timestamptz;
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table templates drop column busy_until, drop column creation_asked_at;');
  }
}
