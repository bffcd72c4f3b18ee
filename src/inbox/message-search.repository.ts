import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';
import { FINDABLE, hasWords, hasWordsWalking, isCommon, SEARCHED, type Bind } from './chat-search.repository.js';
import { MESSAGE_COLUMNS, MESSAGE_SOURCES } from './inbox.repository.js';
import type { MessageRow } from './message.dto.js';
import type { WordSearch } from './search-words.js';
import type { TimeKey } from './time-key.js';

/** Which messages, and where the list goes on. */
export interface MessageFilter {
  accountId: number;
  words: WordSearch;
  conversationId?: number | undefined;
  direction?: string | undefined;
  messageType?: string | undefined;
  /** At or after. */
  from?: string | undefined;
  /** Before. */
  to?: string | undefined;
  after: TimeKey | null;
}

/** Searches in texts, the newest messages first. */
@Injectable()
export class MessageSearchRepository {
  /** Are the words so common that a walk from the newest message on soon has a page together? */
  async isCommon(q: Queryable, accountId: number, words: WordSearch): Promise<boolean> {
    const { values, bind } = parameters();
    const [row] = await q.queryDynamic<{ is_common: boolean }>(
      `select ${isCommon(`${bind(accountId)}::bigint`, words, bind)} as is_common`,
      values,
    );
    return row?.is_common ?? false;
  }

  /** By the index of words: the fewer messages have them, the faster. */
  byIndex(q: Queryable, filter: MessageFilter, limit: number): Promise<MessageRow[]> {
    const { values, bind } = parameters();
    const words = hasWords('m.message_body', filter.words, bind);
    const found = `select m.id, m.timestamp from messages m where ${words} and ${range(filter, bind)} and ${rest(filter, bind)}`;
    return q.queryDynamic<MessageRow>(
      `with found as materialized (${found})
       ${page('select * from found', limit, bind)}`,
      values,
    );
  }

  /** By walking along the messages: the more of them have the words, the faster. @param window so many at most */
  byWalking(q: Queryable, filter: MessageFilter, limit: number, window: number): Promise<MessageRow[]> {
    const { values, bind } = parameters();
    // Inside stands only what an index leads along: with more the planner might rather read the whole table.
    const walked = `select * from messages m where ${range(filter, bind)} ${NEWEST_FIRST} limit ${bind(window)}`;
    const words = hasWordsWalking('m.message_body', filter.words, bind);
    const found = `select m.id, m.timestamp from (${walked}) m where ${words} and ${rest(filter, bind)}`;
    return q.queryDynamic<MessageRow>(page(found, limit, bind), values);
  }

  /** Are there more messages than a walk of this length sees? */
  async isBeyond(q: Queryable, filter: MessageFilter, window: number): Promise<boolean> {
    const { values, bind } = parameters();
    const rows = await q.queryDynamic(
      `select 1 from messages m where ${range(filter, bind)} ${NEWEST_FIRST} offset ${bind(window)} limit 1`,
      values,
    );
    return rows.length > 0;
  }
}

const NEWEST_FIRST = 'order by m.timestamp desc, m.id desc';

function page(found: string, limit: number, bind: Bind): string {
  return `select ${MESSAGE_COLUMNS} from ${MESSAGE_SOURCES}
    where m.id = any(array(select m.id from (${found}) m ${NEWEST_FIRST} limit ${bind(limit)}))
    ${NEWEST_FIRST}`;
}

function parameters(): { values: unknown[]; bind: Bind } {
  const values: unknown[] = [];
  return { values, bind: (value) => `$${values.push(value)}` };
}

/** Whose messages, and of what time. */
function range({ accountId, conversationId, from, to, after }: MessageFilter, bind: Bind): string {
  const conditions = [SEARCHED, `m.account_id = ${bind(accountId)}`];
  if (conversationId !== undefined) {
    conditions.push(`m.conversation_id = ${bind(conversationId)}`);
  }
  if (from !== undefined) {
    conditions.push(`m.timestamp >= ${bind(from)}::timestamptz`);
  }
  if (to !== undefined) {
    conditions.push(`m.timestamp < ${bind(to)}::timestamptz`);
  }
  if (after) {
    conditions.push(`(m.timestamp, m.id) < (${bind(after.at)}::timestamptz, ${bind(after.id)}::bigint)`);
  }
  return conditions.join(' and ');
}

/** Everything else that is asked of a message. */
function rest({ direction, messageType }: MessageFilter, bind: Bind): string {
  const conditions = [FINDABLE];
  if (direction !== undefined) {
    conditions.push(`m.direction = ${bind(direction)}`);
  }
  if (messageType !== undefined) {
    conditions.push(`m.message_type = ${bind(messageType)}`);
  }
  return conditions.join(' and ');
}
