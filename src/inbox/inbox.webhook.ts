import { Injectable } from '@nestjs/common';
import type { AccountChange, UnreadableItem } from '../accounts/account-change.js';
import type { Account } from '../accounts/account.js';
import { counter } from '../common/metrics.js';
import { PeopleService } from '../contacts/people.service.js';
import type { IdentityChange } from '../contacts/person.js';
import type { Tx } from '../database/database.js';
import { Outbox } from '../outbox/outbox.js';
import { ConversationsRepository } from './conversations.repository.js';
import { DeliveriesService, type FoldedMessage } from './deliveries.service.js';
import { readInbound, type ReadChange, type ReadMessage, type ReadStatus, type Readings } from './inbound-reader.js';
import { MessageChanges } from './message-changes.service.js';
import type { ReceivedMessage } from './incoming-messages.repository.js';
import { MessageReceiver } from './message-receiver.js';
import type { StatusEvent } from './statuses.repository.js';

export interface MessagesOutcome {
  /** Messages whose fate changed by a status, for campaigns. */
  folded: FoldedMessage[];
  /** All statuses of the batch, for what they tell of prices. */
  statuses: StatusEvent[];
  /** What people wrote to us just now; campaigns wait for answers. */
  received: ReceivedMessage[];
  /** What could not be read; its neighbours were applied. */
  errors: UnreadableItem[];
}

/** What a change of identity looks like once it was found to be one. */
type IdentityMessage = ReadMessage & { identityChange: NonNullable<ReadMessage['identityChange']> };

const statusesTotal = counter('parley_statuses_total', 'Statuses received', ['status']);
const KNOWN_STATUSES = new Set(['sent', 'delivered', 'read', 'played', 'failed']);

/**
 * The fields `messages`, `standby`, `smb_message_echoes` and `history`: what customers and the business wrote, what was done
 * to it, and the statuses of ours, in batches. Applying a batch again, or in another order, ends the same.
 */
@Injectable()
export class InboxWebhook {
  constructor(
    private readonly people: PeopleService,
    private readonly conversations: ConversationsRepository,
    private readonly receiver: MessageReceiver,
    private readonly changes: MessageChanges,
    private readonly deliveries: DeliveriesService,
    private readonly outbox: Outbox,
  ) {}

  /** Applies a batch in the caller's transaction. */
  async handle(tx: Tx, batch: readonly AccountChange[]): Promise<MessagesOutcome> {
    const readings = readInbound(batch);
    const folded = await this.applyStatuses(tx, readings.statuses);
    const receivedIds: number[] = [];
    for (const [account, items] of byAccount(readings)) {
      const changedPeople = items.messages.filter(isIdentityMessage);
      const written = items.messages.filter((message) => !isIdentityMessage(message));
      receivedIds.push(...(await this.receive(tx, account, written, items.changes)));
      // After the messages: who wrote under the old name just now is found by it.
      await this.receiveIdentityChanges(tx, account, changedPeople);
    }
    await this.outbox.append(
      tx,
      readings.alerts.map(({ account, error }) => ({
        type: 'account.alert' as const,
        accountId: account.id,
        subjectId: account.id,
        payload: { account_id: account.id, kind: 'message_error', error },
      })),
    );
    return {
      folded,
      statuses: readings.statuses.map(({ event }) => event),
      received: await this.receiver.describe(tx, receivedIds),
      errors: readings.unreadable,
    };
  }

  private async applyStatuses(tx: Tx, statuses: readonly ReadStatus[]): Promise<FoldedMessage[]> {
    const folded = await this.deliveries.applyStatuses(
      tx,
      statuses.map(({ event }) => event),
    );
    await this.learn(tx, statuses, folded);
    for (const { event } of statuses) {
      statusesTotal.inc({ status: KNOWN_STATUSES.has(event.status) ? event.status : 'other' });
    }
    return folded;
  }

  /** Statuses tell of user ids and names that an answer of Meta did not. */
  private async learn(tx: Tx, statuses: readonly ReadStatus[], folded: readonly FoldedMessage[]): Promise<void> {
    const contactOf = new Map(folded.map((message) => [`${message.accountId} ${message.wamid}`, message.contactId]));
    // A message has three statuses that say the same of its reader.
    const facts = new Map<Account, Map<string, { contactId: number } & ReadStatus['about']>>();
    for (const { account, event, about } of statuses) {
      const contactId = contactOf.get(`${account.id} ${event.wamid}`);
      // In groups a status is of each participant.
      const isOfContact = event.participant === '';
      if (contactId !== undefined && isOfContact && (about.userId || about.username || about.name)) {
        const known = facts.get(account) ?? new Map<string, { contactId: number } & ReadStatus['about']>();
        facts.set(account, known.set(`${contactId} ${about.userId}`, { ...about, contactId }));
      }
    }
    for (const [account, known] of facts) {
      await this.people.learn(tx, account, [...known.values()]);
    }
  }

  /** @returns the ids of new messages that people wrote to us just now */
  private async receive(
    tx: Tx,
    account: Account,
    messages: readonly ReadMessage[],
    changes: readonly ReadChange[],
  ): Promise<number[]> {
    const contacts = await this.people.ensure(
      tx,
      account,
      [...messages, ...changes].map((item) => item.person),
      { isProof: true },
    );
    const receivedIds = await this.receiver.receive(
      tx,
      account,
      messages.map((message, index) => ({ message, contact: contacts[index] as (typeof contacts)[number] })),
    );
    await this.applyChanges(
      tx,
      account,
      changes,
      contacts.slice(messages.length).map((contact) => contact.contactId),
    );
    return receivedIds;
  }

  private async applyChanges(
    tx: Tx,
    account: Account,
    changes: readonly ReadChange[],
    contactIds: readonly number[],
  ): Promise<void> {
    const added = await this.changes.apply(
      tx,
      changes.map(({ changeId, change, actor, occurredAt }, index) => ({
        ...change,
        accountId: account.id,
        changeId,
        contactId: contactIds[index] as number,
        actor,
        occurredAt,
      })),
    );
    const written = changes.flatMap((change, index) =>
      added.has(change.changeId) && change.actor === 'customer' && change.change.kind === 'reaction'
        ? [{ change, contactId: contactIds[index] as number }]
        : [],
    );
    if (written.length === 0) {
      return;
    }
    // A reaction is something the customer sent: it opens the window, and is no bubble.
    const conversationIds = await this.conversations.ensure(
      tx,
      account.id,
      written.map(({ contactId }) => contactId),
    );
    await this.conversations.touch(
      tx,
      written.map(({ change }, index) => ({
        conversationId: conversationIds[index] as number,
        messageId: null,
        at: change.occurredAt,
        unread: 0,
        isInbound: true,
      })),
    );
  }

  /** Meta's system messages: the person has another phone or user id, and the thread stays theirs. */
  private async receiveIdentityChanges(tx: Tx, account: Account, messages: readonly IdentityMessage[]): Promise<void> {
    if (messages.length === 0) {
      return;
    }
    const contacts = await this.people.applyIdentityChanges(tx, account, messages.map(identityChangeOf));
    await this.receiver.receive(
      tx,
      account,
      messages.map((message, index) => ({ message, contact: contacts[index] as (typeof contacts)[number] })),
    );
  }
}

function isIdentityMessage(message: ReadMessage): message is IdentityMessage {
  return message.identityChange !== null;
}

/** The previous user id stands in the system object, the old phone is the sender. */
function identityChangeOf(message: IdentityMessage): IdentityChange {
  const system = message.raw.system as { previous_user_id?: unknown } | undefined;
  const previous = typeof system?.previous_user_id === 'string' ? system.previous_user_id : null;
  return {
    before: { ...message.person, userId: previous ?? message.person.userId },
    after: message.identityChange,
    at: message.timestamp,
  };
}

function byAccount(readings: Readings): Map<Account, { messages: ReadMessage[]; changes: ReadChange[] }> {
  const groups = new Map<number, { account: Account; messages: ReadMessage[]; changes: ReadChange[] }>();
  const groupOf = (account: Account): { messages: ReadMessage[]; changes: ReadChange[] } => {
    const group = groups.get(account.id) ?? { account, messages: [], changes: [] };
    groups.set(account.id, group);
    return group;
  };
  for (const message of readings.messages) {
    groupOf(message.account).messages.push(message);
  }
  for (const change of readings.changes) {
    groupOf(change.account).changes.push(change);
  }
  return new Map(
    [...groups.values()].sort((a, b) => a.account.id - b.account.id).map((group) => [group.account, group]),
  );
}
