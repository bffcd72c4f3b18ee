import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError } from '../common/app-error.js';
import { phoneFromWaId } from '../common/phone-number.js';
import { sleep } from '../common/sleep.js';
import { PeopleService } from '../contacts/people.service.js';
import { Database, type Tx } from '../database/database.js';
import { isConnectionLoss, violatedUniqueKey } from '../database/pg-error.js';
import { MessagesApi, type MessageContent, type SendResponse } from '../meta/api/messages.js';
import type { GraphResult } from '../meta/graph-client.js';
import { ambiguous } from '../meta/graph-error.js';
import { graphProblem } from '../meta/graph-problem.js';
import type { Template } from '../templates/template.js';
import { TemplatesService } from '../templates/templates.service.js';
import type { Address } from './address.js';
import { ConversationsRepository } from './conversations.repository.js';
import { DeliveriesService } from './deliveries.service.js';
import { callbackDataOf, evidenceOfAnswer } from './evidence.js';
import { InboxRepository } from './inbox.repository.js';
import { toMessageDto, type MessageRow } from './message.dto.js';
import { MessagesRepository } from './messages.repository.js';

/** Free-form messages may follow a customer's message for this long. Source: Meta's customer service windows page. */
export const SERVICE_WINDOW_HOURS = 24;

/** As long as the answers of requests with a key are kept. */
const KEY_KEPT_DAYS = 7;
const SETTLE_ATTEMPTS = 5;
const SUGGESTED_TEMPLATES = 20;

export interface SendCommand {
  to: Address;
  messageType: string;
  messageBody: string;
  content: MessageContent;
  /** wamid or local id of the message that is answered. */
  replyTo?: string | undefined;
  clientRef?: string | undefined;
  sentBy?: string | undefined;
  /** Of the request: a message that was sent with it is not sent again. */
  idempotencyKey?: string | undefined;
  template?: { name: string; language: string };
  location?: { latitude: number; longitude: number; name: string; address: string };
  /** Templates may be sent any time; everything else only inside the service window. */
  isFreeForm: boolean;
  /** Ask Meta although the window is closed. */
  force?: boolean | undefined;
}

export interface Sent {
  /** Meta's answer; null when only the message is left of it. */
  result: SendResponse | null;
  message: MessageRow;
}

/** Sends one message and stores it, whatever comes of it. */
@Injectable()
export class SendService {
  constructor(
    private readonly database: Database,
    private readonly people: PeopleService,
    private readonly conversations: ConversationsRepository,
    private readonly deliveries: DeliveriesService,
    private readonly messages: MessagesRepository,
    private readonly inbox: InboxRepository,
    private readonly templates: TemplatesService,
    private readonly messagesApi: MessagesApi,
  ) {}

  /**
   * @throws `outside_service_window` before Meta is asked; `graph_error` with Meta's words; `graph_outcome_unknown` when
   *   no answer came: the message stays `unknown` until a status tells, and must not be sent again on a guess
   */
  async send(account: Account, command: SendCommand): Promise<Sent> {
    const earlier = await this.findEarlier(account, command.idempotencyKey);
    if (earlier) {
      return recall(earlier);
    }
    const attemptToken = randomUUID();
    const started = await this.begin(account, command, attemptToken);
    const answer = await this.messagesApi.send(account, {
      to: command.to,
      content: command.content,
      replyTo: started.replyToWamid,
      callbackData: callbackDataOf(attemptToken),
    });
    const message = await this.conclude(account, attemptToken, started, answer);
    if (!answer.ok) {
      throw graphProblem(answer.failure, { message: message ? toMessageDto(message) : { id: started.messageId } });
    }
    if (!message) {
      // "The database is away, try again" would make the caller send an accepted message a second time.
      const failure = ambiguous('Meta accepted the message, but that could not be stored yet.');
      throw graphProblem(failure, { message: { id: started.messageId } });
    }
    return { result: answer.body, message };
  }

  /** Stores Meta's answer and reads the message. @returns null when the database stays away */
  private async conclude(
    account: Account,
    attemptToken: string,
    started: { messageId: number; contactId: number },
    answer: GraphResult<SendResponse>,
  ): Promise<MessageRow | null> {
    try {
      await this.settle(account, attemptToken, started.contactId, answer);
      return await this.inbox.getMessage(this.database, account.id, started.messageId);
    } catch (error) {
      if (isConnectionLoss(error)) {
        return null;
      }
      throw error;
    }
  }

  /**
   * What a request with the same key sent, when its answer was not kept: the process died between Meta and the answer. The
   * message itself was stored before Meta was asked, so it decides.
   */
  private async findEarlier(account: Account, idempotencyKey: string | undefined): Promise<MessageRow | null> {
    if (idempotencyKey === undefined) {
      return null;
    }
    const id = await this.messages.findByIdempotencyKey(this.database, account.id, idempotencyKey, KEY_KEPT_DAYS);
    return id === null ? null : this.inbox.getMessage(this.database, account.id, id);
  }

  /** The local copy of a template, if there is one. */
  findTemplate(account: Account, name: string, language: string): Promise<Template | null> {
    return this.templates.findByName(this.database, account.id, name, language);
  }

  private async begin(
    account: Account,
    command: SendCommand,
    attemptToken: string,
  ): Promise<{ messageId: number; contactId: number; replyToWamid: string | null }> {
    try {
      return await this.database.transaction(async (tx) => {
        const [person] = await this.people.ensure(tx, account, [
          {
            phone: 'phone' in command.to ? command.to.phone : null,
            userId: 'userId' in command.to ? command.to.userId : null,
          },
        ]);
        if (!person) {
          throw new Error('A person was asked for and none came');
        }
        const [conversationId] = await this.conversations.ensure(tx, account.id, [person.contactId]);
        if (conversationId === undefined) {
          throw new Error('A conversation was asked for and none came');
        }
        if (command.isFreeForm && !command.force) {
          await this.requireOpenWindow(tx, account, conversationId);
        }
        const replyTo =
          command.replyTo === undefined ? null : await this.inbox.findQuoted(tx, account.id, command.replyTo);
        const [messageId] = await this.deliveries.begin(tx, [
          {
            accountId: account.id,
            conversationId,
            contactId: person.contactId,
            messageType: command.messageType,
            messageBody: command.messageBody,
            attemptToken,
            content: command.content,
            templateName: command.template?.name ?? null,
            templateLanguage: command.template?.language ?? null,
            replyToId: replyTo?.id ?? null,
            clientRef: command.clientRef ?? null,
            sentBy: command.sentBy ?? null,
            idempotencyKey: command.idempotencyKey ?? null,
            location: command.location ?? null,
          },
        ]);
        return { messageId: messageId as number, contactId: person.contactId, replyToWamid: replyTo?.wamid ?? null };
      });
    } catch (error) {
      if (violatedUniqueKey(error) === 'messages_account_id_client_ref_key') {
        throw new AppError('client_ref_taken', `A message with client_ref "${command.clientRef}" exists.`);
      }
      if (violatedUniqueKey(error) === 'messages_account_id_idempotency_key_key') {
        throw new AppError('idempotency_in_progress', 'A request with this Idempotency-Key is still running.', {
          retryAfterS: 1,
        });
      }
      throw error;
    }
  }

  private async requireOpenWindow(tx: Tx, account: Account, conversationId: number): Promise<void> {
    const window = await this.conversations.serviceWindow(tx, conversationId, SERVICE_WINDOW_HOURS);
    if (window.isOpen) {
      return;
    }
    throw new AppError(
      'outside_service_window',
      'The customer has not written within 24 hours, so Meta takes only templates. Send one of them, or wait for a message.',
      {
        extra: {
          service_window_expires_at: window.expiresAt?.toISOString() ?? null,
          templates: await this.templates.listApprovedNames(account.id, SUGGESTED_TEMPLATES),
        },
      },
    );
  }

  /**
   * Stores what came of it. The answer is in our hands and nowhere else: a database that is away for a moment must not turn
   * an accepted message into an unknown one.
   */
  private async settle(
    account: Account,
    attemptToken: string,
    contactId: number,
    answer: GraphResult<SendResponse>,
  ): Promise<void> {
    const waId = answer.ok ? answer.body.contacts?.[0]?.wa_id : undefined;
    const alias = waId === undefined ? null : phoneFromWaId(waId);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.database.transaction(async (tx) => {
          await this.deliveries.apply(tx, [
            {
              accountId: account.id,
              wamid: answer.ok ? (answer.body.messages[0]?.id ?? null) : null,
              attemptToken,
              evidence: evidenceOfAnswer(answer, new Date()),
            },
          ]);
          if (alias) {
            await this.people.linkPhones(tx, [{ contactId, phone: alias }]);
          }
        });
        return;
      } catch (error) {
        if (attempt >= SETTLE_ATTEMPTS || !isConnectionLoss(error)) {
          throw error;
        }
        await sleep(200 * attempt);
      }
    }
  }
}

/** Tells of a message that was sent before, without sending anything. */
function recall(message: MessageRow): Sent {
  if (message.status === 'pending' || message.status === 'unknown') {
    const failure = ambiguous('The request that sent this message died before Meta answered.');
    throw graphProblem(failure, { message: toMessageDto(message) });
  }
  return { result: null, message };
}
