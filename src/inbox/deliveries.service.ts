import { Injectable } from '@nestjs/common';
import { ConsentService, type ConsentChange } from '../contacts/consent.service.js';
import type { Queryable, Tx } from '../database/database.js';
import { Outbox, type OutboxEvent } from '../outbox/outbox.js';
import { ConversationsRepository } from './conversations.repository.js';
import { MessageChanges } from './message-changes.service.js';
import type { RecordedChange } from './message-changes.repository.js';
import { messageEvent } from './message-events.js';
import { fold, isSameFate, type Evidence, type MessageError, type MessageStatus } from './message-status.js';
import {
  MessagesRepository,
  type Addressee,
  type LockedMessage,
  type MessageKey,
  type OutgoingMessage,
} from './messages.repository.js';
import { MessagePrices, type Charge, type PricedMessage } from './statistics/message-prices.js';
import { StatusesRepository, type StatusEvent } from './statuses.repository.js';

const STOPPED_MARKETING = 131_050;

/** Evidence about one message, found by its attempt's token or its wamid. */
export interface MessageEvidence extends MessageKey {
  evidence: Evidence;
  /** Its row, where the caller knows it: then it need not be looked for. */
  messageId?: number;
  /** Meta delivered it, and says what it charges. */
  pricing?: Record<string, unknown> | null;
}

/** A message whose fate changed, for those who keep their own account of it (campaigns). */
export interface FoldedMessage {
  id: number;
  accountId: number;
  conversationId: number;
  contactId: number;
  campaignId: number | null;
  campaignRecipientId: number | null;
  wamid: string | null;
  attemptToken: string | null;
  /** Of a message of ours: when it was written down, right before it was posted. */
  timestamp: Date;
  status: MessageStatus;
  /** Meta had it already, and it had not failed since. */
  wasAccepted: boolean;
  sentAt: Date | null;
  deliveredAt: Date | null;
  readAt: Date | null;
  failedAt: Date | null;
  error: MessageError | null;
}

/** An attempt to reach a campaign's recipient. */
export interface RecipientAttempt {
  accountId: number;
  contactId: number;
  campaignRecipientId: number;
  /** Null: none is under way. */
  attemptToken: string | null;
}

/** The way out, for single sends and campaigns alike: stored before Meta is asked, settled by whatever evidence comes. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly messages: MessagesRepository,
    private readonly statuses: StatusesRepository,
    private readonly conversations: ConversationsRepository,
    private readonly changes: MessageChanges,
    private readonly consent: ConsentService,
    private readonly prices: MessagePrices,
    private readonly outbox: Outbox,
  ) {}

  /** Stores messages that are about to be sent. Commit before the request is written. @returns row ids, in order */
  begin(tx: Tx, messages: readonly OutgoingMessage[]): Promise<number[]> {
    return this.messages.insertOutgoing(tx, messages);
  }

  /** Takes back messages that were provably not sent and will be tried again. */
  withdraw(tx: Tx, attemptTokens: readonly string[]): Promise<void> {
    return this.messages.withdraw(tx, attemptTokens);
  }

  /** Messages whose sender died before the answer came. */
  markUnknown(tx: Tx, attemptTokens: readonly string[]): Promise<void> {
    return this.messages.markUnknown(tx, attemptTokens);
  }

  /**
   * Folds evidence (Meta's answers, statuses) into the messages. Any order, any number of times.
   * @returns the messages that changed; unknown keys are left out
   */
  async apply(tx: Tx, evidence: readonly MessageEvidence[]): Promise<FoldedMessage[]> {
    if (evidence.length === 0) {
      return [];
    }
    const unnamed = evidence.filter(({ messageId }) => messageId === undefined);
    const found = unnamed.length > 0 ? await this.messages.findIds(tx, unnamed) : [];
    const ids = evidence.map(({ messageId }) => messageId ?? found.shift() ?? null);
    return this.applyTo(tx, evidence, ids);
  }

  /** As {@link apply}, for status webhooks: keeps their history, also of messages nobody here knows (yet). */
  async applyStatuses(tx: Tx, events: readonly StatusEvent[]): Promise<FoldedMessage[]> {
    if (events.length === 0) {
      return [];
    }
    const ids = await this.messages.findIds(tx, events);
    await this.statuses.record(
      tx,
      events.map((event, index) => ({ ...event, isApplied: ids[index] !== null })),
    );
    return this.applyTo(tx, events.map(toEvidence), ids);
  }

  /** Whether there may be anything for {@link applyWaiting}: cheap, for it is asked every second. */
  hasWaiting(q: Queryable): Promise<boolean> {
    return this.statuses.hasWaiting(q);
  }

  /** Statuses that came before their message: found again once it is there. */
  async applyWaiting(tx: Tx, limit: number): Promise<{ folded: FoldedMessage[]; statuses: StatusEvent[] }> {
    const statuses = await this.statuses.takeWaiting(tx, limit);
    return { folded: await this.apply(tx, statuses.map(toEvidence)), statuses };
  }

  /** What Meta took of other attempts at the same recipients: a recipient that was tried again may be reached twice. */
  async acceptedBeside(tx: Tx, attempts: readonly RecipientAttempt[]): Promise<FoldedMessage[]> {
    if (attempts.length === 0) {
      return [];
    }
    const found = await this.messages.findAcceptedBeside(tx, attempts);
    return found.map((message) => toFolded(message, message));
  }

  /** Single sends whose process died before the answer: their outcome is not known. @returns how many */
  async abandon(tx: Tx, olderThanS: number, limit: number): Promise<number> {
    const keys = await this.messages.findAbandoned(tx, olderThanS, limit);
    await this.apply(
      tx,
      keys.map((key) => ({ ...key, evidence: { isOutcomeUnknown: true } })),
    );
    return keys.length;
  }

  /** Messages that got too old before Meta was asked: never sent. */
  async expire(tx: Tx, attemptTokens: readonly string[]): Promise<void> {
    await this.announce(tx, await this.messages.expire(tx, attemptTokens));
  }

  /** Tells the world how these messages stand, where no evidence moved them: scheduled, cancelled, expired. */
  async announce(tx: Tx, ids: readonly number[]): Promise<void> {
    if (ids.length === 0) {
      return;
    }
    const messages = [...(await this.messages.lock(tx, ids)).values()];
    if (messages.length > 0) {
      await this.tell(tx, messages, await this.findAddressees(tx, messages));
    }
  }

  private findAddressees(tx: Tx, messages: readonly LockedMessage[]): Promise<Map<number, Addressee>> {
    return this.messages.findAddressees(
      tx,
      messages.map((message) => message.id),
    );
  }

  private async tell(
    tx: Tx,
    messages: readonly LockedMessage[],
    addressees: ReadonlyMap<number, Addressee>,
  ): Promise<void> {
    await this.outbox.append(
      tx,
      messages.map((message) => toEvent(message, addressees.get(message.id))),
    );
  }

  private async applyTo(
    tx: Tx,
    evidence: readonly MessageEvidence[],
    ids: readonly (number | null)[],
  ): Promise<FoldedMessage[]> {
    const known = [...new Set(ids.filter((id): id is number => id !== null))];
    if (known.length === 0) {
      return [];
    }
    const locked = await this.messages.lock(tx, known);
    const changed = new Map<number, LockedMessage>();
    const before = new Map<number, LockedMessage>();
    const pricing = new Map<number, Record<string, unknown>>();
    for (const [index, item] of evidence.entries()) {
      const message = locked.get(ids[index] ?? 0);
      if (!message) {
        continue;
      }
      const fate = fold(message.fate, item.evidence);
      const wamid = message.wamid ?? item.wamid;
      const isCharged = message.isCharged || (item.pricing ?? null) !== null;
      if (isSameFate(fate, message.fate) && wamid === message.wamid && isCharged === message.isCharged) {
        continue;
      }
      if (item.pricing && !message.isCharged) {
        pricing.set(message.id, item.pricing);
      }
      before.set(message.id, before.get(message.id) ?? message);
      const next = { ...message, fate, wamid, isCharged };
      locked.set(message.id, next);
      changed.set(message.id, next);
    }
    const messages = [...changed.values()].sort((a, b) => a.id - b.id);
    if (messages.length === 0) {
      return [];
    }
    const addressees = await this.findAddressees(tx, messages);
    const charges = await this.chargesOf(tx, pricing, addressees);
    await this.messages.writeFates(
      tx,
      messages.map((message) => ({
        ...message,
        was: (before.get(message.id) ?? message).fate.status,
        charge: charges.get(message.id) ?? null,
      })),
    );
    // Not by its status: one that failed first and was delivered after all moves its conversation too.
    const sent = messages.filter((message) => message.fate.sentAt && !before.get(message.id)?.fate.sentAt);
    await this.changes.apply(tx, sent.flatMap(toReaction));
    // A customer may react to a message before we know what Meta calls it.
    const named = messages.filter((message) => message.wamid !== null && before.get(message.id)?.wamid === null);
    await this.changes.applyWaiting(
      tx,
      named.map(({ accountId, wamid }) => ({ accountId, wamid: wamid as string })),
    );
    await this.consent.apply(tx, messages.filter((message) => !before.get(message.id)?.fate.error).flatMap(toOptOut));
    await this.conversations.touch(
      tx,
      sent.map((message) => ({
        conversationId: message.conversationId,
        // A reaction is shown at the message it is for, and is nobody's last message.
        messageId: message.messageType === 'reaction' ? null : message.id,
        at: message.timestamp,
        unread: 0,
        isInbound: false,
        answer: isAnswer(message) ? { agent: message.sentBy } : null,
      })),
    );
    await this.tell(
      tx,
      messages.filter((message) => before.get(message.id)?.fate.status !== message.fate.status),
      addressees,
    );
    return messages.map((message) => toFolded(message, before.get(message.id) ?? message));
  }

  private async chargesOf(
    tx: Tx,
    pricing: ReadonlyMap<number, Record<string, unknown>>,
    addressees: ReadonlyMap<number, Addressee>,
  ): Promise<Map<number, Charge>> {
    const priced = [...pricing].map(([id, word]): PricedMessage & { id: number } => ({
      ...(addressees.get(id) ?? { phone: null, userId: null }),
      id,
      pricing: word,
    }));
    const charges = await this.prices.chargesOf(tx, priced);
    return new Map(priced.map(({ id }, index) => [id, charges[index] as Charge]));
  }
}

/** What campaigns send answers nobody, and a reaction is no answer. */
function isAnswer(message: LockedMessage): boolean {
  return message.campaignId === null && message.messageType !== 'reaction';
}

function toEvidence(event: StatusEvent): MessageEvidence {
  return {
    accountId: event.accountId,
    wamid: event.wamid,
    attemptToken: event.attemptToken,
    evidence: evidenceOf(event),
    pricing: isDelivered(event) ? event.pricing : null,
  };
}

/** Meta charges what it delivered: the `pricing` of `sent` says what that would cost. */
function isDelivered({ status, participant }: StatusEvent): boolean {
  return participant === '' && ['delivered', 'read', 'played'].includes(status);
}

/** `played` (voice) says that it was read; a status Meta invents later is kept in the history and changes nothing. */
function evidenceOf(event: StatusEvent): Evidence {
  switch (event.status) {
    case 'sent':
      return { sentAt: event.occurredAt };
    case 'delivered':
      return { deliveredAt: event.occurredAt };
    case 'read':
    case 'played':
      return { readAt: event.occurredAt };
    case 'failed':
      return { failedAt: event.occurredAt, ...(event.error ? { error: event.error } : {}) };
    default:
      return {};
  }
}

function toEvent(message: LockedMessage, addressee: Addressee = { phone: null, userId: null }): OutboxEvent {
  const { status, error } = message.fate;
  const type = status === 'sent' ? 'message.sent' : 'message.status';
  return messageEvent(type, { ...message, ...addressee, status, error });
}

/** A reaction that Meta took: seen from now on at the message it is for. */
function toReaction(message: LockedMessage): RecordedChange[] {
  const { wamid, reactionToWamid, fate } = message;
  if (message.messageType !== 'reaction' || wamid === null || reactionToWamid === null) {
    return [];
  }
  return [
    {
      accountId: message.accountId,
      changeId: wamid,
      targetId: reactionToWamid,
      contactId: message.contactId,
      kind: 'reaction',
      actor: 'business',
      occurredAt: fate.sentAt ?? message.timestamp,
      text: message.reactionEmoji ?? '',
      content: null,
    },
  ];
}

/** Meta refuses marketing to people who stopped it in WhatsApp: then nobody needs to try again. Source: error 131050. */
function toOptOut({ fate, contactId, accountId }: LockedMessage): ConsentChange[] {
  return fate.error?.code === STOPPED_MARKETING && fate.failedAt
    ? [{ contactId, accountId, optedOut: true, at: fate.failedAt, source: 'whatsapp' }]
    : [];
}

const ACCEPTED: ReadonlySet<MessageStatus> = new Set(['sent', 'delivered', 'read']);

function toFolded(message: LockedMessage, before: LockedMessage): FoldedMessage {
  return {
    id: message.id,
    accountId: message.accountId,
    conversationId: message.conversationId,
    contactId: message.contactId,
    campaignId: message.campaignId,
    campaignRecipientId: message.campaignRecipientId,
    wamid: message.wamid,
    attemptToken: message.attemptToken,
    timestamp: message.timestamp,
    status: message.fate.status,
    wasAccepted: ACCEPTED.has(before.fate.status),
    sentAt: message.fate.sentAt,
    deliveredAt: message.fate.deliveredAt,
    readAt: message.fate.readAt,
    failedAt: message.fate.failedAt,
    error: message.fate.error,
  };
}
