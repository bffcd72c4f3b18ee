import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What Meta charges for a message, by country and category: the installation's copy of Meta's rate card. */
export class RateTable1795600000400 implements MigrationInterface {
  name = 'RateTable1795600000400';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
-- One row, once there is a table; version tells those who keep a copy that theirs is old.
create table rate_table (
  id boolean primary key default true check (id),
  currency text not null,
  version bigint not null default 1,
  updated_at timestamptz not null default now()
);

create table rates (
  -- ISO 3166, or * for the rest of the world
  country text not null,
  category text not null,
  -- Millionths of the table's currency.
  price_micros bigint not null check (price_micros >= 0),
  primary key (country, category)
);
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table rates, rate_table;');
  }
}
