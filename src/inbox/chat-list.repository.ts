import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';
import { SERVICE_WINDOW_HOURS } from './service-window.js';
import type { ChatRow } from './inbox.repository.js';
import { peopleMatch, textsMatch, type Bind } from './chat-search.repository.js';
import type { InboxSearch } from './search-words.js';
import type { TimeKey } from './time-key.js';

/** Which conversations, whatever is searched in them. */
export interface ChatFilter {
  accountId: number;
  labelId?: number | undefined;
  isResolved?: boolean | undefined;
  /** Null: nobody. */
  assignedTo?: string | null | undefined;
  isUnread?: boolean | undefined;
  /** The last conversation of the page before. */
  after: TimeKey | null;
}

/** Conversations that a search found one by one, and what has to be looked for by walking along the list. */
export interface ChatMatch {
  ids: readonly number[];
  people: InboxSearch | null;
  texts: InboxSearch | null;
  /** Of the account: usernames are unique within it. */
  portfolio: string;
}

/**
 * A conversation that holds nothing is not shown: a campaign opens them a moment before it sends. A scalar subquery, because
 * EXISTS may be turned into a hash of all messages.
 */
const HAS_MESSAGES =
  '(c.last_message_id is not null or (select true from messages m where m.conversation_id = c.id limit 1))';

const CHAT = `c.id, c.contact_id, k.name as contact_name, k.phone, c.label_id, l.name as label_name, l.color as label_color,
  c.unread_count, c.activity_at, c.is_resolved, c.assigned_to, coalesce(b.is_blocked, false) as is_blocked,
  c.last_inbound_at + interval '${SERVICE_WINDOW_HOURS} hours' as window_expires_at,
  coalesce(c.last_inbound_at + interval '${SERVICE_WINDOW_HOURS} hours' > now(), false) as is_window_open,
  m.message_id, m.message_type, m.message_body, m.direction, m.status, m.timestamp, m.media_mime_type, m.media_filename,
  m.sent_by, m.error`;

/** What stands beside conversations `c`. The message is looked for, not pointed at: it follows whatever is deleted. */
const BESIDE = `
  join contacts k on k.id = c.contact_id
  left join contact_accounts b on b.account_id = c.account_id and b.contact_id = c.contact_id
  left join labels l on l.id = c.label_id
  left join lateral (
    select m.id as message_id, m.message_type, left(m.message_body, 200) as message_body, m.direction, m.status, m.timestamp,
      m.media_mime_type, m.media_filename, m.sent_by, m.error
    from messages m
    where m.conversation_id = c.id and m.message_type <> 'reaction' and not m.is_deleted
      and m.status not in ('scheduled', 'cancelled')
    order by m.timestamp desc, m.id desc limit 1
  ) m on true`;

const FIND = `select ${CHAT} from conversations c ${BESIDE} where c.account_id = $1 and c.id = $2`;

/** The list of conversations: one statement per page, keyset-paged, the most recent first. */
@Injectable()
export class ChatListRepository {
  async find(q: Queryable, accountId: number, id: number): Promise<ChatRow | null> {
    const [row] = await q.query<ChatRow>(FIND, [accountId, id]);
    return row ?? null;
  }

  list(q: Queryable, filter: ChatFilter, limit: number): Promise<ChatRow[]> {
    const values: unknown[] = [];
    const bind: Bind = (value) => `$${values.push(value)}`;
    const text = page(`select * from conversations c where ${where(filter, bind)}`, limit, bind);
    // Without a filter there are two texts, for the first page and the others: worth being parsed once only.
    return isFiltered(filter) ? q.queryDynamic<ChatRow>(text, values) : q.query<ChatRow>(text, values);
  }

  /**
   * As {@link list}, of the conversations that match.
   * @param window walk along so many at most, when anything has to be walked for
   */
  search(q: Queryable, filter: ChatFilter, match: ChatMatch, limit: number, window: number): Promise<ChatRow[]> {
    const values: unknown[] = [];
    const bind: Bind = (value) => `$${values.push(value)}`;
    const conditions = where(filter, bind);
    const alternatives = [`c.id = any(${bind(match.ids)}::bigint[])`];
    if (match.people === null && match.texts === null) {
      const found = `select * from conversations c where ${conditions} and ${alternatives.join()}`;
      return q.queryDynamic<ChatRow>(page(found, limit, bind), values);
    }
    if (match.people) {
      alternatives.push(...peopleMatch(match.people, match.portfolio, bind));
    }
    if (match.texts) {
      alternatives.push(...textsMatch(match.texts, bind));
    }
    const walked = `select * from conversations c where ${conditions} order by c.activity_at desc, c.id desc limit ${bind(window)}`;
    const found = `select * from (${walked}) c where ${alternatives.join(' or ')}`;
    return q.queryDynamic<ChatRow>(page(found, limit, bind), values);
  }

  /** Are there more conversations than a walk of this length sees? */
  async isBeyond(q: Queryable, filter: ChatFilter, window: number): Promise<boolean> {
    const values: unknown[] = [];
    const bind: Bind = (value) => `$${values.push(value)}`;
    const rows = await q.queryDynamic(
      `select 1 from conversations c where ${where(filter, bind)}
       order by c.activity_at desc, c.id desc offset ${bind(window)} limit 1`,
      values,
    );
    return rows.length > 0;
  }
}

function isFiltered({ labelId, isResolved, assignedTo, isUnread }: ChatFilter): boolean {
  return [labelId, isResolved, assignedTo, isUnread].some((value) => value !== undefined);
}

function page(conversations: string, limit: number, bind: Bind): string {
  return `select ${CHAT}
    from (${conversations} order by c.activity_at desc, c.id desc limit ${bind(limit)}) c ${BESIDE}
    order by c.activity_at desc, c.id desc`;
}

function where(filter: ChatFilter, bind: Bind): string {
  const conditions = [`c.account_id = ${bind(filter.accountId)}`, HAS_MESSAGES];
  if (filter.labelId !== undefined) {
    conditions.push(`c.label_id = ${bind(filter.labelId)}`);
  }
  if (filter.isResolved !== undefined) {
    conditions.push(`c.is_resolved = ${bind(filter.isResolved)}`);
  }
  if (filter.assignedTo === null) {
    conditions.push('c.assigned_to is null');
  } else if (filter.assignedTo !== undefined) {
    conditions.push(`c.assigned_to = ${bind(filter.assignedTo)}`);
  }
  if (filter.isUnread !== undefined) {
    conditions.push(filter.isUnread ? 'c.unread_count > 0' : 'c.unread_count = 0');
  }
  if (filter.after) {
    const { at, id } = filter.after;
    conditions.push(`(c.activity_at, c.id) < (${bind(at)}::timestamptz, ${bind(id)}::bigint)`);
  }
  return conditions.join(' and ');
}
