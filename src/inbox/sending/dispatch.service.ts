import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { phoneFromWaId } from '../../common/phone-number.js';
import { sleep } from '../../common/sleep.js';
import { PeopleService } from '../../contacts/people.service.js';
import type { PersonFact } from '../../contacts/person.js';
import { Database } from '../../database/database.js';
import { isConnectionLoss } from '../../database/pg-error.js';
import { Together } from '../../database/together.js';
import { MessagesApi, type MessageContent, type Recipient, type SendResponse } from '../../meta/api/messages.js';
import type { GraphResult } from '../../meta/graph-client.js';
import { DeliveriesService, type MessageEvidence } from '../deliveries.service.js';
import { callbackDataOf, evidenceOfAnswer } from '../evidence.js';
import { MessagesRepository, type OutgoingMedia } from '../messages.repository.js';
import { Attachments, placeMedia } from './attachments.js';
import { NumberTurns } from './number-turns.js';

const SETTLE_ATTEMPTS = 5;
const SETTLE_RETRY_MS = 200;

/** A stored message whose turn it is. */
export interface Outgoing {
  id: number;
  contactId: number;
  to: Recipient;
  content: MessageContent;
  /** wamid of what is quoted. */
  replyToWamid: string | null;
  /** Meta's id of its file, where the file is ours; else null. */
  ownMediaId: string | null;
  attemptToken: string;
}

/** A message that was answered, with what the answer tells. */
interface Answered {
  account: Account;
  evidence: MessageEvidence;
  fact: PersonFact | null;
}

/** Meta's refusals of a media id that it does not know (any more). */
const FILE_REFUSED: readonly (number | null)[] = [100, 131009, 131053];

/** The way to Meta and back for single messages, sent now or later. */
@Injectable()
export class Dispatch {
  private readonly settling = new Together((answered: readonly [Answered, ...Answered[]]) => this.store(answered));

  constructor(
    private readonly database: Database,
    private readonly people: PeopleService,
    private readonly deliveries: DeliveriesService,
    private readonly messages: MessagesRepository,
    private readonly attachments: Attachments,
    private readonly messagesApi: MessagesApi,
    private readonly turns: NumberTurns,
  ) {}

  /**
   * Asks Meta, once. The message must be committed as pending: whoever dies here leaves it to the sweeper. A refusal is proof
   * that nothing was sent, so where Meta has dropped files that are kept here, it gets them again and is asked again.
   */
  async post(account: Account, message: Outgoing): Promise<GraphResult<SendResponse>> {
    const answer = await this.ask(account, message);
    if (answer.ok || !FILE_REFUSED.includes(answer.failure.code)) {
      return answer;
    }
    const { ownMediaId } = message;
    const media = ownMediaId === null ? null : await this.attachments.renew(account, ownMediaId);
    const content = await this.attachments.renewCards(account, message.content);
    return media || content !== message.content
      ? this.ask(account, await this.withFiles(message, media, content))
      : answer;
  }

  /**
   * The message with other ids of its files, stored before Meta is asked.
   * @param media its own file; null: as it was
   * @param content with the files of its cards in place
   */
  async withFiles<T extends Outgoing>(message: T, media: OutgoingMedia | null, content: MessageContent): Promise<T> {
    const files = {
      content: media ? placeMedia(content, media) : content,
      ownMediaId: media?.mediaId ?? message.ownMediaId,
    };
    await this.messages.replaceFiles(this.database, message.attemptToken, files.content, media?.mediaId ?? null);
    return { ...message, ...files };
  }

  private async ask(account: Account, message: Outgoing): Promise<GraphResult<SendResponse>> {
    const turn = await this.turns.take(account.id);
    try {
      return await this.messagesApi.send(account, {
        to: message.to,
        content: message.content,
        replyTo: message.replyToWamid,
        callbackData: callbackDataOf(message.attemptToken),
      });
    } finally {
      turn.done();
    }
  }

  /**
   * Stores what came of it. The answer is in our hands and nowhere else: a database that is away for a moment must not turn
   * an accepted message into an unknown one.
   */
  async settle(account: Account, message: Outgoing, answer: GraphResult<SendResponse>): Promise<void> {
    const answered = {
      account,
      evidence: {
        accountId: account.id,
        messageId: message.id,
        wamid: answer.ok ? (answer.body.messages[0]?.id ?? null) : null,
        attemptToken: message.attemptToken,
        evidence: evidenceOfAnswer(answer, new Date()),
      },
      fact: factOf(message, answer),
    };
    await patiently(() => this.settling.run(account.id, answered));
  }

  private store(answered: readonly [Answered, ...Answered[]]): Promise<void[]> {
    const [{ account }] = answered;
    return this.database.transactionByKey(async (tx) => {
      await this.deliveries.apply(
        tx,
        answered.map(({ evidence }) => evidence),
      );
      await this.people.learn(
        tx,
        account,
        answered.flatMap(({ fact }) => fact ?? []),
      );
      return answered.map(() => undefined);
    });
  }
}

/** Meta's `wa_id` may differ from the number that was written to (Brazil, Mexico): it is the same person. */
function factOf(message: Outgoing, answer: GraphResult<SendResponse>): PersonFact | null {
  const named = answer.ok ? answer.body.contacts?.[0] : undefined;
  const phone = named?.wa_id === undefined ? null : phoneFromWaId(named.wa_id);
  const userId = named?.user_id ?? null;
  return phone !== null || userId !== null ? { contactId: message.contactId, phone, userId } : null;
}

/** Does it again while the database is away. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= SETTLE_ATTEMPTS || !isConnectionLoss(error)) {
        throw error;
      }
      await sleep(SETTLE_RETRY_MS * attempt);
    }
  }
}
