import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AppError, invalidField } from '../../common/app-error.js';
import { PeopleService } from '../../contacts/people.service.js';
import type { Person } from '../../contacts/person.js';
import { Database, type Queryable, type Tx } from '../../database/database.js';
import { violatedUniqueKey } from '../../database/pg-error.js';
import { everyOne, Together } from '../../database/together.js';
import type { MessageContent } from '../../meta/api/messages.js';
import { TemplatesService } from '../../templates/templates.service.js';
import { ConversationsRepository, type ServiceWindow } from '../conversations.repository.js';
import { DeliveriesService } from '../deliveries.service.js';
import { FlowTokens } from '../flow-tokens.service.js';
import { withFlowTokens } from '../flow-tokens.js';
import { InboxRepository } from '../inbox.repository.js';
import {
  MessagesRepository,
  type OutgoingMedia,
  type OutgoingMessage,
  type ReferredMessage,
} from '../messages.repository.js';
import { SERVICE_WINDOW_HOURS } from '../service-window.js';
import { placeMedia } from './attachments.js';
import type { Outgoing } from './dispatch.service.js';
import type { Reference, SendCommand } from './send-command.js';

const SUGGESTED_TEMPLATES = 20;
/** Of a message for later: what could not be sent for a day (Meta or we were away) is not wanted any more. */
const SCHEDULED_VALID_FOR_S = 86_400;

/** A message that is to begin. */
interface Start {
  account: Account;
  command: SendCommand;
  media: OutgoingMedia | null;
}

/** The same as {@link Start}, with who it is for. */
interface Thread extends Start {
  person: Person;
  conversationId: number;
}

/** How single messages begin: whether each may go, who and which thread it is for, and its row, before Meta is asked. */
@Injectable()
export class Beginnings {
  private readonly beginning = new Together((starts: readonly [Start, ...Start[]]) => this.beginAll(starts));

  constructor(
    private readonly database: Database,
    private readonly people: PeopleService,
    private readonly conversations: ConversationsRepository,
    private readonly deliveries: DeliveriesService,
    private readonly messages: MessagesRepository,
    private readonly inbox: InboxRepository,
    private readonly flowTokens: FlowTokens,
    private readonly templates: TemplatesService,
  ) {}

  /** As {@link begin} will have it, for those who have work to do before: stores nothing. */
  async requireMayGo(account: Account, command: SendCommand): Promise<void> {
    if (command.force) {
      return;
    }
    const person = await this.people.findByAddress(this.database, account, command.to);
    requireNotBlocked(person);
    if (needsOpenWindow(command)) {
      const id = person && (await this.inbox.findConversation(this.database, account.id, person.contactId));
      const windows = await this.conversations.serviceWindows(this.database, id ? [id] : [], SERVICE_WINDOW_HOURS);
      await this.requireOpenWindow(account, id ? windows.get(id) : undefined);
    }
  }

  /**
   * Durable before Meta is asked.
   * @throws `contact_blocked`, `outside_service_window`, `client_ref_taken`, `idempotency_in_progress`, and what is wrong with
   *   the message that is quoted
   */
  async begin(account: Account, command: SendCommand, media: OutgoingMedia | null): Promise<Outgoing> {
    try {
      return await this.beginning.run(account.id, { account, command, media });
    } catch (error) {
      throw translated(error, command);
    }
  }

  /** @throws Refused when some may not be sent: a transaction that ends well leaves a person and a thread behind for each */
  private beginAll(starts: readonly [Start, ...Start[]]): Promise<Outgoing[]> {
    const [{ account }] = starts;
    return this.database.transactionByKey(async (tx) => {
      const people = await this.people.ensure(
        tx,
        account,
        starts.map(({ command: { to } }) => ({
          phone: 'phone' in to ? to.phone : null,
          userId: 'userId' in to ? to.userId : null,
        })),
      );
      const conversationIds = await this.conversations.ensure(
        tx,
        account.id,
        people.map(({ contactId }) => contactId),
      );
      const threads = starts.map((start, index) => ({
        ...start,
        person: people[index] as Person,
        conversationId: conversationIds[index] as number,
      }));
      const windows = await this.windowsOf(tx, threads);
      const prepared = await everyOne(threads, (thread) => this.prepare(tx, thread, windows));
      const ids = await this.deliveries.begin(
        tx,
        prepared.map(({ message }) => message),
      );
      const outgoing = prepared.map((one, index) => ({ ...one.outgoing, id: ids[index] as number }));
      for (const [index, { id, contactId, content }] of outgoing.entries()) {
        const { template } = (starts[index] as Start).command;
        await this.flowTokens.note(tx, { id, accountId: account.id, contactId, template }, content);
      }
      await this.deliveries.announce(
        tx,
        ids.filter((_id, index) => starts[index]?.command.sendAt),
      );
      return outgoing;
    });
  }

  /** What is to be stored and posted, if it may be. */
  private async prepare(
    tx: Tx,
    { account, command, media, person, conversationId }: Thread,
    windows: ReadonlyMap<number, ServiceWindow>,
  ): Promise<{ message: OutgoingMessage; outgoing: Omit<Outgoing, 'id'> }> {
    const { contactId } = person;
    if (!command.force) {
      requireNotBlocked(person);
    }
    if (needsOpenWindow(command)) {
      await this.requireOpenWindow(account, windows.get(conversationId));
    }
    const replyTo = command.replyTo ? await this.requireReferred(tx, account, contactId, command.replyTo) : null;
    const reaction = command.reaction
      ? {
          emoji: command.reaction.emoji,
          toWamid: (await this.requireReferred(tx, account, contactId, command.reaction.to)).wamid,
        }
      : null;
    const content = withFlowTokens(contentOf(command, media, reaction));
    const attemptToken = randomUUID();
    const replyToWamid = replyTo?.wamid ?? null;
    return {
      message: {
        accountId: account.id,
        conversationId,
        contactId,
        messageType: command.messageType,
        messageBody: command.messageBody,
        attemptToken,
        content,
        templateName: command.template?.name ?? null,
        templateLanguage: command.template?.language ?? null,
        replyToId: replyTo?.id ?? null,
        replyToWamid,
        clientRef: command.clientRef ?? null,
        sentBy: command.sentBy ?? null,
        idempotencyKey: command.idempotencyKey ?? null,
        location: command.location ?? null,
        media,
        reaction,
        // Whoever sends it later asks of block and window again.
        context: command.sendAt && command.force ? { force: true } : null,
        sendAt: command.sendAt ?? null,
        validForS: command.validForS ?? (command.sendAt ? SCHEDULED_VALID_FOR_S : null),
      },
      outgoing: {
        contactId,
        to: command.to,
        content,
        replyToWamid,
        ownMediaId: media?.fileId ? media.mediaId : null,
        attemptToken,
      },
    };
  }

  private async windowsOf(q: Queryable, threads: readonly Thread[]): Promise<Map<number, ServiceWindow>> {
    const asked = threads.filter(({ command }) => needsOpenWindow(command));
    const ids = asked.map(({ conversationId }) => conversationId);
    return ids.length > 0 ? this.conversations.serviceWindows(q, ids, SERVICE_WINDOW_HOURS) : new Map();
  }

  private async requireOpenWindow(account: Account, window: ServiceWindow | undefined): Promise<void> {
    if (window?.isOpen) {
      return;
    }
    throw new AppError(
      'outside_service_window',
      'The customer has not written within 24 hours, so Meta takes only templates. Send one of them, or wait for a message.',
      {
        extra: {
          service_window_expires_at: window?.expiresAt?.toISOString() ?? null,
          templates: await this.templates.listApprovedNames(account.id, SUGGESTED_TEMPLATES),
        },
      },
    );
  }

  /** The message that is answered or reacted to. A wamid nobody here knows is still good for Meta. */
  private async requireReferred(
    tx: Tx,
    account: Account,
    contactId: number,
    { field, reference }: Reference,
  ): Promise<{ id: number | null; wamid: string }> {
    const referred = await this.messages.findReferred(tx, account.id, reference);
    if (!referred) {
      if (!reference.startsWith('wamid.')) {
        throw invalidField(field, 'not_found', `${field} names no message of this account`);
      }
      return { id: null, wamid: reference };
    }
    return { id: referred.id, wamid: requireQuotable(referred, contactId, field) };
  }
}

/** Meta would refuse it; so it is not asked, unless the caller insists. */
function requireNotBlocked(person: Person | null): void {
  if (person?.isBlocked) {
    throw new AppError(
      'contact_blocked',
      'You have blocked this person with this number. Unblock first: DELETE /unblock/ (force=true asks Meta all the same).',
      { extra: { contact_id: person.contactId } },
    );
  }
}

function needsOpenWindow(command: SendCommand): boolean {
  // What is sent later is asked of then: the customer may write in between.
  return command.isFreeForm && !command.force && !command.sendAt;
}

function contentOf(
  { content }: SendCommand,
  media: OutgoingMedia | null,
  reaction: { emoji: string; toWamid: string } | null,
): MessageContent {
  if (reaction) {
    return { ...content, reaction: { message_id: reaction.toWamid, emoji: reaction.emoji } };
  }
  return media ? placeMedia(content, media) : content;
}

function requireQuotable(message: ReferredMessage, contactId: number, field: string): string {
  if (message.contactId !== contactId) {
    throw invalidField(field, 'other_conversation', `${field} names a message of another conversation`);
  }
  if (message.wamid === null) {
    throw invalidField(field, 'not_sent', `${field} names a message that has not reached WhatsApp`);
  }
  return message.wamid;
}

function translated(error: unknown, command: SendCommand): unknown {
  switch (violatedUniqueKey(error)) {
    case 'messages_account_id_client_ref_key':
      return new AppError('client_ref_taken', `A message with client_ref "${command.clientRef}" exists.`);
    case 'messages_account_id_idempotency_key_key':
      return new AppError('idempotency_in_progress', 'A request with this Idempotency-Key is still running.', {
        retryAfterS: 1,
      });
    default:
      return error;
  }
}
