import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError, invalidField } from '../common/app-error.js';
import { PeopleService } from '../contacts/people.service.js';
import type { Person } from '../contacts/person.js';
import { Database, type Queryable, type Tx } from '../database/database.js';
import { isConnectionLoss, violatedUniqueKey } from '../database/pg-error.js';
import { Refused, Together } from '../database/together.js';
import type { MessageContent, SendResponse } from '../meta/api/messages.js';
import type { GraphResult } from '../meta/graph-client.js';
import { ambiguous } from '../meta/graph-error.js';
import { graphProblem } from '../meta/graph-problem.js';
import { TemplateMedia } from '../templates/template-media.service.js';
import { TemplatesService } from '../templates/templates.service.js';
import { ConversationsRepository, type ServiceWindow } from './conversations.repository.js';
import { DeliveriesService } from './deliveries.service.js';
import { FlowTokens } from './flow-tokens.service.js';
import { withFlowTokens } from './flow-tokens.js';
import { InboxRepository } from './inbox.repository.js';
import { toMessageDto, type MessageRow } from './message.dto.js';
import type { SendTemplateDto } from './send.dto.js';
import {
  MessagesRepository,
  type OutgoingMedia,
  type OutgoingMessage,
  type ReferredMessage,
} from './messages.repository.js';
import { Attachments, placeMedia } from './sending/attachments.js';
import { Dispatch, type Outgoing } from './sending/dispatch.service.js';
import type { Reference, SendCommand } from './sending/send-command.js';
import { cardMediaOf, type PreparedTemplate } from './sending/template-message.js';

/** Free-form messages may follow a customer's message for this long. Source: Meta's customer service windows page. */
export const SERVICE_WINDOW_HOURS = 24;

/** As long as the answers of requests with a key are kept. */
const KEY_KEPT_DAYS = 7;
const SUGGESTED_TEMPLATES = 20;
/** Of a message for later: what could not be sent for a day (Meta or we were away) is not wanted any more. */
const SCHEDULED_VALID_FOR_S = 86_400;

export interface Sent {
  /** What came of the request; a message may have gone on since. */
  outcome: 'sent' | 'scheduled' | 'cancelled';
  /** Meta's answer; null when only the message is left of it, and while the message waits for its time. */
  result: SendResponse | null;
  message: MessageRow;
}

/** A message that is to begin. */
interface Start {
  account: Account;
  command: SendCommand;
  media: OutgoingMedia | null;
}

/** A request with a key. */
interface Keyed {
  account: Account;
  key: string;
}

/** A message whose row is asked for. */
interface Wanted {
  account: Account;
  id: number;
}

/** The same as {@link Start}, with who it is for. */
interface Thread extends Start {
  person: Person;
  conversationId: number;
}

/**
 * Sends one message, or keeps it for its time, and stores it, whatever comes of it. What goes on at the same time with one
 * number is begun, settled and read together.
 */
@Injectable()
export class SendService {
  private readonly beginning = new Together((starts: readonly [Start, ...Start[]]) => this.beginAll(starts));
  private readonly recalling = new Together((keys: readonly [Keyed, ...Keyed[]]) => this.findSent(keys));
  private readonly reading = new Together((wanted: readonly [Wanted, ...Wanted[]]) => this.read(wanted));

  constructor(
    private readonly database: Database,
    private readonly people: PeopleService,
    private readonly conversations: ConversationsRepository,
    private readonly deliveries: DeliveriesService,
    private readonly messages: MessagesRepository,
    private readonly inbox: InboxRepository,
    private readonly flowTokens: FlowTokens,
    private readonly templates: TemplatesService,
    private readonly templateMedia: TemplateMedia,
    private readonly attachments: Attachments,
    private readonly dispatch: Dispatch,
  ) {}

  /**
   * @throws `contact_blocked`, `outside_service_window` before Meta is asked; `graph_error` with Meta's words;
   *   `graph_outcome_unknown` when no answer came: the message stays `unknown` until a status tells, and must not be sent
   *   again on a guess
   */
  async send(account: Account, command: SendCommand): Promise<Sent> {
    const askedAt = performance.now();
    const earlier = await this.findEarlier(account, command);
    if (earlier) {
      return recall(earlier);
    }
    const media = await this.prepareAttachment(account, command);
    const outgoing = await this.begin(account, command, media);
    if (command.sendAt) {
      const message = await this.inbox.getMessage(this.database, account.id, outgoing.id);
      return { outcome: 'scheduled', result: null, message };
    }
    if (command.validForS !== undefined && performance.now() - askedAt > command.validForS * 1_000) {
      throw await this.expire(account, outgoing);
    }
    const answer = await this.dispatch.post(account, outgoing);
    const message = await this.conclude(account, outgoing, answer);
    if (!answer.ok) {
      throw graphProblem(answer.failure, { message: message ? toMessageDto(message) : { id: outgoing.id } });
    }
    if (!message) {
      // "The database is away, try again" would make the caller send an accepted message a second time.
      const failure = ambiguous('Meta accepted the message, but that could not be stored yet.');
      throw graphProblem(failure, { message: { id: outgoing.id } });
    }
    return { outcome: 'sent', result: answer.body, message };
  }

  /**
   * What sending a template needs: the local copy, if there is one (another variant of the language stands in for one that
   * is not there), and the files of its cards.
   */
  async prepareTemplate(account: Account, body: SendTemplateDto): Promise<PreparedTemplate> {
    const template = await this.templates.findForSend(account.id, body.template_name, body.language);
    const references = template ? cardMediaOf(template, body) : [];
    return { template, cardMedia: await this.templateMedia.known(account, references) };
  }

  /** Stores Meta's answer and reads the message. @returns null when the database stays away */
  private async conclude(
    account: Account,
    outgoing: Outgoing,
    answer: GraphResult<SendResponse>,
  ): Promise<MessageRow | null> {
    try {
      await this.dispatch.settle(account, outgoing, answer);
      return await this.reading.run(account.id, { account, id: outgoing.id });
    } catch (error) {
      if (isConnectionLoss(error)) {
        return null;
      }
      throw error;
    }
  }

  private async findSent(keyed: readonly [Keyed, ...Keyed[]]): Promise<(number | null)[]> {
    const [{ account }] = keyed;
    const keys = keyed.map(({ key }) => key);
    const found = await this.database.transactionByKey((tx) =>
      this.messages.findByIdempotencyKeys(tx, account.id, keys, KEY_KEPT_DAYS),
    );
    return keys.map((key) => found.get(key) ?? null);
  }

  private async read(wanted: readonly [Wanted, ...Wanted[]]): Promise<MessageRow[]> {
    const [{ account }] = wanted;
    const ids = wanted.map(({ id }) => id);
    const rows = await this.database.transactionByKey((tx) => this.inbox.findMessages(tx, account.id, ids));
    const found = new Map(rows.map((row) => [row.id, row]));
    return everyOne(wanted, ({ id }) => {
      const row = found.get(id);
      if (!row) {
        throw new AppError('not_found', 'There is no such message.');
      }
      return row;
    });
  }

  /**
   * What a request with the same key sent, when its answer was not kept: the process died between Meta and the answer, or
   * the request carried a file. The message itself was stored before Meta was asked, so it decides.
   */
  private async findEarlier(account: Account, command: SendCommand): Promise<MessageRow | null> {
    const { idempotencyKey } = command;
    if (idempotencyKey === undefined) {
      return null;
    }
    const id = await this.recalling.run(account.id, { account, key: idempotencyKey });
    if (id === null) {
      return null;
    }
    const message = await this.inbox.getMessage(this.database, account.id, id);
    const person = await this.people.findByAddress(this.database, account, command.to);
    // A template's text is rendered from a copy that may have changed meanwhile.
    const isSameText = command.template !== undefined || message.message_body === command.messageBody;
    if (person?.contactId !== message.contact_id || message.message_type !== command.messageType || !isSameText) {
      throw new AppError(
        'idempotency_key_reused',
        'This Idempotency-Key was used for another request. Make a new one.',
      );
    }
    return message;
  }

  /** A file goes to Meta before its message does, so what would refuse the message is asked first. */
  private async prepareAttachment(account: Account, command: SendCommand): Promise<OutgoingMedia | null> {
    if (!command.attachment) {
      return null;
    }
    if (!command.force) {
      const person = await this.people.findByAddress(this.database, account, command.to);
      requireNotBlocked(person);
      if (needsOpenWindow(command)) {
        const id = person && (await this.inbox.findConversation(this.database, account.id, person.contactId));
        const windows = await this.conversations.serviceWindows(this.database, id ? [id] : [], SERVICE_WINDOW_HOURS);
        await this.requireOpenWindow(account, id ? windows.get(id) : undefined);
      }
    }
    return this.attachments.prepare(account, command.attachment);
  }

  /** Durable before Meta is asked. */
  private async begin(account: Account, command: SendCommand, media: OutgoingMedia | null): Promise<Outgoing> {
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

  /** The request took longer than its message was to live. */
  private async expire(account: Account, outgoing: Outgoing): Promise<AppError> {
    const message = await this.database.transaction(async (tx) => {
      await this.deliveries.expire(tx, [outgoing.attemptToken]);
      return this.inbox.getMessage(tx, account.id, outgoing.id);
    });
    return new AppError('message_expired', 'The message was older than valid_for_s before Meta could be asked.', {
      extra: { message: toMessageDto(message) },
    });
  }
}

/** @throws Refused with those for which it failed, after all were tried */
async function everyOne<T, R>(items: readonly T[], work: (item: T) => R | Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const refused = new Map<number, unknown>();
  for (const [index, item] of items.entries()) {
    try {
      results.push(await work(item));
    } catch (error) {
      if (!(error instanceof AppError)) {
        throw error;
      }
      refused.set(index, error);
    }
  }
  if (refused.size > 0) {
    throw new Refused(refused);
  }
  return results;
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

/** Tells of a message that was sent before, without sending anything. */
function recall(message: MessageRow): Sent {
  if (message.status === 'pending' || message.status === 'unknown') {
    const failure = ambiguous('The request that sent this message died before Meta answered.');
    throw graphProblem(failure, { message: toMessageDto(message) });
  }
  const { status } = message;
  return { outcome: status === 'scheduled' || status === 'cancelled' ? status : 'sent', result: null, message };
}
