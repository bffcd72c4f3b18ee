import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AccountsService } from '../../accounts/accounts.service.js';
import { AppError } from '../../common/app-error.js';
import { Database, type Tx } from '../../database/database.js';
import type { MediaType } from '../../media/media-state.js';
import type { Recipient, SendResponse } from '../../meta/api/messages.js';
import type { GraphResult } from '../../meta/graph-client.js';
import { DeliveriesService } from '../deliveries.service.js';
import { messageErrorOf } from '../evidence.js';
import type { MessageError } from '../message-status.js';
import { SERVICE_WINDOW_HOURS } from '../service-window.js';
import { Attachments } from './attachments.js';
import { Dispatch, patiently, type Outgoing } from './dispatch.service.js';
import { ScheduledSendsRepository, type DueMessage } from './scheduled-sends.repository.js';

const MIN_DELAY_S = 2;
/** An account that is switched off may be switched on again. */
const INACTIVE_DELAY_S = 60;

const WINDOW_CLOSED: MessageError = {
  code: null,
  title: 'outside_service_window',
  details:
    'The customer had not written within 24 hours when the message was due, so Meta would have taken only templates.',
};
const BLOCKED: MessageError = {
  code: null,
  title: 'contact_blocked',
  details: 'This number had blocked the person when the message was due. Unblock first: DELETE /unblock/',
};
const NO_ADDRESS: MessageError = {
  code: null,
  title: 'no_address',
  details: 'The person has neither a phone nor a user id any more.',
};

/** A message on its way, that we alone may send. */
export interface ClaimedSend extends Outgoing {
  accountId: number;
  messagesPerSecond: number;
}

/** Messages that are to be sent later: any number of workers take them when they are due. */
@Injectable()
export class ScheduledSends {
  constructor(
    private readonly database: Database,
    private readonly repository: ScheduledSendsRepository,
    private readonly deliveries: DeliveriesService,
    private readonly accounts: AccountsService,
    private readonly attachments: Attachments,
    private readonly dispatch: Dispatch,
  ) {}

  /** Takes back a message that waits for its time. @returns false when there is none, or it is on its way already */
  async cancel(tx: Tx, accountId: number, id: number): Promise<boolean> {
    const isCancelled = await this.repository.cancel(tx, accountId, id);
    if (isCancelled) {
      await this.deliveries.announce(tx, [id]);
    }
    return isCancelled;
  }

  /**
   * Takes messages that are due. They are committed as pending, so that none is ever taken twice; what must not go out any
   * more is settled here.
   * @param busy accounts that have sent enough for the moment
   */
  async claim(limit: number, busy: readonly number[]): Promise<ClaimedSend[]> {
    if (!(await this.repository.hasDue(this.database, busy))) {
      return [];
    }
    return this.database.transaction(async (tx) => {
      const due = await this.repository.lockDue(tx, limit, busy, SERVICE_WINDOW_HOURS);
      if (due.length === 0) {
        return [];
      }
      const of = (fate: Fate): DueMessage[] => due.filter((message) => fateOf(message) === fate);
      const take = (fate: Fate): ClaimedSend[] => of(fate).map(toClaimed);
      await this.expire(tx, of('expired'));
      await this.repository.postpone(tx, of('account_inactive').map(idOf), INACTIVE_DELAY_S);
      const [claimed, blocked, closed, nobody] = [
        take('send'),
        take('blocked'),
        take('window_closed'),
        take('no_address'),
      ];
      await this.repository.markPending(tx, [...claimed, ...blocked, ...closed, ...nobody]);
      await this.refuse(tx, blocked, BLOCKED);
      await this.refuse(tx, closed, WINDOW_CLOSED);
      await this.refuse(tx, nobody, NO_ADDRESS);
      return claimed;
    });
  }

  /** Sends one that was claimed, and stores what came of it. */
  async send(claimed: ClaimedSend): Promise<void> {
    const account = await this.accounts.find(claimed.accountId);
    if (!account?.isActive) {
      await this.putBack(claimed, INACTIVE_DELAY_S, null);
      return;
    }
    const renewed = await this.withFreshFiles(account, claimed);
    if (renewed) {
      await this.settle(account, renewed, await this.dispatch.post(account, renewed));
    }
  }

  /** What was refused for now waits again; everything else is settled as a send of now is. */
  private async settle(account: Account, claimed: ClaimedSend, answer: GraphResult<SendResponse>): Promise<void> {
    if (!answer.ok && answer.failure.retryable) {
      const delayS = Math.max(MIN_DELAY_S, (answer.failure.retryAfterMs ?? 0) / 1_000);
      await this.putBack(claimed, delayS, messageErrorOf(answer.failure));
      return;
    }
    await this.dispatch.settle(account, claimed, answer);
  }

  private async putBack(claimed: ClaimedSend, minDelayS: number, error: MessageError | null): Promise<void> {
    const jitter = 1 + Math.random() / 2;
    await patiently(() =>
      this.database.transaction(async (tx) => {
        const back = await this.repository.putBack(tx, claimed.attemptToken, { minDelayS, jitter, error });
        if (back?.isExpired) {
          await this.deliveries.announce(tx, [back.id]);
        }
      }),
    );
  }

  /**
   * The ids of its files at Meta may have expired while it waited.
   * @returns null when there is no file to send, for now or for good: nothing was sent
   */
  private async withFreshFiles(account: Account, claimed: ClaimedSend): Promise<ClaimedSend | null> {
    const { ownMediaId } = claimed;
    try {
      const media =
        ownMediaId === null
          ? null
          : await this.attachments.prepare(account, {
              mediaType: mediaTypeOf(claimed),
              source: { mediaId: ownMediaId },
            });
      const content = await this.attachments.freshCards(account, claimed.content);
      return (media?.mediaId ?? null) === ownMediaId && content === claimed.content
        ? claimed
        : await this.dispatch.withFiles(claimed, media, content);
    } catch (error) {
      if (!(error instanceof AppError)) {
        throw error;
      }
      const reason = { code: null, title: error.title, details: error.message };
      if (isPassing(error)) {
        await this.putBack(claimed, MIN_DELAY_S, reason);
      } else {
        await patiently(() => this.database.transaction((tx) => this.refuse(tx, [claimed], reason)));
      }
      return null;
    }
  }

  private async expire(tx: Tx, messages: readonly DueMessage[]): Promise<void> {
    if (messages.length > 0) {
      await this.repository.markExpired(tx, messages.map(idOf));
      await this.deliveries.announce(tx, messages.map(idOf));
    }
  }

  /** Fails messages that Meta was not asked about. */
  private async refuse(tx: Tx, messages: readonly ClaimedSend[], error: MessageError): Promise<void> {
    await this.deliveries.apply(
      tx,
      messages.map(({ accountId, attemptToken }) => ({
        accountId,
        wamid: null,
        attemptToken,
        evidence: { failedAt: new Date(), error },
      })),
    );
  }
}

type Fate = 'expired' | 'account_inactive' | 'blocked' | 'window_closed' | 'no_address' | 'send';

function fateOf(message: DueMessage): Fate {
  if (message.is_expired) {
    return 'expired';
  }
  if (!message.is_account_active) {
    return 'account_inactive';
  }
  if (message.is_blocked) {
    return 'blocked';
  }
  if (message.is_window_closed) {
    return 'window_closed';
  }
  return addressOf(message) ? 'send' : 'no_address';
}

function idOf(message: DueMessage): number {
  return message.id;
}

function addressOf({ phone, user_id }: DueMessage): Recipient | null {
  if (phone !== null) {
    return { phone };
  }
  return user_id === null ? null : { userId: user_id };
}

function toClaimed(message: DueMessage): ClaimedSend {
  return {
    id: message.id,
    accountId: message.account_id,
    contactId: message.contact_id,
    messagesPerSecond: message.messages_per_second,
    to: addressOf(message) as Recipient,
    content: message.content,
    ownMediaId: message.media_file_id === null ? null : message.media_id,
    replyToWamid: message.reply_to_message_id,
    attemptToken: randomUUID(),
  };
}

/** Where the file stands tells as what it is sent. */
function mediaTypeOf({ content }: ClaimedSend): MediaType {
  switch (content.type) {
    case 'interactive':
      return (content.interactive as { header: { type: MediaType } }).header.type;
    case 'template':
      return templateMediaType(content.template as { components?: { type: string; parameters: { type: string }[] }[] });
    default:
      return content.type as MediaType;
  }
}

function templateMediaType({
  components = [],
}: {
  components?: { type: string; parameters: { type: string }[] }[];
}): MediaType {
  const type = components.find((component) => component.type === 'header')?.parameters[0]?.type;
  // Meta sends a GIF as a short MP4, and as such the library has it.
  return (type === 'gif' ? 'video' : type) as MediaType;
}

/** The same may succeed later: Meta is busy or away. */
function isPassing(error: AppError): boolean {
  const graph = error.options.extra?.graph as { retryable?: boolean } | undefined;
  return error.status === 503 || error.code === 'graph_outcome_unknown' || graph?.retryable === true;
}
