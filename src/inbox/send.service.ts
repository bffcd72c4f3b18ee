import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError } from '../common/app-error.js';
import { PeopleService } from '../contacts/people.service.js';
import { Database } from '../database/database.js';
import { isConnectionLoss } from '../database/pg-error.js';
import { everyOne, Together } from '../database/together.js';
import type { SendResponse } from '../meta/api/messages.js';
import type { GraphResult } from '../meta/graph-client.js';
import { ambiguous } from '../meta/graph-error.js';
import { graphProblem } from '../meta/graph-problem.js';
import { TemplateMedia } from '../templates/template-media.service.js';
import { TemplatesService } from '../templates/templates.service.js';
import { DeliveriesService } from './deliveries.service.js';
import { InboxRepository } from './inbox.repository.js';
import { toMessageDto, type MessageRow } from './message.dto.js';
import type { SendTemplateDto } from './send.dto.js';
import { MessagesRepository, type OutgoingMedia } from './messages.repository.js';
import { Attachments } from './sending/attachments.js';
import { Beginnings } from './sending/beginnings.service.js';
import { Dispatch, type Outgoing } from './sending/dispatch.service.js';
import type { SendCommand } from './sending/send-command.js';
import { cardMediaOf, type PreparedTemplate } from './sending/template-message.js';

/** As long as the answers of requests with a key are kept. */
const KEY_KEPT_DAYS = 7;
export interface Sent {
  /** What came of the request; a message may have gone on since. */
  outcome: 'sent' | 'scheduled' | 'cancelled';
  /** Meta's answer; null when only the message is left of it, and while the message waits for its time. */
  result: SendResponse | null;
  message: MessageRow;
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

/**
 * Sends one message, or keeps it for its time, and stores it, whatever comes of it. What goes on at the same time with one
 * number is begun, settled and read together.
 */
@Injectable()
export class SendService {
  private readonly recalling = new Together((keys: readonly [Keyed, ...Keyed[]]) => this.findSent(keys));
  private readonly reading = new Together((wanted: readonly [Wanted, ...Wanted[]]) => this.read(wanted));

  constructor(
    private readonly database: Database,
    private readonly people: PeopleService,
    private readonly deliveries: DeliveriesService,
    private readonly messages: MessagesRepository,
    private readonly inbox: InboxRepository,
    private readonly templates: TemplatesService,
    private readonly templateMedia: TemplateMedia,
    private readonly attachments: Attachments,
    private readonly beginnings: Beginnings,
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
    const outgoing = await this.beginnings.begin(account, command, media);
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
    return { template, cardMedia: await this.templateMedia.known(account, cardMediaOf(template, body)) };
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
    await this.beginnings.requireMayGo(account, command);
    return this.attachments.prepare(account, command.attachment);
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

/** Tells of a message that was sent before, without sending anything. */
function recall(message: MessageRow): Sent {
  if (message.status === 'pending' || message.status === 'unknown') {
    const failure = ambiguous('The request that sent this message died before Meta answered.');
    throw graphProblem(failure, { message: toMessageDto(message) });
  }
  const { status } = message;
  return { outcome: status === 'scheduled' || status === 'cancelled' ? status : 'sent', result: null, message };
}
