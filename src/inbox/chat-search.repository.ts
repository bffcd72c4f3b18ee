import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';
import type { InboxSearch, WordSearch } from './search-words.js';

/** How many of each kind may be named one by one. */
export interface Limits {
  people: number;
  texts: number;
}

/** Adds a value to the parameters of a statement. @returns its placeholder */
export type Bind = (value: unknown) => string;

/** Conversations of an account that a search means; null: too many to be named. */
export interface Candidates {
  people: number[] | null;
  texts: number[] | null;
}

/** So many of the newest messages are looked at before the index of words is asked… */
const SAMPLE = 500;
/** …and when so many of them match, the next page is found sooner by walking along the list. */
const COMMON = 5;

/** Messages that are searched: written by hand. What a campaign sent to thousands is in no index of words. */
export const SEARCHED = 'm.campaign_id is null';

/** Messages that can be found: those that are shown, and were not taken back. */
export const FINDABLE = `${SEARCHED} and m.message_type <> 'reaction' and not m.is_deleted and m.status <> 'cancelled'`;

/** How a text is compared with words. */
type Comparison = (text: string, words: WordSearch, bind: Bind) => string;

/** The text has the words, by the index of the column. */
export const hasWords: Comparison = (text, words, bind) => {
  const sideBySide = words.runs.length > 0 ? ` and ${text} ilike all(${bind(words.runs)})` : '';
  return `search_words(${text}) @@ to_tsquery('simple', lower(${bind(words.tsquery)}))${sideBySide}`;
};

/** The same, for a walk from row to row: the function behind `@@` is one that no index is used for. */
export const hasWordsWalking: Comparison = (text, words, bind) => {
  const query = `to_tsquery('simple', lower(${bind(words.tsquery)}))`;
  return `(${text} ilike all(${bind(words.patterns)}) and ts_match_vq(search_words(${text}), ${query}))`;
};

/** Are the words so common in what was written lately that a walk soon has a page together? */
export function isCommon(accountId: string, words: WordSearch, bind: Bind): string {
  return `(select count(*) >= ${COMMON} from (
    select message_body from messages m where account_id = ${accountId} and ${SEARCHED} order by timestamp desc, id desc limit ${SAMPLE}
  ) m where ${hasWordsWalking('m.message_body', words, bind)})`;
}

/**
 * Conditions on conversations `c`, for a walk along them. Scalar subqueries, because EXISTS may be turned into a hash of the
 * whole table.
 */
export function peopleMatch(search: InboxSearch, portfolio: string, bind: Bind): string[] {
  const identity = identityMatches(search, portfolio, bind);
  return [
    `(select true from contacts k where k.id = c.contact_id and ${contactMatches(search, bind, hasWordsWalking)})`,
    ...(identity
      ? [`(select true from contact_identities i where i.contact_id = c.contact_id and ${identity} limit 1)`]
      : []),
  ];
}

/** As {@link peopleMatch}, for what was written. */
export function textsMatch({ texts }: InboxSearch, bind: Bind): string[] {
  return [
    `(select true from messages m where m.conversation_id = c.id and ${hasWordsWalking('m.message_body', texts, bind)} and ${FINDABLE} limit 1)`,
  ];
}

/** Who and what a search means, found by the indexes of names and words. */
@Injectable()
export class ChatSearchRepository {
  /** @param limits null: all are named, however long that takes */
  async find(
    q: Queryable,
    account: { id: number; portfolio: string },
    search: InboxSearch,
    limits: Limits | null,
  ): Promise<Candidates> {
    const values: unknown[] = [];
    const bind: Bind = (value) => `$${values.push(value)}`;
    const accountId = `${bind(account.id)}::bigint`;
    const people = peopleFound(accountId, search, account.portfolio, limits?.people ?? null, bind);
    const texts = textsFound(accountId, search, limits?.texts ?? null, bind);
    const [row] = await q.queryDynamic<Candidates>(`select ${people} as people, ${texts} as texts`, values);
    return { people: cut(row?.people, limits?.people), texts: cut(row?.texts, limits?.texts) };
  }
}

/** What has no end is told by its having one more than the limit. */
function cut(ids: number[] | null | undefined, limit = Number.POSITIVE_INFINITY): number[] | null {
  return !ids || ids.length > limit ? null : [...new Set(ids)];
}

/*
 * Each index is asked in a materialized WITH: it is planned as if all of it were needed, so by the index, and read only as
 * far as the limit goes. With the limit in sight the planner would rather walk along a table, trusting that matches are
 * everywhere, and of a rare name they are not.
 */
function peopleFound(
  accountId: string,
  search: InboxSearch,
  portfolio: string,
  limit: number | null,
  bind: Bind,
): string {
  const identity = identityMatches(search, portfolio, bind);
  const sources = [
    { name: 'called', rows: `select k.id from contacts k where ${contactMatches(search, bind, hasWords)}` },
    ...(identity
      ? [{ name: 'known', rows: `select i.contact_id as id from contact_identities i where ${identity}` }]
      : []),
  ];
  return `array(
    with ${sources.map(({ name, rows }) => `${name} as materialized (${rows})`).join(', ')}
    select c.id from (${sources.map(({ name }) => `select id from ${name}`).join(' union all ')}) p
    cross join lateral (
      select id from conversations where account_id = ${accountId} and contact_id = p.id offset 0
    ) c ${limited(limit, bind)})`;
}

function textsFound(accountId: string, { texts }: InboxSearch, limit: number | null, bind: Bind): string {
  const found = `array(
    with written as materialized (
      select m.conversation_id from messages m where m.account_id = ${accountId} and ${hasWords('m.message_body', texts, bind)} and ${FINDABLE}
    )
    select conversation_id from written ${limited(limit, bind)})`;
  return limit === null ? found : `case when ${isCommon(accountId, texts, bind)} then null else ${found} end`;
}

function limited(limit: number | null, bind: Bind): string {
  return limit === null ? '' : `limit ${bind(limit + 1)}`;
}

function contactMatches({ names, part, digits }: InboxSearch, bind: Bind, comparison: Comparison): string {
  const ways = [
    ...(part ? [`k.name ilike ${bind(part)}`] : []),
    comparison('k.name', names, bind),
    ...(digits ? [`k.phone like ${bind(digits)}`] : []),
  ];
  return `(${ways.join(' or ')})`;
}

/** A phone that differs from the contact's own (Brazil, Mexico) stands among the identities only. */
function identityMatches({ username, phone }: InboxSearch, portfolio: string, bind: Bind): string | null {
  const ways = [
    ...(username ? [`i.kind = 'username' and i.scope = ${bind(portfolio)} and i.value ilike ${bind(username)}`] : []),
    ...(phone ? [`i.kind = 'phone' and i.scope = '' and i.value = ${bind(phone)}`] : []),
  ];
  return ways.length > 0 ? `(${ways.join(' or ')})` : null;
}
