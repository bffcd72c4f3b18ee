import { Injectable } from '@nestjs/common';
import type { AccountChange, UnreadableItem } from '../accounts/account-change.js';
import { counter } from '../common/metrics.js';
import type { Tx } from '../database/database.js';
import { FlowTokens } from '../inbox/flow-tokens.service.js';
import type { ReceivedMessage } from '../inbox/incoming-messages.repository.js';
import { Outbox, type OutboxEvent } from '../outbox/outbox.js';
import { healthAlert, statusAlert } from './flow-alerts.js';
import { readFlowAnswer } from './flow-answer.js';
import { FlowEventsRepository, type EventedFlow } from './flow-events.repository.js';
import { applyFlowEvent, readFlowEvent, type FlowEvent } from './flow-events.js';
import { FlowResponsesRepository, type FlowResponseRow } from './flow-responses.repository.js';

const answers = counter('parley_flow_responses_total', 'Answers to flows, by how their flow was found', ['matched_by']);

/** What Meta says of flows, and what people answered in them. */
@Injectable()
export class FlowsWebhook {
  constructor(
    private readonly events: FlowEventsRepository,
    private readonly responses: FlowResponsesRepository,
    private readonly tokens: FlowTokens,
    private readonly outbox: Outbox,
  ) {}

  /**
   * The field `flows`: their status, and how they do. Each kind counts by Meta's time, so any order and any repetition end the
   * same. Flows that nobody here has are passed over: the next sync brings them.
   */
  async handle(tx: Tx, changes: readonly AccountChange[]): Promise<UnreadableItem[]> {
    const errors: UnreadableItem[] = [];
    const events = changes.flatMap((change) => {
      const event = readFlowEvent(change.account.id, change.change);
      if (!event) {
        errors.push({ change, error: 'flows does not tell of which flow it is, or what' });
      }
      return event ?? [];
    });
    if (events.length > 0) {
      await this.apply(tx, events);
    }
    return errors;
  }

  /**
   * Answers among the messages that came in just now, in the transaction that stored them. An answer belongs to the flow whose
   * token it brings, if that was sent to this very person; else to the flow of the message that it quotes; else to none. It is
   * never guessed.
   */
  async receive(tx: Tx, messages: readonly ReceivedMessage[]): Promise<void> {
    const read = messages.flatMap((message) => {
      const answer = message.messageType === 'interactive' && message.raw ? readFlowAnswer(message.raw) : null;
      return answer && message.raw ? [{ message, answer, raw: message.raw }] : [];
    });
    if (read.length === 0) {
      return;
    }
    const matches = await this.tokens.findAnswered(
      tx,
      read.map(({ message, answer }) => ({
        accountId: message.accountId,
        contactId: message.contactId,
        token: answer.token,
        quotedWamid: message.replyToMessageId,
      })),
    );
    const added = await this.responses.insert(
      tx,
      read.map(({ message, answer, raw }, index) => ({
        accountId: message.accountId,
        conversationId: message.conversationId,
        contactId: message.contactId,
        wamid: message.wamid,
        phone: answer.phone,
        token: answer.token ?? '',
        matchedBy: matches[index]?.by ?? null,
        metaFlowId: matches[index]?.metaFlowId ?? null,
        flowName: matches[index]?.flowName ?? null,
        data: answer.data,
        raw,
        at: message.at,
      })),
    );
    await this.responses.count(
      tx,
      added.flatMap(({ flowId }) => flowId ?? []),
    );
    await this.outbox.append(tx, added.map(toEvent));
    added.forEach(({ matchedBy }) => answers.inc({ matched_by: matchedBy ?? 'none' }));
  }

  private async apply(tx: Tx, events: readonly FlowEvent[]): Promise<void> {
    const known = await this.events.lock(tx, events);
    const flows = new Map(known.map((flow) => [keyOf(flow), flow]));
    const alerts: OutboxEvent[] = [];
    // In the order in which Meta meant them, so that each is told of once, when it was news.
    for (const event of [...events].sort((a, b) => a.at.getTime() - b.at.getTime())) {
      const before = flows.get(keyOf(event));
      const after = before && applyFlowEvent(before, event);
      if (before && after && after !== before) {
        flows.set(keyOf(event), after);
        alerts.push(...alertsOf(before, after, event));
      }
    }
    const changed = known.flatMap((before) => {
      const after = flows.get(keyOf(before)) as EventedFlow;
      return after === before ? [] : [after];
    });
    if (changed.length > 0) {
      await this.events.write(tx, changed);
      await this.outbox.append(tx, alerts);
    }
  }
}

function keyOf({ accountId, metaFlowId }: { accountId: number; metaFlowId: string }): string {
  return `${accountId}/${metaFlowId}`;
}

function alertsOf(before: EventedFlow, after: EventedFlow, event: FlowEvent): OutboxEvent[] {
  const told = Object.keys(after.health?.alerts ?? {}).filter(
    (kind) => after.health?.alerts?.[kind] !== before.health?.alerts?.[kind],
  );
  return [
    ...(after.status === before.status ? [] : [statusAlert(after, before.status, after.status, event.message)]),
    ...told.map((kind) => healthAlert(after, kind, event)),
  ].filter((alert) => alert !== null);
}

function toEvent(row: FlowResponseRow): OutboxEvent {
  return {
    type: 'flow.completed',
    accountId: row.accountId,
    subjectId: row.id,
    payload: {
      id: row.id,
      flow_id: row.flowId,
      flow_name: row.flowName,
      meta_flow_id: row.metaFlowId,
      conversation_id: row.conversationId,
      contact_id: row.contactId,
      phone_number: row.phoneNumber,
      message_id: row.messageId,
      flow_token: row.flowToken,
      matched_by: row.matchedBy,
      response_data: row.responseData,
      completed_at: row.completedAt.toISOString(),
    },
  };
}
