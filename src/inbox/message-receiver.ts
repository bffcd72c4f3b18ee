import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { counter } from '../common/metrics.js';
import { ConsentService } from '../contacts/consent.service.js';
import type { Tx } from '../database/database.js';
import { MediaService } from '../media/media.service.js';
import { Outbox } from '../outbox/outbox.js';
import { ConversationsRepository } from './conversations.repository.js';
import type { ReadMessage } from './inbound-reader.js';
import {
  IncomingMessagesRepository,
  type IncomingMessage,
  type ReceivedMessage,
} from './incoming-messages.repository.js';
import { MessageChanges } from './message-changes.service.js';
import { messageEvent } from './message-events.js';

/** A message, and the contact in whose thread it stands. */
export interface AddressedMessage {
  message: ReadMessage;
  contact: { contactId: number; phone: string | null; userId: string | null };
}

/** Of a message that is new here. */
interface AddedMessage extends AddressedMessage {
  id: number;
  row: IncomingMessage;
}

const received = counter('parley_inbound_messages_total', 'Messages received, by type', ['type']);

/** Types that WhatsApp makes, not the customer: they open no service window, reopen nothing and are not unread. */
const NOT_WRITTEN = new Set(['system', 'request_welcome']);

/** Puts messages that came by webhook into their threads, in batches of one account. */
@Injectable()
export class MessageReceiver {
  constructor(
    private readonly conversations: ConversationsRepository,
    private readonly messages: IncomingMessagesRepository,
    private readonly changes: MessageChanges,
    private readonly media: MediaService,
    private readonly consent: ConsentService,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Stores what is not there yet, with all that follows from it: applying a message again changes nothing.
   * @returns the ids of new messages that people wrote to us just now
   */
  async receive(tx: Tx, account: Account, addressed: readonly AddressedMessage[]): Promise<number[]> {
    if (addressed.length === 0) {
      return [];
    }
    const rows = await this.rowsOf(tx, account, addressed);
    // A wamid that stands twice in one batch is one message.
    const first = new Map<string, IncomingMessage>();
    rows.forEach((row) => first.set(row.wamid, first.get(row.wamid) ?? row));
    const ids = new Map((await this.messages.insert(tx, [...first.values()])).map((row) => [row.wamid, row.id]));
    const added = addressed.flatMap((item, index): AddedMessage[] => {
      const row = rows[index] as IncomingMessage;
      const id = first.get(row.wamid) === row ? ids.get(row.wamid) : undefined;
      return id === undefined ? [] : [{ ...item, id, row }];
    });
    await this.fillPlaceholders(tx, addressed, rows);
    await this.changes.applyWaiting(
      tx,
      added.map(({ row }) => ({ accountId: account.id, wamid: row.wamid })),
    );
    await this.applyConsent(tx, account, added);
    await this.conversations.touch(tx, added.map(touchOf));
    await this.outbox.append(
      tx,
      // A history of thousands of messages is no news.
      added.filter(({ message }) => message.source !== 'history').map(eventOf),
    );
    if (added.some(({ row }) => row.mediaFileId !== null)) {
      tx.afterCommit(() => void this.media.wake());
    }
    for (const { row } of added) {
      received.inc({ type: row.content.messageType });
    }
    return added.filter(({ message }) => isNews(message)).map(({ id }) => id);
  }

  /** What came in, when the whole batch is applied. */
  async describe(tx: Tx, ids: readonly number[]): Promise<ReceivedMessage[]> {
    return ids.length === 0 ? [] : this.messages.findReceived(tx, ids);
  }

  private async rowsOf(tx: Tx, account: Account, addressed: readonly AddressedMessage[]): Promise<IncomingMessage[]> {
    const conversationIds = await this.conversations.ensure(
      tx,
      account.id,
      addressed.map(({ contact }) => contact.contactId),
    );
    const files = await this.announceMedia(tx, account, addressed);
    return addressed.map(({ message, contact }, index) => ({
      accountId: account.id,
      conversationId: conversationIds[index] as number,
      contactId: contact.contactId,
      wamid: message.wamid,
      direction: message.direction,
      status: message.status,
      content: contentOf(message),
      mediaFileId: files.get(message) ?? null,
      timestamp: message.timestamp,
      rawPayload: message.raw,
    }));
  }

  /** The file is fetched later; the message is visible at once. */
  private async announceMedia(
    tx: Tx,
    account: Account,
    addressed: readonly AddressedMessage[],
  ): Promise<Map<ReadMessage, number>> {
    const withMedia = addressed.flatMap(({ message }) =>
      message.content.media ? [{ message, media: message.content.media }] : [],
    );
    if (withMedia.length === 0) {
      return new Map();
    }
    const ids = await this.media.announce(
      tx,
      account.id,
      withMedia.map(({ message, media }) => ({ ...media, receivedAt: message.timestamp })),
    );
    return new Map(withMedia.map(({ message }, index) => [message, ids[index] as number]));
  }

  /** Media of the history comes by itself, before or after the message it belongs to. */
  private async fillPlaceholders(
    tx: Tx,
    addressed: readonly AddressedMessage[],
    rows: readonly IncomingMessage[],
  ): Promise<void> {
    const media = rows.filter(
      (row, index) => addressed[index]?.message.source === 'history' && row.content.media !== null,
    );
    if (media.length > 0) {
      await this.messages.fillPlaceholders(tx, media);
    }
  }

  /** STOP and START, in the words of many languages, where a person wrote them to us just now. */
  private async applyConsent(tx: Tx, account: Account, added: readonly AddedMessage[]): Promise<void> {
    const changes = added.flatMap(({ message, row }) => {
      const intent =
        message.direction === 'inbound' && message.source !== 'history' && isWritten(message)
          ? this.consent.intentOf(row.content.messageBody)
          : null;
      return intent === null
        ? []
        : [
            {
              contactId: row.contactId,
              accountId: account.id,
              optedOut: intent === 'opt_out',
              at: row.timestamp,
              source: 'keyword',
            },
          ];
    });
    if (changes.length > 0) {
      await this.consent.apply(tx, changes);
    }
  }
}

function contentOf(message: ReadMessage): IncomingMessage['content'] {
  return message.source === 'standby'
    ? { ...message.content, context: { ...message.content.context, standby: true } }
    : message.content;
}

function isWritten(message: ReadMessage): boolean {
  return !NOT_WRITTEN.has(message.type);
}

/** In standby someone else answers; what is from before the connection was read long ago. */
function isNews(message: ReadMessage): boolean {
  return message.direction === 'inbound' && isWritten(message) && message.source === 'live';
}

function touchOf({ id, row, message }: AddedMessage): Parameters<ConversationsRepository['touch']>[1][number] {
  const isFromCustomer = message.direction === 'inbound' && isWritten(message);
  return {
    conversationId: row.conversationId,
    messageId: id,
    at: row.timestamp,
    unread: isNews(message) ? 1 : 0,
    isInbound: isFromCustomer,
    reopens: isNews(message),
    // Somebody of the business answered in the WhatsApp app.
    answer: message.source === 'echo' ? { agent: null } : null,
  };
}

function eventOf({ id, row, message, contact }: AddedMessage): ReturnType<typeof messageEvent> {
  return messageEvent(message.direction === 'inbound' ? 'message.received' : 'message.sent', {
    id,
    accountId: row.accountId,
    conversationId: row.conversationId,
    contactId: row.contactId,
    phone: contact.phone,
    userId: contact.userId,
    wamid: row.wamid,
    messageType: row.content.messageType,
    messageBody: row.content.messageBody,
    direction: row.direction,
    status: row.status,
    timestamp: row.timestamp,
  });
}
