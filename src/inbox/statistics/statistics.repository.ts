import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';
import {
  CHARGE_COUNTS,
  CHARGE_KEY,
  chargesOf,
  CONVERSATION_COUNTS,
  CONVERSATION_KEY,
  countsOf,
  countsOfMarks,
  MESSAGE_COUNTS,
  MESSAGE_KEY,
  positions,
} from './counting.js';

/** A kind of statistics: its tables, and how it is counted anew. */
interface Statistics {
  name: 'messages' | 'charges' | 'conversations';
  table: string;
  deltas: string;
  key: readonly string[];
  counts: readonly string[];
  /** Of the facts between $1 and $2. */
  recount: string;
}

const DURING = (moment: string): string => `${moment} >= $1::timestamptz and ${moment} < $2::timestamptz`;

function withErased(facts: string, erased: string, columns: readonly string[]): string {
  return `${facts} union all select ${columns.join(', ')} from ${erased} where ${DURING('bucket')}`;
}

const KINDS: readonly Statistics[] = [
  {
    name: 'messages',
    table: 'message_statistics',
    deltas: 'message_statistic_deltas',
    key: MESSAGE_KEY,
    counts: MESSAGE_COUNTS,
    recount: withErased(
      countsOf(`(select * from messages where ${DURING('timestamp')})`),
      'erased_message_statistics',
      [...MESSAGE_KEY, ...MESSAGE_COUNTS],
    ),
  },
  {
    name: 'charges',
    table: 'charge_statistics',
    deltas: 'charge_statistic_deltas',
    key: CHARGE_KEY,
    counts: CHARGE_COUNTS,
    recount: withErased(
      chargesOf(`(select * from messages where ${DURING('timestamp')})`),
      'erased_charge_statistics',
      [...CHARGE_KEY, ...CHARGE_COUNTS],
    ),
  },
  {
    name: 'conversations',
    table: 'conversation_statistics',
    deltas: 'conversation_statistic_deltas',
    key: CONVERSATION_KEY,
    counts: CONVERSATION_COUNTS,
    recount: countsOfMarks(`(select * from conversation_marks where ${DURING('at')}) marks`),
  },
];

/** How far the statistics of one kind are from a recount. */
export interface Difference {
  statistics: Statistics['name'];
  /** Keys (a quarter of an hour, an account, a template …) whose figures differ. */
  rows: number;
  /** By account, what a recount has more (or less) of each count. */
  accounts: { account_id: number; missing: Record<string, number> }[];
}

/** As far as messages go. */
export const ALL_OF_TIME = { from: new Date('2000-01-01T00:00:00Z'), to: new Date('2101-01-01T00:00:00Z') };

/** Keeps the statistics: adds up what was appended, and counts everything anew when asked. */
@Injectable()
export class StatisticsRepository {
  /** Adds appended rows to their statistics, each kind in one statement. @returns how many, of the kind that had most */
  async fold(tx: Tx, limit: number): Promise<number> {
    let most = 0;
    for (const kind of KINDS) {
      const [row] = await tx.query<{ n: number }>(foldOf(kind), [limit]);
      most = Math.max(most, row?.n ?? 0);
    }
    return most;
  }

  /**
   * Counts all facts between two moments anew and compares, in one snapshot for each kind. With `fix` the differences are
   * appended as anything else is, so nobody has to wait meanwhile. It reads all messages, and takes the time that takes.
   */
  async recount(tx: Tx, { from, to, fix }: { from: Date; to: Date; fix: boolean }): Promise<Difference[]> {
    await tx.query('set local statement_timeout = 0');
    await tx.query(`set local work_mem = '128MB'`);
    const found: Difference[] = [];
    for (const kind of KINDS) {
      const rows = await tx.query<{ account_id: number; rows: number } & Record<string, number>>(
        differenceOf(kind, fix),
        [from, to],
      );
      found.push({
        statistics: kind.name,
        rows: rows.reduce((sum, row) => sum + row.rows, 0),
        accounts: rows.map((row) => ({
          account_id: row.account_id,
          missing: Object.fromEntries(kind.counts.map((name) => [name, row[name] ?? 0])),
        })),
      });
    }
    return found;
  }
}

function foldOf({ table, deltas, key, counts }: Statistics): string {
  return `
with taken as (
  delete from ${deltas} where id in (select id from ${deltas} order by id limit $1 for update skip locked)
  returning *
), folded as (
  insert into ${table} as s (${[...key, ...counts].join(', ')})
  select ${[...key, ...counts.map((name) => `sum(${name})`)].join(', ')} from taken
  group by ${positions(key)}
  -- In one order, so that two that fold at once never wait for each other in a circle.
  order by ${positions(key)}
  on conflict (${key.join(', ')}) do update set ${counts.map((name) => `${name} = s.${name} + excluded.${name}`).join(', ')}
)
select count(*) as n from taken`;
}

function differenceOf({ table, deltas, key, counts, recount }: Statistics, fix: boolean): string {
  const columns = [...key, ...counts].join(', ');
  const sums = counts.map((name) => `sum(${name})::bigint`);
  return `
with compared as (
  select ${columns} from (${recount}) facts
  union all
  select ${[...key, ...counts.map((name) => `-${name}`)].join(', ')} from (
    select ${columns} from ${table} where ${DURING('bucket')}
    union all
    select ${columns} from ${deltas} where ${DURING('bucket')}) kept
), different as (
  select ${[...key, ...counts.map((name) => `sum(${name})::bigint as ${name}`)].join(', ')} from compared
  group by ${positions(key)}
  having ${sums.map((sum) => `${sum} <> 0`).join(' or ')}
)${fix ? `, fixed as (insert into ${deltas} (${columns}) select ${columns} from different)` : ''}
select account_id, count(*) as rows, ${counts.map((name) => `sum(${name})::bigint as ${name}`).join(', ')}
from different group by account_id order by account_id`;
}
