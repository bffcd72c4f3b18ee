import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { SentFlow } from './flow-tokens.js';

/** An answer to a flow, as far as it says what it answers. */
export interface FlowAnswerKey {
  accountId: number;
  contactId: number;
  /** Null when the answer has none. */
  token: string | null;
  /** wamid of the message that it quotes. */
  quotedWamid: string | null;
}

/** The message that a flow was sent with, found by its answer. */
export interface AnsweredFlow {
  by: 'token' | 'quote';
  /** As it was sent. */
  metaFlowId: string | null;
  flowName: string | null;
  /** Of a template, whose button knows its flow. */
  templateName: string | null;
  templateLanguage: string | null;
}

/** How often each flow was sent. */
export interface FlowSendCount {
  metaFlowId: string | null;
  flowName: string | null;
  count: number;
}

/**
 * Of the token's messages the one that is quoted, else the newest; without one the quoted message itself. Only what was sent
 * to the very person who answers: a token that was passed on proves nothing.
 */
const FIND = `
  select u.ord::int as ord, coalesce(by_token.source, by_quote.source) as by,
    coalesce(by_token.meta_flow_id, by_quote.meta_flow_id) as "metaFlowId",
    coalesce(by_token.flow_name, by_quote.flow_name) as "flowName",
    coalesce(by_token.template_name, by_quote.template_name) as "templateName",
    coalesce(by_token.template_language, by_quote.template_language) as "templateLanguage"
  from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) with ordinality
    as u (account_id, contact_id, token, wamid, ord)
  left join lateral (
    select 'token' as source, t.meta_flow_id, t.flow_name, m.template_name, m.template_language
    from flow_tokens t left join messages m on m.id = t.message_id
    where t.account_id = u.account_id and t.token = u.token and t.contact_id = u.contact_id
    order by coalesce(m.message_id = u.wamid, false) desc, t.id desc limit 1
  ) by_token on true
  left join lateral (
    select 'quote' as source, m.content #>> '{interactive,action,parameters,flow_id}' as meta_flow_id,
      m.content #>> '{interactive,action,parameters,flow_name}' as flow_name, m.template_name, m.template_language
    from messages m
    where by_token.source is null and m.account_id = u.account_id and m.message_id = u.wamid
      and m.contact_id = u.contact_id and m.direction = 'outbound'
      and (m.template_name is not null or m.content #>> '{interactive,type}' = 'flow')
  ) by_quote on true
  where coalesce(by_token.source, by_quote.source) is not null`;

/** Meta took it, or may have taken it: not what waits for its time, and not what was refused. */
const COUNT_SENT = `
  select t.meta_flow_id as "metaFlowId", t.flow_name as "flowName", count(*)::int as count
  from flow_tokens t join messages m on m.id = t.message_id
  where t.account_id = $1 and (t.meta_flow_id = any($2::text[]) or t.flow_name = any($3::text[]))
    and (m.message_id is not null or m.status = 'unknown')
  group by t.meta_flow_id, t.flow_name`;

/** The tokens that flows were sent with. */
@Injectable()
export class FlowTokensRepository {
  async insert(
    tx: Tx,
    sent: { accountId: number; contactId: number; messageId: number },
    flows: readonly SentFlow[],
  ): Promise<void> {
    await tx.query(
      `insert into flow_tokens (account_id, contact_id, message_id, token, meta_flow_id, flow_name)
       select $1, $2, $3, u.* from unnest($4::text[], $5::text[], $6::text[]) as u`,
      [
        sent.accountId,
        sent.contactId,
        sent.messageId,
        ...columnsOf(
          flows,
          (flow) => flow.token,
          (flow) => flow.metaFlowId,
          (flow) => flow.flowName,
        ),
      ],
    );
  }

  /** What each of the answers is to, in order; null where that cannot be told. */
  async findAnswered(tx: Tx, answers: readonly FlowAnswerKey[]): Promise<(AnsweredFlow | null)[]> {
    const rows = await tx.query<AnsweredFlow & { ord: number }>(
      FIND,
      columnsOf(
        answers,
        (answer) => answer.accountId,
        (answer) => answer.contactId,
        (answer) => answer.token,
        (answer) => answer.quotedWamid,
      ),
    );
    const found = new Map(rows.map(({ ord, ...row }) => [ord, row]));
    return answers.map((_answer, index) => found.get(index + 1) ?? null);
  }

  countSent(
    q: Queryable,
    accountId: number,
    flows: readonly { metaFlowId: string | null; name: string }[],
  ): Promise<FlowSendCount[]> {
    return q.query<FlowSendCount>(COUNT_SENT, [
      accountId,
      flows.flatMap(({ metaFlowId }) => metaFlowId ?? []),
      flows.map(({ name }) => name),
    ]);
  }

  /** Two people turned out to be one. */
  async moveTo(tx: Tx, survivorId: number, goneId: number): Promise<void> {
    await tx.query('update flow_tokens set contact_id = $1 where contact_id = $2', [survivorId, goneId]);
  }

  /** A person is forgotten. */
  async removeOf(tx: Tx, contactId: number): Promise<void> {
    await tx.query('delete from flow_tokens where contact_id = $1', [contactId]);
  }
}
