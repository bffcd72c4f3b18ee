import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { idOf, type Change } from '../meta/webhook-payload.js';
import { Outbox, type OutboxEvent } from '../outbox/outbox.js';
import { accountAlertEvent } from './account-alert.js';
import type { AccountChange, UnreadableItem } from './account-change.js';
import { AccountDirectory } from './account-directory.js';
import {
  applyAccountEvent,
  digitsOf,
  isStopped,
  keyOfChange,
  numberNamedBy,
  readAccountEvent,
  type AccountEvent,
  type EventState,
} from './account-events.js';
import { AccountEventsRepository, type KeyedEvent } from './account-events.repository.js';
import { AccountPorts, type AccountOccasion, type OccasionOutcome } from './account-ports.js';
import type { Account } from './account.js';

const NOTHING: OccasionOutcome = { pausedIds: [], resumedIds: [] };

/** What Meta tells of accounts and numbers by webhook. */
@Injectable()
export class AccountsWebhook {
  constructor(
    private readonly repository: AccountEventsRepository,
    private readonly directory: AccountDirectory,
    private readonly ports: AccountPorts,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Applies changes of the fields of {@link ACCOUNT_FIELDS} in the caller's transaction, each once and by Meta's time; what
   * stops the account or lets it send again is told to whoever registered. Each becomes one `account.alert`.
   * @returns what could not be read
   */
  async handle(tx: Tx, changes: readonly AccountChange[]): Promise<UnreadableItem[]> {
    const errors: UnreadableItem[] = [];
    const events = changes
      .filter(({ account, change }) => isAbout(account, change))
      .flatMap((change) => {
        const event = toKeyedEvent(change);
        if (!event) {
          errors.push({ change, error: `${change.change.field} does not tell what happened` });
        }
        return event ?? [];
      });
    if (events.length > 0) {
      await this.apply(tx, await this.repository.insertNew(tx, events));
    }
    return errors;
  }

  private async apply(tx: Tx, events: readonly KeyedEvent[]): Promise<void> {
    const ids = [...new Set(events.map((item) => item.accountId))];
    const accounts = ids.length === 0 ? [] : await this.repository.lock(tx, ids);
    // By time, so that of what one batch tells the last word is told to others, and only it.
    const sorted = [...events].sort((a, b) => a.at.getTime() - b.at.getTime());
    const stories = accounts.map((before) => {
      const ofAccount = sorted.filter((item) => item.accountId === before.id);
      const after = ofAccount.reduce((state, { event, at }) => applyAccountEvent(state, event, at), before);
      return { before, after, events: ofAccount };
    });
    const moved = stories.filter(({ before, after }) => !isDeepStrictEqual(before, after)).map(({ after }) => after);
    if (moved.length > 0) {
      await this.repository.write(tx, moved);
      tx.afterCommit(() => this.directory.forget());
    }
    // Only now: who hears of it asks how the account stands.
    const alerts: OutboxEvent[] = [];
    for (const { before, after, events: ofAccount } of stories) {
      for (const item of ofAccount.filter(({ event, at }) => !isOutdated(event, at, after))) {
        alerts.push(await this.alertOf(tx, item, before, after));
      }
    }
    await this.outbox.append(tx, alerts);
  }

  private async alertOf(tx: Tx, item: KeyedEvent, before: EventState, after: EventState): Promise<OutboxEvent> {
    const { accountId, event, at, field } = item;
    const occasion = occasionOf(item, after);
    const { pausedIds, resumedIds } = occasion ? await this.ports.tell(tx, accountId, occasion) : NOTHING;
    const isFaster = event.effect.isThroughputRaised === true;
    return accountAlertEvent({
      accountId,
      code: event.code,
      severity: event.severity,
      scope: event.scope,
      message: event.message,
      whatToDo: event.whatToDo,
      campaignIds: pausedIds,
      resumedCampaignIds: resumedIds,
      details: {
        field,
        occurred_at: at.toISOString(),
        ...(event.effect.messagingLimit ? { messaging_limit: after.messagingLimit } : {}),
        ...(isFaster
          ? { messages_per_second: after.messagesPerSecond, previous_messages_per_second: before.messagesPerSecond }
          : {}),
      },
    });
  }
}

/** A WABA may have several numbers: what names one of them says nothing of the others. */
function isAbout(account: Account, change: Change): boolean {
  const named = numberNamedBy(change);
  if (named !== null) {
    return digitsOf(account.displayPhoneNumber) === named;
  }
  const { entity_type: type, entity_id: id } = change.value;
  return type !== 'PHONE_NUMBER' || idOf(id) === account.phoneNumberId;
}

function toKeyedEvent({ account, change }: AccountChange): KeyedEvent | null {
  const event = readAccountEvent(change);
  return (
    event && {
      accountId: account.id,
      key: keyOfChange(change),
      field: change.field,
      at: change.entryTime ?? change.receivedAt,
      event,
    }
  );
}

/** What Meta said of a ban or a restriction before it said something else. */
function isOutdated({ effect }: AccountEvent, at: Date, after: EventState): boolean {
  return (
    effect.standing !== undefined &&
    (effect.standing !== after.standing || at.getTime() !== after.standingAt?.getTime())
  );
}

function occasionOf({ event }: KeyedEvent, after: EventState): AccountOccasion | null {
  if (event.code === 'number_name_approved') {
    return { kind: 'name_approved' };
  }
  const { standing } = event.effect;
  if (standing === undefined || (standing !== 'ok' && !isStopped(after))) {
    return null;
  }
  return {
    kind: 'standing',
    standing,
    until: after.standingUntil,
    message: event.message,
    whatToDo: event.whatToDo,
  };
}
