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

type Handler<T> = (tx: Tx, act: T) => Promise<void>;

/**
 * What has to happen everywhere when two people turn out to be one, or one is forgotten. Modules above contacts register
 * what concerns their own tables; all of it runs in one transaction, in the order of registration.
 */
@Injectable()
export class PeoplePorts {
  private readonly mergers: Handler<Merge>[] = [];
  private readonly erasers: Handler<Erasure>[] = [];

  onMerge(handler: Handler<Merge>): void {
    this.mergers.push(handler);
  }

  onErase(handler: Handler<Erasure>): void {
    this.erasers.push(handler);
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
}
