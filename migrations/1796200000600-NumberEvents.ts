import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Events get their numbers in one statement: by hand it took five, forty times a second while campaigns run. */
export class NumberEvents1796200000600 implements MigrationInterface {
  name = 'NumberEvents1796200000600';

  async up(runner: QueryRunner): Promise<void> {
    // The planner believes that hardly any event waits, and would sort the whole backlog for each batch of it, where the index
    // has it in order: the numbering of a million would take half an hour. And it would read the whole table to update a
    // handful of rows of it, as long as it does not know how many there are. So it may neither sort, hash nor merge.
    //
    // The order is that of the subquery: nextval is called row by row as they come out of it. That they still wait is not
    // asked again: only the holder of the lock numbers.
    await runner.query(`
create function number_events(
  out is_busy boolean, out count bigint, out lag_s float8, out is_full boolean
) language plpgsql volatile
set enable_sort = off set enable_hashjoin = off set enable_mergejoin = off
as $fn$
begin
  -- One number, the same for all processes.
  is_busy := not pg_try_advisory_xact_lock(7251910);
  if is_busy then
    return;
  end if;
  -- Volatile: this statement sees what was committed before it began, and so all numbers that were given before.
  with numbered as (
    select o.id, o.created_at, nextval('outbox_events_seq') as seq
    from (select w.id, w.created_at from outbox_events w where w.seq is null order by w.id limit 1000) o
  ), done as (
    update outbox_events o set seq = n.seq
    from numbered n
    where o.id = n.id and o.created_at = n.created_at
    returning o.created_at
  )
  select count(*), extract(epoch from clock_timestamp() - min(d.created_at))::float8, count(*) = 1000
  into number_events.count, lag_s, is_full
  from done d;
  if number_events.count > 0 then
    perform pg_notify('parley_events', '');
  end if;
end $fn$;
`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function number_events()');
  }
}
