import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';
import type { DurationBin, MessageCounts } from './figures.js';
import type { Span } from './period.js';

/** Whose figures, and of when. */
export interface Extent extends Span {
  accountIds: readonly number[];
}

/** What happened to conversations; `answered` and `resolved` have durations. */
export type ConversationKind = 'opened' | 'answered' | 'resolved' | 'labelled';

export type KindBin = DurationBin & { kind: ConversationKind };

export interface ChargeRow {
  currency: string;
  category: string;
  type: string;
  country: string;
  messages: number;
  cost_micros: number;
}

/** What messages of one template, or one campaign, were charged. */
export interface KeyedCharge {
  key: string;
  currency: string;
  cost_micros: number;
}

export interface CampaignFacts {
  id: number;
  account_id: number;
  name: string;
  status: string;
  created_at: Date;
  replied_count: number;
  opted_out_count: number;
}

export interface LabelFacts {
  id: number;
  name: string;
  color: string;
  conversations: number;
  open: number;
  unread: number;
}

const COUNTS = ['received', 'sent', 'delivered', 'read', 'failed'] as const;
const SUMS = COUNTS.map((name) => `coalesce(sum(${name}), 0)::bigint as ${name}`).join(', ');
const EXTENT = 'account_id = any($1::bigint[]) and bucket >= $2::timestamptz and bucket < $3::timestamptz';

/** The folded rows and what was appended since, in one statement: a reader sees both before a fold, or both after it. */
function during(kind: 'message' | 'charge' | 'conversation', columns: string): string {
  return `(select ${columns} from ${kind}_statistics where ${EXTENT}
    union all select ${columns} from ${kind}_statistic_deltas where ${EXTENT}) s`;
}

/** Which day of the list a quarter of an hour is in, from 1. */
const DAY = 'width_bucket(bucket, $4::timestamptz[])';
const CHARGE_SUMS = `sum(messages)::bigint as messages, sum(cost_micros)::bigint as cost_micros`;
const BIN_SUMS = 'sum(n)::bigint as n, sum(duration_ms)::bigint as duration_ms';

/** Reads the statistics; facts themselves are only asked for how things stand now. */
@Injectable()
export class FiguresRepository {
  async messages(q: Queryable, extent: Extent): Promise<MessageCounts> {
    const [row] = await q.query<MessageCounts>(
      `select ${SUMS} from ${during('message', COUNTS.join(', '))}`,
      of(extent),
    );
    return row as MessageCounts;
  }

  /** Only days on which something happened. */
  async messageDays(q: Queryable, extent: Extent, days: readonly Date[]): Promise<(MessageCounts & { day: number })[]> {
    return q.query(
      `select ${DAY} as day, ${SUMS} from ${during('message', `bucket, ${COUNTS.join(', ')}`)} group by 1`,
      [...of(extent), days],
    );
  }

  async templates(q: Queryable, extent: Extent): Promise<(MessageCounts & { name: string; language: string })[]> {
    return q.query(
      `select template_name as name, template_language as language, ${SUMS}
       from ${during('message', `template_name, template_language, ${COUNTS.join(', ')}`)}
       where template_name <> '' group by 1, 2`,
      of(extent),
    );
  }

  async campaigns(q: Queryable, extent: Extent): Promise<(MessageCounts & { id: number })[]> {
    return q.query(
      `select campaign_id as id, ${SUMS} from ${during('message', `campaign_id, ${COUNTS.join(', ')}`)}
       where campaign_id <> 0 group by 1`,
      of(extent),
    );
  }

  /** What people sent, not campaigns. Agent '': nobody in particular. */
  async agents(q: Queryable, extent: Extent): Promise<(MessageCounts & { agent: string })[]> {
    return q.query(
      `select sent_by as agent, ${SUMS} from ${during('message', `sent_by, campaign_id, ${COUNTS.join(', ')}`)}
       where campaign_id = 0 group by 1 having sum(sent) > 0 or sum(failed) > 0`,
      of(extent),
    );
  }

  async conversations(q: Queryable, extent: Extent): Promise<KindBin[]> {
    return q.query(
      `select kind, bin, ${BIN_SUMS} from ${during('conversation', 'kind, bin, n, duration_ms')} group by 1, 2`,
      of(extent),
    );
  }

  async conversationDays(
    q: Queryable,
    extent: Extent,
    days: readonly Date[],
  ): Promise<{ day: number; kind: ConversationKind; n: number }[]> {
    return q.query(
      `select ${DAY} as day, kind, sum(n)::bigint as n from ${during('conversation', 'bucket, kind, n')} group by 1, 2`,
      [...of(extent), days],
    );
  }

  async conversationsByAgent(q: Queryable, extent: Extent): Promise<(KindBin & { agent: string })[]> {
    return q.query(
      `select agent, kind, bin, ${BIN_SUMS} from ${during('conversation', 'agent, kind, bin, n, duration_ms')}
       where kind in ('answered', 'resolved') group by 1, 2, 3`,
      of(extent),
    );
  }

  async conversationsByLabel(q: Queryable, extent: Extent): Promise<(KindBin & { label_id: number })[]> {
    return q.query(
      `select label_id, kind, bin, ${BIN_SUMS} from ${during('conversation', 'label_id, kind, bin, n, duration_ms')}
       where label_id <> 0 group by 1, 2, 3`,
      of(extent),
    );
  }

  async charges(q: Queryable, extent: Extent): Promise<ChargeRow[]> {
    return q.query(
      `select currency, category, type, country, ${CHARGE_SUMS}
       from ${during('charge', 'currency, category, type, country, messages, cost_micros')} group by 1, 2, 3, 4`,
      of(extent),
    );
  }

  async chargesByTemplate(q: Queryable, extent: Extent): Promise<KeyedCharge[]> {
    return q.query(
      `select template_name || ' ' || template_language as key, currency, sum(cost_micros)::bigint as cost_micros
       from ${during('charge', 'template_name, template_language, currency, cost_micros')}
       where template_name <> '' and currency <> '' group by 1, 2 order by 1, 2`,
      of(extent),
    );
  }

  async chargesByCampaign(q: Queryable, extent: Extent): Promise<KeyedCharge[]> {
    return q.query(
      `select campaign_id::text as key, currency, sum(cost_micros)::bigint as cost_micros
       from ${during('charge', 'campaign_id, currency, cost_micros')}
       where campaign_id <> 0 and currency <> '' group by 1, 2 order by 1, 2`,
      of(extent),
    );
  }

  /** Those that are still there, with what people did after their messages, whenever that was. */
  async campaignFacts(q: Queryable, accountIds: readonly number[], ids: readonly number[]): Promise<CampaignFacts[]> {
    return q.query(
      `select c.id, c.account_id, c.name, c.status, c.created_at,
         c.replied_count + coalesce(d.replied_count, 0) as replied_count,
         c.opted_out_count + coalesce(d.opted_out_count, 0) as opted_out_count
       from campaigns c
       left join lateral (
         select sum(replied_count)::bigint as replied_count, sum(opted_out_count)::bigint as opted_out_count
         from campaign_count_deltas where campaign_id = c.id) d on true
       where c.account_id = any($1::bigint[]) and c.id = any($2::bigint[])`,
      [accountIds, ids],
    );
  }

  /** Open conversations by whose they are now. */
  async openByAgent(q: Queryable, accountIds: readonly number[]): Promise<{ agent: string; open: number }[]> {
    return q.query(
      `select assigned_to as agent, count(*) as open from conversations
       where account_id = any($1::bigint[]) and assigned_to is not null and not is_resolved group by 1`,
      [accountIds],
    );
  }

  /** All labels, with the accounts' conversations that have them now. */
  async labelFacts(q: Queryable, accountIds: readonly number[]): Promise<LabelFacts[]> {
    return q.query(
      `select l.id, l.name, l.color, coalesce(c.conversations, 0) as conversations, coalesce(c.open, 0) as open,
         coalesce(c.unread, 0) as unread
       from labels l
       left join (
         select label_id, count(*) as conversations, count(*) filter (where not is_resolved) as open,
           count(*) filter (where unread_count > 0) as unread
         from conversations where account_id = any($1::bigint[]) and label_id is not null group by label_id
       ) c on c.label_id = l.id`,
      [accountIds],
    );
  }
}

function of({ accountIds, from, to }: Extent): unknown[] {
  return [accountIds, from, to];
}
