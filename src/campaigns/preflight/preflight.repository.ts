import { Injectable } from '@nestjs/common';
import { visibleTo } from '../../contacts/contact-audience.js';
import { contactFieldSql, isContactField, type FieldScope } from '../../contacts/contact-fields.js';
import { leftInPeace } from '../../contacts/left-in-peace.js';
import type { Queryable, Tx } from '../../database/database.js';
import { columnsOf, json } from '../../database/unnest.js';
import type { Visibility } from '../audience/audience-intake.js';
import type { FrequencyCap } from '../campaign.entity.js';
import { capConditions } from '../frequency-cap.js';
import { contactFieldsAmong } from '../recipient-fields.js';
import type { AudienceLine } from '../recipients.repository.js';
import { UNSHARED_CALLING_CODES } from '../pricing/phone-country.js';
import type { PeopleGroup } from './preflight-audience.js';

/** Where the people of a campaign are before, or after, they are its recipients. */
export type PeopleSource =
  | { kind: 'recipients'; campaignId: number; hasLowerCaseColumns: boolean }
  | { kind: 'contacts'; compile: (firstParameter: number) => { sql: string; values: unknown[] } }
  /** From outside: in no table yet. */
  | { kind: 'listed'; people: readonly AudienceLine[] };

/** Of a campaign and its caller, what says who is left in peace, and what is known of the others. */
export interface ExclusionRules {
  accountId: number;
  portfolio: string;
  isMarketing: boolean;
  frequencyCap: FrequencyCap | null;
  /** Whose people the caller may see in the address book; null: everybody. */
  visible: Visibility;
}

/** Somebody a sample is made for. */
export interface SamplePerson {
  phone: string | null;
  userId: string | null;
  name: string;
  parameters: Record<string, string>;
  /** Of the fields that are asked for, what the address book has. */
  contact: Record<string, string>;
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
/** What is known of everybody, without looking them up. */
const KNOWN_COLUMNS: ReadonlyMap<string, string> = new Map([
  ['name', 'p.name'],
  ['phone', 'p.phone'],
  ['user_id', 'p.user_id'],
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
    const filled = fields.map(
      (field) => `case when ${valueSql(query, source, rules, field)} <> '' then '1' else '0' end`,
    );
    const asks = (...known: string[]): boolean => fields.some((field) => known.includes(field.toLowerCase()));
    // What no message asks for is not looked at: it would cost most of the time.
    const hasUserId = asks('user_id') ? 'p.user_id is not null' : 'false';
    return tx.queryDynamic<PeopleGroup>(
      `with excluded as materialized (${excluded}),
       judged as (
         select coalesce(p.reason, e.reason) as reason, p.phone, case when p.phone is null then p.user_id end as user_id,
           ${hasUserId} as has_user_id, ${asks(...NAMES) ? wordsSql(query, source, rules) : '0'} as name_words,
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
  async findSamples(
    tx: Tx,
    source: PeopleSource,
    rules: ExclusionRules,
    fields: readonly string[],
    limit: number,
  ): Promise<SamplePerson[]> {
    const first = new Query();
    const start = source.kind === 'listed' ? { ...source, people: firstOf(source.people, limit) } : source;
    const known = contactFieldsAmong(fields).flatMap((field) => [
      `${first.bind(field)}::text`,
      bookSql(first, source, rules, (scope) => contactFieldSql(field, scope)),
    ]);
    const people = await tx.queryDynamic<SamplePerson & { identity: string }>(
      `select p.identity, p.phone, p.user_id as "userId", ${nameSql(first, source, rules)} as name, p.parameters,
         jsonb_strip_nulls(jsonb_build_object(${known.join(', ')})) as contact, p.contact_id as "contactId", p.line
       from (
         select p.* from (${peopleSql(first, start)}) p
         where p.reason is null order by p.position limit ${first.bind(limit)}
       ) p
       order by p.position`,
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
    const { since, isReached } = capConditions(query.bind(frequencyCap.hours));
    // Of campaigns that were over long before nothing counts; what was under way when one was cancelled settles behind it.
    // What deleted ones sent only sending finds, along each thread: nothing leads to it for everybody at once.
    parts.push(
      `select r.contact_id, 4
       from campaigns c join campaign_recipients r on r.campaign_id = c.id
       where c.account_id = ${account}::bigint and c.started_at is not null
         and (c.completed_at is null or c.completed_at > ${since} - interval '1 day') and r.contact_id is not null
         and ${isReached}
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

/** The value of a field of a person `p`, from where sending takes it; '' where there is none. */
function valueSql(query: Query, source: PeopleSource, rules: ExclusionRules, field: string): string {
  const known = KNOWN_COLUMNS.get(field.toLowerCase());
  const values = [
    ...(source.kind === 'contacts' ? [] : [`nullif(${columnSql(query, source, field)}, '')`]),
    ...(known === undefined ? [] : [`nullif(${known}, '')`]),
    ...(isContactField(field) && !(source.kind === 'contacts' && known !== undefined)
      ? [bookSql(query, source, rules, (scope) => contactFieldSql(field, scope))]
      : []),
  ];
  return `coalesce(${[...values, `''`].join(', ')})`;
}

/** The value of a field among a person's columns. */
function columnSql(query: Query, source: PeopleSource, field: string): string {
  const lower = field.toLowerCase();
  const inLowerCase = (): string => `p.parameters ->> ${query.bind(lower)}::text`;
  if (source.kind === 'recipients' && source.hasLowerCaseColumns) {
    return inLowerCase();
  }
  // The same order in which a message looks: as it is spelled, in lower case, in any case.
  return `coalesce(p.parameters ->> ${query.bind(field)}::text, ${inLowerCase()},
    (select value from jsonb_each_text(p.parameters) where lower(key) = ${query.bind(lower)} limit 1))`;
}

/** A person's name: what the audience calls them, else what the address book does. */
function nameSql(query: Query, source: PeopleSource, rules: ExclusionRules): string {
  return source.kind === 'contacts'
    ? 'p.name'
    : `coalesce(nullif(p.name, ''), ${bookSql(query, source, rules, () => 'c.name')}, '')`;
}

/** How many words a person's name has, as far as it matters: 0, 1, or 2 for more. */
function wordsSql(query: Query, source: PeopleSource, rules: ExclusionRules): string {
  const words = (name: string): string => `case when ${name} = '' then 0 when btrim(${name}) ~ '\\s' then 2 else 1 end`;
  return source.kind === 'contacts'
    ? words('p.name')
    : `case when p.name <> '' then ${words('p.name')} else coalesce(${bookSql(query, source, rules, () => words('c.name'))}, 0) end`;
}

/**
 * What the address book has of a person, found as sending would find them, as far as the caller may see it.
 * @param valueOf of a contact `c`
 */
function bookSql(
  query: Query,
  source: PeopleSource,
  { accountId, portfolio, visible }: ExclusionRules,
  valueOf: (scope: FieldScope) => string,
): string {
  const ofAccount = (): string => `${query.bind(portfolio)}::text`;
  const scope: FieldScope = {
    // Bound by those that ask for it: PostgreSQL wants to know what a parameter is for.
    get accountId() {
      return `${query.bind(accountId)}::bigint`;
    },
    get portfolio() {
      return ofAccount();
    },
  };
  const value = valueOf(scope);
  if (source.kind === 'contacts') {
    return `(select ${value} from contacts c where c.id = p.contact_id)`;
  }
  const contactId = `coalesce(p.contact_id,
    (select i.contact_id from contact_identities i where i.kind = 'phone' and i.scope = '' and i.value = p.phone),
    (select i.contact_id from contact_identities i
     where i.kind in ('user_id', 'parent_user_id') and i.scope = ${ofAccount()} and i.value = p.user_id limit 1))`;
  const isVisible = visible && visible.length > 0 ? ` and ${visibleTo(query.bind(visible))}` : '';
  return `(select ${value} from contacts c where c.id = ${contactId}${isVisible})`;
}
