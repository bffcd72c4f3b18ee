import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';

/** Two contacts that an event proved to be one person. */
export interface Merge {
  /** Keeps its id. */
  survivorId: number;
  /** Its row is deleted when all handlers have run: nothing may point at it then. */
  goneId: number;
}

/** A person who asked to be forgotten. */
export interface Erasure {
  contactId: number;
  /** Every phone of the person, E.164 with `+`. */
  phones: readonly string[];
  /** Every user id of the person, whatever the portfolio. */
  userIds: readonly string[];
}

/** What those who keep conversations know of a contact. */
export interface Acquaintance {
  contactId: number;
  conversationCount: number;
  /** When the person last wrote, to any account. */
  lastInboundAt: Date | null;
}

/** That somebody does not want marketing any more, or wants it again. */
export interface ConsentFact {
  contactId: number;
  /** Whose event told of it; null: the installation's. */
  accountId: number | null;
  optedOut: boolean;
  at: Date;
  source: string;
}

/** That an account has blocked somebody, or does so no more. */
export interface BlockFact {
  accountId: number;
  contactId: number;
  isBlocked: boolean;
}

type Handler<T> = (tx: Tx, act: T) => Promise<void>;

type Source = (tx: Tx, contactIds: readonly number[]) => Promise<readonly Acquaintance[]>;

/**
 * What has to happen everywhere when two people turn out to be one, one is forgotten, blocked, or changes their mind. Modules above contacts register
 * what concerns their own tables; all of it runs in one transaction, in the order of registration.
 */
@Injectable()
export class PeoplePorts {
  private readonly mergers: Handler<Merge>[] = [];
  private readonly erasers: Handler<Erasure>[] = [];
  private readonly consentHandlers: Handler<readonly ConsentFact[]>[] = [];
  private readonly blockHandlers: Handler<readonly BlockFact[]>[] = [];
  private source: Source = () => Promise.resolve([]);

  /**
   * Both contacts are locked (`for update`) while handlers run, so nobody can write for either of them, and the survivor has
   * already the names of both.
   */
  onMerge(handler: Handler<Merge>): void {
    this.mergers.push(handler);
  }

  onErase(handler: Handler<Erasure>): void {
    this.erasers.push(handler);
  }

  /** Told of every change of mind, in the transaction that stores it; the contacts are locked. */
  onConsent(handler: Handler<readonly ConsentFact[]>): void {
    this.consentHandlers.push(handler);
  }

  /** Told of everybody who was blocked or unblocked, in the transaction that stores it; of nobody who was so before. */
  onBlock(handler: Handler<readonly BlockFact[]>): void {
    this.blockHandlers.push(handler);
  }

  /** Who is asked how well people are known. */
  onAcquaintance(source: Source): void {
    this.source = source;
  }

  async merge(tx: Tx, act: Merge): Promise<void> {
    for (const handler of this.mergers) {
      await handler(tx, act);
    }
  }

  async erase(tx: Tx, act: Erasure): Promise<void> {
    for (const handler of this.erasers) {
      await handler(tx, act);
    }
  }

  async consent(tx: Tx, facts: readonly ConsentFact[]): Promise<void> {
    for (const handler of this.consentHandlers) {
      await handler(tx, facts);
    }
  }

  async block(tx: Tx, facts: readonly BlockFact[]): Promise<void> {
    for (const handler of facts.length > 0 ? this.blockHandlers : []) {
      await handler(tx, facts);
    }
  }

  /** By contact; who is not in it was never talked to. */
  async acquaintances(tx: Tx, contactIds: readonly number[]): Promise<Map<number, Acquaintance>> {
    const known = contactIds.length === 0 ? [] : await this.source(tx, contactIds);
    return new Map(known.map((item) => [item.contactId, item]));
  }
}
