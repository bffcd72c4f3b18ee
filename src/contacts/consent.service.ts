import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import type { Tx } from '../database/database.js';
import { Outbox, type OutboxEvent } from '../outbox/outbox.js';
import { keywordReader, type ConsentIntent } from './consent-keywords.js';
import { ConsentRepository, type ConsentState } from './consent.repository.js';
import { PeoplePorts } from './people-ports.js';

/** That a person wants marketing messages, or does not. */
export interface ConsentChange {
  contactId: number;
  /** Whose event it is that tells of it; null: the installation's. */
  accountId: number | null;
  optedOut: boolean;
  /** When they said so: the newest counts, whenever it comes. */
  at: Date;
  /** How they said so: `api`, `keyword`, `whatsapp`, `import` … */
  source: string;
  /** In their words, or those of who wrote it down; only the event tells it. */
  reason?: string | undefined;
  /** Further members of the event's payload. */
  details?: Readonly<Record<string, unknown>>;
}

/** Who wants marketing messages. It is a matter of the whole installation. */
@Injectable()
export class ConsentService {
  /**
   * What a message says about marketing when it is nothing but a keyword (`STOP`, `Unsubscribe!`, `BAJA`, `रोकें` …), in any
   * case and with any punctuation or emoji around it. Null for all other text, so that "please stop by at noon" changes
   * nothing.
   */
  readonly intentOf: (text: string) => ConsentIntent | null;

  constructor(
    private readonly repository: ConsentRepository,
    private readonly outbox: Outbox,
    private readonly ports: PeoplePorts,
    config: Config,
  ) {
    this.intentOf = keywordReader(config.consent);
  }

  /**
   * Applies what people said, in any order and any number of times: of each person the newest counts, and of two at one
   * moment the opt-out. Tells of it (`contact.opted_out`, or `contact.subscribed` for who is back) when it changed something.
   * Locks the contacts, in id order. A contact that is gone is passed over.
   * @returns the changes that were told
   */
  async apply<T extends ConsentChange>(tx: Tx, changes: readonly T[]): Promise<T[]> {
    const newest = newestOfEach(changes);
    if (newest.size === 0) {
      return [];
    }
    const states = await this.repository.lock(tx, [...newest.keys()]);
    const effective = states.flatMap((state) => {
      const change = newest.get(state.id) as T;
      return supersedes(change, state) ? [{ state, change }] : [];
    });
    if (effective.length === 0) {
      return [];
    }
    await this.repository.write(
      tx,
      effective.map(({ change }) => change),
    );
    const back = effective.filter(({ state, change }) => state.opted_out && !change.optedOut);
    if (back.length > 0) {
      await this.repository.forgetErasedOptOuts(
        tx,
        back.map(({ state }) => state.id),
      );
    }
    const changed = effective.filter(({ state, change }) => state.opted_out !== change.optedOut);
    if (changed.length > 0) {
      await this.ports.consent(
        tx,
        changed.map(({ change }) => change),
      );
    }
    await this.outbox.append(
      tx,
      changed.map(({ state, change }) => toEvent(state.phone, change)),
    );
    return changed.map(({ change }) => change);
  }

  /**
   * As {@link apply}, for a person at a desk, who acts on what they see: it counts as later than all that is known, whatever
   * the clocks say. Who opts out twice stays opted out since the first time.
   */
  async applyNow(tx: Tx, act: Omit<ConsentChange, 'at'>): Promise<void> {
    const [state] = await this.repository.lock(tx, [act.contactId]);
    if (!state) {
      return;
    }
    const at = new Date(Math.max(Date.now(), (state.changed_at?.getTime() ?? 0) + 1));
    if (state.opted_out === act.optedOut) {
      await this.repository.confirm(tx, act.contactId, at);
      return;
    }
    await this.apply(tx, [{ ...act, at }]);
  }
}

function newestOfEach<T extends ConsentChange>(changes: readonly T[]): Map<number, T> {
  const newest = new Map<number, T>();
  for (const change of changes) {
    const known = newest.get(change.contactId);
    if (!known || isLater(change, known)) {
      newest.set(change.contactId, change);
    }
  }
  return newest;
}

function supersedes(change: ConsentChange, state: ConsentState): boolean {
  const { changed_at: at, opted_out: optedOut, opted_out_source: source } = state;
  return at === null || isLater(change, { at, optedOut, source: source ?? '' });
}

/** A total order, so that what comes first makes no difference: by time, then the opt-out, then by source. */
function isLater(change: ConsentChange, known: Pick<ConsentChange, 'at' | 'optedOut' | 'source'>): boolean {
  const difference = change.at.getTime() - known.at.getTime();
  if (difference !== 0 || change.optedOut !== known.optedOut) {
    return difference > 0 || (difference === 0 && change.optedOut);
  }
  return change.optedOut && change.source > known.source;
}

function toEvent(phone: string | null, change: ConsentChange): OutboxEvent {
  const { contactId, accountId, optedOut, source, details } = change;
  const at = change.at.toISOString();
  const reason = change.reason === undefined ? {} : { reason: change.reason };
  return {
    type: optedOut ? 'contact.opted_out' : 'contact.subscribed',
    accountId,
    subjectId: contactId,
    payload: optedOut
      ? { contact_id: contactId, phone, opted_out_at: at, opted_out_source: source, ...reason, ...details }
      : { contact_id: contactId, phone, subscribed_at: at, source, ...reason, ...details },
  };
}
