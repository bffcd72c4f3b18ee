import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { counter } from '../common/metrics.js';
import { phoneFromWaId } from '../common/phone-number.js';
import type { PersonInput } from '../contacts/person.js';
import { PeopleService } from '../contacts/people.service.js';
import type { Tx } from '../database/database.js';
import { asArray, asObject, idOf, integerOf, textOf, timeOf, type Change, type Json } from '../meta/webhook-payload.js';
import { Outbox } from '../outbox/outbox.js';
import { ConversationsRepository } from './conversations.repository.js';
import { DeliveriesService, type FoldedMessage } from './deliveries.service.js';
import { attemptTokenOf } from './evidence.js';
import type { MessageError } from './message-status.js';
import { IncomingMessagesRepository, type IncomingMessage } from './incoming-messages.repository.js';
import type { StatusEvent } from './statuses.repository.js';

/** A change of the field `messages`, and the account it is for. */
export interface AccountChange {
  account: Account;
  change: Change;
}

/** A message that was read from a payload. */
interface ReadMessage {
  account: Account;
  person: PersonInput;
  wamid: string;
  messageType: string;
  messageBody: string;
  replyToWamid: string | null;
  timestamp: Date;
  raw: Json;
  isBubble: boolean;
  isWritten: boolean;
}

export interface UnreadableItem {
  change: AccountChange;
  error: string;
}

export interface MessagesOutcome {
  /** Messages whose fate changed by a status, for campaigns. */
  folded: FoldedMessage[];
  /** What could not be read, in words, and where; its neighbours were applied. */
  errors: UnreadableItem[];
}

/** Types that change or announce something and are no bubble of their own: they make nothing unread. */
const NO_BUBBLE = new Set(['reaction', 'system', 'edit', 'revoke', 'request_welcome']);

/** Types that WhatsApp makes, not the customer: they open no service window and reopen no conversation. */
const NOT_WRITTEN = new Set(['system', 'request_welcome']);

const received = counter('parley_inbound_messages_total', 'Messages received, by Meta type', ['type']);
const statuses = counter('parley_statuses_total', 'Statuses received', ['status']);

/** The field `messages`: messages of customers and statuses of ours, in batches. */
@Injectable()
export class InboxWebhook {
  constructor(
    private readonly people: PeopleService,
    private readonly conversations: ConversationsRepository,
    private readonly messages: IncomingMessagesRepository,
    private readonly deliveries: DeliveriesService,
    private readonly outbox: Outbox,
  ) {}

  /** Applies a batch in the caller's transaction. Applying it again changes nothing. */
  async handle(tx: Tx, changes: readonly AccountChange[]): Promise<MessagesOutcome> {
    const errors: UnreadableItem[] = [];
    const incoming: ReadMessage[] = [];
    const events: StatusEvent[] = [];
    for (const accountChange of changes) {
      const { account, change } = accountChange;
      for (const item of asArray(change.value.messages)) {
        const message = readMessage(account, change, asObject(item));
        if (typeof message === 'string') {
          errors.push({ change: accountChange, error: message });
        } else {
          incoming.push(message);
        }
      }
      for (const item of asArray(change.value.statuses)) {
        const event = readStatus(account, change, asObject(item));
        if (typeof event === 'string') {
          errors.push({ change: accountChange, error: event });
        } else {
          events.push(event);
        }
      }
    }
    const folded = await this.deliveries.applyStatuses(tx, events);
    await this.receive(tx, incoming);
    for (const event of events) {
      statuses.inc({ status: KNOWN_STATUSES.has(event.status) ? event.status : 'other' });
    }
    return { folded, errors };
  }

  private async receive(tx: Tx, incoming: readonly ReadMessage[]): Promise<void> {
    for (const messages of byAccount(incoming).values()) {
      await this.receiveForAccount(tx, messages);
    }
  }

  private async receiveForAccount(tx: Tx, messages: readonly ReadMessage[]): Promise<void> {
    const account = (messages[0] as ReadMessage).account;
    const people = await this.people.ensure(
      tx,
      account,
      messages.map((message) => message.person),
    );
    const contactIds = people.map((person) => person.contactId);
    const conversationIds = await this.conversations.ensure(tx, account.id, contactIds);
    const rows: IncomingMessage[] = messages.map((message, index) => ({
      accountId: account.id,
      conversationId: conversationIds[index] as number,
      contactId: contactIds[index] as number,
      wamid: message.wamid,
      messageType: message.messageType,
      messageBody: message.messageBody,
      replyToWamid: message.replyToWamid,
      timestamp: message.timestamp,
      rawPayload: message.raw,
    }));
    const inserted = new Map((await this.messages.insertIncoming(tx, rows)).map((row) => [row.wamid, row.id]));
    const added = rows.flatMap((row, index) => {
      const id = inserted.get(row.wamid);
      // A wamid that stands twice in one batch is one message.
      inserted.delete(row.wamid);
      return id === undefined ? [] : [{ id, row, message: messages[index] as ReadMessage }];
    });
    await this.conversations.touch(
      tx,
      added.map(({ id, row, message }) => ({
        conversationId: row.conversationId,
        messageId: id,
        at: row.timestamp,
        unread: message.isBubble ? 1 : 0,
        isInbound: message.isWritten,
      })),
    );
    await this.outbox.append(
      tx,
      added.map(({ id, row }) => ({
        type: 'message.received' as const,
        accountId: account.id,
        subjectId: row.conversationId,
        payload: {
          id,
          message_id: row.wamid,
          conversation_id: row.conversationId,
          contact_id: row.contactId,
          message_type: row.messageType,
        },
      })),
    );
    for (const { message } of added) {
      received.inc({ type: message.messageType });
    }
  }
}

const KNOWN_STATUSES = new Set(['sent', 'delivered', 'read', 'played', 'failed']);

function readMessage(account: Account, change: Change, message: Json | null): ReadMessage | string {
  const wamid = idOf(message?.id);
  if (!message || !wamid) {
    return 'a message without an id';
  }
  const person = readPerson(change.value, message);
  if (!person) {
    return `message ${wamid.slice(0, 60)} does not say from whom it is`;
  }
  const type = typeof message.type === 'string' ? message.type : 'unknown';
  const isText = type === 'text';
  return {
    account,
    person,
    wamid,
    messageType: isText ? 'text' : 'unknown',
    messageBody: isText ? (textOf(asObject(message.text)?.body) ?? '') : '',
    replyToWamid: idOf(asObject(message.context)?.id),
    timestamp: timeOf(message.timestamp, change.receivedAt),
    raw: message,
    isBubble: !NO_BUBBLE.has(type),
    isWritten: !NOT_WRITTEN.has(type),
  };
}

/** Who wrote: `from` is a wa_id, `from_user_id` the BSUID; either may be missing. The profile stands in `contacts[]`. */
function readPerson(value: Json, message: Json): PersonInput | null {
  const waId = idOf(message.from);
  const userId = idOf(message.from_user_id);
  const phone = waId ? phoneFromWaId(waId) : null;
  if (!phone && !userId) {
    return null;
  }
  const profile = asArray(value.contacts)
    .map(asObject)
    .find(
      (contact) =>
        contact !== null &&
        ((waId !== null && idOf(contact.wa_id) === waId) || (userId !== null && idOf(contact.user_id) === userId)),
    );
  return {
    phone,
    userId,
    parentUserId: idOf(message.from_parent_user_id),
    username: textOf(asObject(profile?.profile)?.username, 100)?.replace(/^@/, '') ?? null,
    name: textOf(asObject(profile?.profile)?.name, 255),
  };
}

function readStatus(account: Account, change: Change, status: Json | null): StatusEvent | string {
  const wamid = idOf(status?.id);
  const name = textOf(status?.status, 50);
  if (!status || !wamid || !name) {
    return 'a status without an id or a status';
  }
  return {
    accountId: account.id,
    wamid,
    attemptToken: attemptTokenOf(status.biz_opaque_callback_data),
    status: name,
    participant: idOf(status.recipient_participant_id) ?? idOf(status.recipient_participant_user_id) ?? '',
    occurredAt: timeOf(status.timestamp, change.receivedAt),
    error: readError(asObject(asArray(status.errors)[0])),
    pricing: asObject(status.pricing),
  };
}

function readError(error: Json | null): MessageError | null {
  if (!error) {
    return null;
  }
  const title = textOf(error.title, 1_000) ?? textOf(error.message, 1_000) ?? 'Failed';
  return {
    code: integerOf(error.code),
    title,
    details: textOf(asObject(error.error_data)?.details, 1_000) ?? title,
  };
}

function byAccount(messages: readonly ReadMessage[]): Map<number, ReadMessage[]> {
  const groups = new Map<number, ReadMessage[]>();
  for (const message of messages) {
    const group = groups.get(message.account.id);
    if (group) {
      group.push(message);
    } else {
      groups.set(message.account.id, [message]);
    }
  }
  return new Map([...groups].sort(([a], [b]) => a - b));
}
