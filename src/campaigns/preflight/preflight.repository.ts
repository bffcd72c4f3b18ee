import { Injectable } from '@nestjs/common';
import { leftInPeace } from '../../contacts/left-in-peace.js';
import type { Queryable, Tx } from '../../database/database.js';
import { columnsOf, json } from '../../database/unnest.js';
import type { FrequencyCap } from '../campaign.entity.js';
import type { AudienceLine } from '../recipients.repository.js';
import { UNSHARED_CALLING_CODES } from '../pricing/phone-country.js';
import type { PeopleGroup } from './preflight-audience.js';

/** Where the people of a campaign are before, or after, they are its recipients. */
export type PeopleSource =
  | { kind: 'recipients'; campaignId: number; hasLowerCaseColumns: boolean }
  | { kind: 'contacts'; compile: (firstParameter: number) => { sql: string; values: unknown[] } }
  /** From outside: in no table yet. */
  | { kind: 'listed'; people: readonly AudienceLine[] };

/** For whom a campaign leaves people in peace. */
export interface ExclusionRules {
  accountId: number;
  portfolio: string;
  isMarketing: boolean;
  frequencyCap: FrequencyCap | null;
}

/** Somebody a sample is made for. */
export interface SamplePerson {
  phone: string | null;
  userId: string | null;
  name: string;
  parameters: Record<string, string>;
  contactId: number | null;
  line: number | null;
}

/** A campaign of the same number that is being sent. */
export interface RunningNeighbour {
  id: number;
  pending: number;
}

/** Fields that are made of a person's name. */
const NAMES = ['name', 'display_name', 'first_name', 'last_name'];
/** What a contact's parameters are made of. */
const CONTACT_COLUMNS: ReadonlyMap<string, string> = new Map([
  ['name', 'p.name'],
  ['phone', `coalesce(p.phone, '')`],
  ['email', 'p.email'],
]);
const REASONS = ['opted_out', 'blocked', 'cooldown', 'frequency_cap'];

/** Reads, and only reads, what a campaign would do. */
@Injectable()
export class PreflightRepository {
  /** From now on the transaction sees one moment and can change nothing. */
  async beginReading(tx: Tx): Promise<void> {
    await tx.query('set transaction isolation level repeatable read, read only');
    // Both sides of a join may have grown by thousands since PostgreSQL last counted them, and groups are taken for many
    // where there are few: hashes are linear whatever there is.
    await tx.query(
      `select set_config('enable_nestloop', 'off', true), set_config('enable_sort', 'off', true), set_config('work_mem', '64MB', true)`,
    );
  }

  /** Everybody of the audience, counted in groups of those who are alike. @param fields whether people have values of them */
  async group(tx: Tx, source: PeopleSource, rules: ExclusionRules, fields: readonly string[]): Promise<PeopleGroup[]> {
    const query = new Query();
    const people = peopleSql(query, source);
    const excluded = excludedSql(query, rules);
    const filled = fields.map((field) => `case when ${valueSql(query, source, field)} <> '' then '1' else '0' end`);
    const asks = (...known: string[]): boolean => fields.some((field) => known.includes(field.toLowerCase()));
    // What no message asks for is not looked at: it would cost most of the time.
    const hasUserId = asks('user_id') ? 'p.user_id is not null' : 'false';
    const words = `case when p.name = '' then 0 when btrim(p.name) ~ '\\s' then 2 else 1 end`;
    return tx.queryDynamic<PeopleGroup>(
      `with excluded as materialized (${excluded}),
       judged as (
         select coalesce(p.reason, e.reason) as reason, p.phone, case when p.phone is null then p.user_id end as user_id,
           ${hasUserId} as has_user_id, ${asks(...NAMES) ? words : '0'} as name_words,
           ${filled.length > 0 ? filled.join(' || ') : `''`} as filled
         from (${people}) p left join excluded e on e.identity = p.identity
         -- A fence: what is above would be worked out again for every use below.
         offset 0
       )
       select reason, min(phone collate "C") filter (where reason is null) as phone, user_country as "userCountry",
         has_user_id as "hasUserId", name_words as "nameWords", filled, count(*) as count
       from (
         select reason, phone, case when reason is null then ${prefixSql(query)} end as prefix,
           case when reason is null then split_part(user_id, '.', 1) end as user_country,
           reason is null and has_user_id as has_user_id, case when reason is null then name_words else 0 end as name_words,
           case when reason is null then filled else '' end as filled
         from judged) told
       group by reason, prefix, user_country, has_user_id, name_words, filled`,
      query.values,
    );
  }

  /** The first people of those whom nothing keeps out, as far as the first of the audience go. */
  async findSamples(tx: Tx, source: PeopleSource, rules: ExclusionRules, limit: number): Promise<SamplePerson[]> {
    const first = new Query();
    const start = source.kind === 'listed' ? { ...source, people: firstOf(source.people, limit) } : source;
    const people = await tx.queryDynamic<SamplePerson & { identity: string }>(
      `select p.identity, p.phone, p.user_id as "userId", p.name, p.parameters, p.contact_id as "contactId", p.line
       from (${peopleSql(first, start)}) p
       where p.reason is null order by p.position limit ${first.bind(limit)}`,
      first.values,
    );
    const query = new Query();
    const among = people.flatMap(({ phone, userId }) => [phone, userId]).filter((value) => value !== null);
    const excluded = await tx.queryDynamic<{ identity: string }>(excludedSql(query, rules, among), query.values);
    const leftOut = new Set(excluded.map(({ identity }) => identity));
    return people.filter(({ identity }) => !leftOut.has(identity));
  }

  async findNeighbours(q: Queryable, accountId: number, exceptId: number): Promise<RunningNeighbour[]> {
    return q.query<RunningNeighbour>(
      `select c.id, c.pending_count + coalesce(sum(d.pending_count), 0)::bigint as pending
       from campaigns c left join campaign_count_deltas d on d.campaign_id = c.id
       where c.account_id = $1 and c.status = 'running' and c.id <> $2
       group by c.id`,
      [accountId, exceptId],
    );
  }

  /** People the portfolio wrote to within 24 hours, as Meta's messaging limit counts them. */
  async countContacted(q: Queryable, portfolio: string): Promise<number> {
    const [row] = await q.query<{ n: number }>(
      `select count(*) as n from contacted_people where portfolio = $1 and last_at > now() - interval '24 hours'`,
      [portfolio],
    );
    return row?.n ?? 0;
  }
}

function firstOf(people: readonly AudienceLine[], limit: number): AudienceLine[] {
  return people.filter((person) => person.skipReason === null).slice(0, limit);
}

/** Parameters of one statement, as they are bound. */
class Query {
  readonly values: unknown[] = [];

  bind(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}

/** `identity, phone, user_id, name, parameters, contact_id, line, position, reason` of everybody. */
function peopleSql(query: Query, source: PeopleSource): string {
  switch (source.kind) {
    case 'recipients':
      return `
        select r.identity, r.phone, r.user_id, r.name, r.parameters, r.contact_id, r.line, r.id as position,
          case when r.phase in (0, 1) then null when r.status = 'skipped' then coalesce(r.skip_reason, 'other') else 'done' end as reason
        from campaign_recipients r where r.campaign_id = ${query.bind(source.campaignId)}`;
    case 'contacts': {
      const { sql, values } = source.compile(query.values.length + 1);
      query.values.push(...values);
      return `
        select coalesce('phone:' || a.phone, 'user:' || a.user_id, 'contact:' || a.contact_id) as identity, a.phone, a.user_id, a.name,
          jsonb_build_object('name', a.name, 'phone', coalesce(a.phone, ''), 'email', a.email) as parameters, a.email,
          a.contact_id, null::int as line, a.contact_id as position,
          case when a.opted_out then 'opted_out' when a.phone is null and a.user_id is null then 'invalid' end as reason
        from (${sql}) a`;
    }
    case 'listed': {
      const columns = columnsOf(
        source.people,
        (person) => person.identity,
        (person) => person.phone,
        (person) => person.userId ?? null,
        (person) => person.name,
        (person) => json(person.parameters),
        (person) => person.skipReason,
      );
      const [identity, phone, userId, name, parameters, reason] = columns.map((column) => query.bind(column));
      return `
        select identity, phone, user_id, name, parameters, null::bigint as contact_id, null::int as line, position, reason
        from unnest(${identity}::text[], ${phone}::text[], ${userId}::text[], ${name}::text[], ${parameters}::jsonb[], ${reason}::text[])
          with ordinality as u (identity, phone, user_id, name, parameters, reason, position)`;
    }
  }
}

/**
 * `identity, reason` of people who are left in peace, under every name they are known by: the reason that sending would
 * find first.
 * @param among phones and user ids to look at; null: all
 */
function excludedSql(
  query: Query,
  { accountId, portfolio, isMarketing, frequencyCap }: ExclusionRules,
  among: readonly string[] | null = null,
): string {
  const account = query.bind(accountId);
  const reasons = query.bind(REASONS);
  const parts = [
    `select contact_id, array_position(${reasons}::text[], reason) as rank from (${leftInPeace(`${account}::bigint`)}) l`,
  ];
  if (isMarketing) {
    parts.push(`select contact_id, 3 from contact_cooldowns where account_id = ${account}::bigint and until > now()`);
  }
  if (frequencyCap) {
    const hours = `make_interval(hours => ${query.bind(frequencyCap.hours)}::int)`;
    parts.push(
      `select r.contact_id, 4
       from campaigns c join campaign_recipients r on r.campaign_id = c.id
       where c.account_id = ${account}::bigint and c.started_at is not null
         and (c.completed_at is null or c.completed_at > now() - ${hours}) and r.contact_id is not null
         and (r.phase = 1 or r.status = 'unknown' or (r.phase = 2 and r.sent_at > now() - ${hours}))
       group by r.contact_id having count(*) >= ${query.bind(frequencyCap.messages)}::int`,
    );
  }
  return `
    select case i.kind when 'phone' then 'phone:' else 'user:' end || i.value as identity,
      (${reasons}::text[])[min(x.rank)] as reason
    from (${parts.join(' union all ')}) x join contact_identities i on i.contact_id = x.contact_id
    where (i.kind = 'phone' or (i.kind in ('user_id', 'parent_user_id') and i.scope = ${query.bind(portfolio)}))
      ${among === null ? '' : `and i.value = any(${query.bind(among)}::text[])`}
    group by 1`;
}

/**
 * As much of a phone as tells its country: its calling code where that is one country's, its area code in North America, else
 * a few digits more. The shorter it is, the fewer groups there are.
 */
function prefixSql(query: Query): string {
  const [two, three] = [2, 3].map((length) =>
    query.bind(UNSHARED_CALLING_CODES.filter((code) => code.length === length)),
  );
  return `case when left(phone, 2) = '+1' then left(phone, 5)
    when substr(phone, 2, 2) = any(${two}::text[]) then left(phone, 3)
    when substr(phone, 2, 3) = any(${three}::text[]) then left(phone, 4)
    else left(phone, 8) end`;
}

/** The value of a field among a person's columns; '' where there is none. */
function valueSql(query: Query, source: PeopleSource, field: string): string {
  const lower = field.toLowerCase();
  if (source.kind === 'contacts') {
    // The parameters themselves need not be made for that.
    return CONTACT_COLUMNS.get(lower) ?? `''`;
  }
  const inLowerCase = (): string => `coalesce(p.parameters ->> ${query.bind(lower)}::text, '')`;
  if (source.kind === 'recipients' && source.hasLowerCaseColumns) {
    return inLowerCase();
  }
  // The same order in which a message looks: as it is spelled, in lower case, in any case.
  return `coalesce(p.parameters ->> ${query.bind(field)}::text, p.parameters ->> ${query.bind(lower)}::text,
    (select value from jsonb_each_text(p.parameters) where lower(key) = ${query.bind(lower)} limit 1), '')`;
}
