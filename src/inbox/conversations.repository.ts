import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import { mark } from './statistics/counting.js';

/** What a message changes in its conversation. */
export interface ConversationTouch {
  conversationId: number;
  /** Becomes the last message, if it is the newest; null: it is no bubble (a reaction). */
  messageId: number | null;
  at: Date;
  /** Messages the customer wrote and nobody has read. */
  unread: number;
  /** The customer wrote it: opens the service window. */
  isInbound: boolean;
  /** A new message of the customer: a resolved conversation is open again. */
  reopens?: boolean;
  /** A person of the business wrote it: whoever waited waits no more. */
  answer?: { agent: string | null } | null;
}

/** What a person of the business wrote. */
interface Answer {
  at: Date;
  agent: string | null;
}

interface MergedTouch {
  conversationId: number;
  messageId: number | null;
  /** Of the last message. */
  at: Date | null;
  unread: number;
  inboundAt: Date | null;
  reopens: boolean;
  /** Of the new messages of the customer. */
  firstNewsAt: Date | null;
  lastNewsAt: Date | null;
  firstAnswer: Answer | null;
  lastAnswer: Answer | null;
}

/** What an event tells of a conversation. */
export interface ConversationState {
  id: number;
  phone_number: string | null;
  /** The newest within the account's portfolio. */
  user_id: string | null;
  contact_id: number;
  label: number | null;
  is_resolved: boolean;
  assigned_to: string | null;
  unread_count: number;
  /** By the account. */
  is_blocked: boolean;
}

/** Of a conversation `c`, an event's {@link ConversationState}; user ids are looked for in the portfolio. */
function state(portfolio: string): string {
  return `c.id, k.phone as phone_number,
    (select i.value from contact_identities i
     where i.contact_id = c.contact_id and i.kind = 'user_id' and i.scope = ${portfolio} order by i.id desc limit 1) as user_id,
    c.contact_id, c.label_id as label, c.is_resolved, c.assigned_to, c.unread_count, coalesce(b.is_blocked, false) as is_blocked`;
}

const STATE_SOURCES = `conversations c
  join contacts k on k.id = c.contact_id
  left join contact_accounts b on b.account_id = c.account_id and b.contact_id = c.contact_id`;

/** The service window of one conversation, by the database's clock. */
export interface ServiceWindow {
  isOpen: boolean;
  expiresAt: Date | null;
}

const MOVE_ON = `last_message_id = case when u.message_id is not null and (c.last_message_at is null or c.last_message_at <= u.at)
      then u.message_id else c.last_message_id end,
    last_message_at = greatest(c.last_message_at, u.at),
    last_inbound_at = greatest(c.last_inbound_at, u.inbound_at),
    unread_count = c.unread_count + u.unread,
    updated_at = now()`;

/** Where nobody begins or ceases to wait: what campaigns send. */
const PLAIN_TOUCH = `with u as (
    select * from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::int[], $5::timestamptz[], $6::boolean[])
      as u (conversation_id, message_id, at, unread, inbound_at, reopens)
  ), locked as (
    select c.id from conversations c join u on u.conversation_id = c.id order by c.id for no key update of c
  )
  update conversations c set ${MOVE_ON}, is_resolved = c.is_resolved and not u.reopens
  from u join locked on locked.id = u.conversation_id
  where c.id = u.conversation_id`;

const COUNTED_TOUCH = `with u as (
    select * from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::int[], $5::timestamptz[], $6::boolean[],
        $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::text[], $11::timestamptz[], $12::text[])
      as u (conversation_id, message_id, at, unread, inbound_at, reopens, first_news_at, last_news_at, first_answer_at,
        first_agent, last_answer_at, last_agent)
  ), locked as (
    select c.id, c.account_id, c.label_id, c.opened_at, c.waiting_since, c.answered_at
    from conversations c join u on u.conversation_id = c.id order by c.id for no key update of c
  ), waiting as (
    -- What is older than the last answer came late: nobody waits for an answer to it.
    select locked.*, u.*, least(locked.waiting_since, case
        when u.first_news_at > coalesce(locked.answered_at, '-infinity') then u.first_news_at
        when u.last_news_at > coalesce(locked.answered_at, '-infinity') then u.last_news_at end) as since
    from u join locked on locked.id = u.conversation_id
  ), answered as (
    select w.*, case when w.first_answer_at >= w.since then w.first_answer_at
        when w.last_answer_at >= w.since then w.last_answer_at end as answer_at,
      case when w.first_answer_at >= w.since then w.first_agent else w.last_agent end as agent
    from waiting w
  ), happened as (
    select first_news_at as at, account_id, id as conversation_id, 'opened' as kind, null::bigint as duration_ms, '' as agent,
      coalesce(label_id, 0) as label_id
    from answered where opened_at is null and reopens and first_news_at is not null
    union all
    select answer_at, account_id, id, 'answered', (extract(epoch from answer_at - since) * 1000)::bigint, coalesce(agent, ''),
      coalesce(label_id, 0)
    from answered where answer_at is not null
  ), ${mark('happened')}
  update conversations c set ${MOVE_ON}, is_resolved = c.is_resolved and not u.reopens,
    opened_at = coalesce(c.opened_at, case when u.reopens then u.first_news_at end),
    waiting_since = case when u.answer_at is null then u.since when u.last_news_at > u.last_answer_at then u.last_news_at end,
    answered_at = greatest(c.answered_at, u.last_answer_at)
  from answered u
  where c.id = u.id`;

@Injectable()
export class ConversationsRepository {
  /** Finds or creates the conversation with each contact: ids in the order of the contacts. */
  async ensure(tx: Tx, accountId: number, contactIds: readonly number[]): Promise<number[]> {
    const distinct = [...new Set(contactIds)].sort((a, b) => a - b);
    const known = await this.find(tx, accountId, distinct);
    const missing = distinct.filter((contactId) => !known.has(contactId));
    if (missing.length > 0) {
      const created = await tx.query<{ id: number; contact_id: number }>(
        `insert into conversations (account_id, contact_id)
         select $1, contact_id from unnest($2::bigint[]) as u (contact_id) order by contact_id
         on conflict (account_id, contact_id) do nothing returning id, contact_id`,
        [accountId, missing],
      );
      created.forEach(({ id, contact_id }) => known.set(contact_id, id));
      const others = missing.filter((contactId) => !known.has(contactId));
      for (const [contactId, id] of others.length > 0 ? await this.find(tx, accountId, others) : []) {
        known.set(contactId, id);
      }
    }
    return contactIds.map((contactId) => {
      const id = known.get(contactId);
      if (id === undefined) {
        throw new Error(`No conversation for contact ${contactId}`);
      }
      return id;
    });
  }

  /** One update for all conversations; nothing moves backwards. Who began to wait and whose waiting ended is counted. */
  async touch(tx: Tx, touches: readonly ConversationTouch[]): Promise<void> {
    if (touches.length === 0) {
      return;
    }
    const merged = mergeTouches(touches).sort((a, b) => a.conversationId - b.conversationId);
    const moves = columnsOf(
      merged,
      (touch) => touch.conversationId,
      (touch) => touch.messageId,
      (touch) => touch.at,
      (touch) => touch.unread,
      (touch) => touch.inboundAt,
      (touch) => touch.reopens,
    );
    if (merged.every(({ firstNewsAt, firstAnswer }) => firstNewsAt === null && firstAnswer === null)) {
      await tx.query(PLAIN_TOUCH, moves);
      return;
    }
    const turns = columnsOf(
      merged,
      (touch) => touch.firstNewsAt,
      (touch) => touch.lastNewsAt,
      (touch) => touch.firstAnswer?.at ?? null,
      (touch) => touch.firstAnswer?.agent ?? null,
      (touch) => touch.lastAnswer?.at ?? null,
      (touch) => touch.lastAnswer?.agent ?? null,
    );
    await tx.query(COUNTED_TOUCH, [...moves, ...turns]);
  }

  /**
   * By conversation, of those that are there.
   * @param windowHours how long after a customer's message free-form messages may be sent
   */
  async serviceWindows(
    q: Queryable,
    conversationIds: readonly number[],
    windowHours: number,
  ): Promise<Map<number, ServiceWindow>> {
    const rows = await q.query<{ id: number; is_open: boolean; expires_at: Date | null }>(
      `select id, last_inbound_at + make_interval(hours => $2) as expires_at,
              coalesce(last_inbound_at + make_interval(hours => $2) > now(), false) as is_open
       from conversations where id = any($1::bigint[])`,
      [conversationIds, windowHours],
    );
    return new Map(rows.map((row) => [row.id, { isOpen: row.is_open, expiresAt: row.expires_at }]));
  }

  /** A conversation as an event tells of it, in wire names. */
  async findState(
    q: Queryable,
    account: { id: number; portfolio: string },
    conversationId: number,
  ): Promise<ConversationState | null> {
    const [row] = await q.query<ConversationState>(
      `select ${state('$2')} from ${STATE_SOURCES} where c.account_id = $1 and c.id = $3`,
      [account.id, account.portfolio, conversationId],
    );
    return row ?? null;
  }

  /** As {@link findState}, of the conversations with these contacts; who has none is left out. */
  async findStatesWith(q: Queryable, accountId: number, contactIds: readonly number[]): Promise<ConversationState[]> {
    return q.query<ConversationState>(
      `select ${state('coalesce(a.portfolio_id, a.waba_id, a.phone_number_id)')}
       from ${STATE_SOURCES} join accounts a on a.id = c.account_id
       where c.account_id = $1 and c.contact_id = any($2::bigint[]) order by c.id`,
      [accountId, contactIds],
    );
  }

  private async find(tx: Tx, accountId: number, contactIds: number[]): Promise<Map<number, number>> {
    const rows = await tx.query<{ id: number; contact_id: number }>(
      'select id, contact_id from conversations where account_id = $1 and contact_id = any($2::bigint[])',
      [accountId, contactIds],
    );
    return new Map(rows.map((row) => [row.contact_id, row.id]));
  }
}

function mergeTouches(touches: readonly ConversationTouch[]): MergedTouch[] {
  const merged = new Map<number, MergedTouch>();
  for (const touch of touches) {
    const { conversationId, messageId, unread } = touch;
    const at = messageId === null ? null : touch.at;
    const inboundAt = touch.isInbound ? touch.at : null;
    const reopens = touch.reopens ?? false;
    const newsAt = reopens ? touch.at : null;
    const answer = touch.answer ? { at: touch.at, agent: touch.answer.agent } : null;
    const before = merged.get(conversationId);
    if (!before) {
      const news = { firstNewsAt: newsAt, lastNewsAt: newsAt, firstAnswer: answer, lastAnswer: answer };
      merged.set(conversationId, { conversationId, messageId, at, unread, inboundAt, reopens, ...news });
      continue;
    }
    const isNewer = isLater(at, messageId, before.at, before.messageId);
    merged.set(conversationId, {
      conversationId,
      messageId: isNewer ? messageId : before.messageId,
      at: isNewer ? at : before.at,
      unread: before.unread + unread,
      inboundAt: !inboundAt || (before.inboundAt && before.inboundAt > inboundAt) ? before.inboundAt : inboundAt,
      reopens: before.reopens || reopens,
      firstNewsAt:
        newsAt && before.firstNewsAt && before.firstNewsAt <= newsAt
          ? before.firstNewsAt
          : (newsAt ?? before.firstNewsAt),
      lastNewsAt:
        newsAt && before.lastNewsAt && before.lastNewsAt >= newsAt ? before.lastNewsAt : (newsAt ?? before.lastNewsAt),
      firstAnswer:
        answer && before.firstAnswer && before.firstAnswer.at <= answer.at
          ? before.firstAnswer
          : (answer ?? before.firstAnswer),
      lastAnswer:
        answer && before.lastAnswer && before.lastAnswer.at >= answer.at
          ? before.lastAnswer
          : (answer ?? before.lastAnswer),
    });
  }
  return [...merged.values()];
}

function isLater(at: Date | null, id: number | null, otherAt: Date | null, otherId: number | null): boolean {
  if (!at || !otherAt) {
    return at !== null;
  }
  return at > otherAt || (at.getTime() === otherAt.getTime() && (id ?? 0) > (otherId ?? 0));
}
