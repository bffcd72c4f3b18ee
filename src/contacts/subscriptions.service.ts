import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { ConsentRepository } from './consent.repository.js';
import { SubscriptionsRepository, type Subscription } from './subscriptions.repository.js';

/** What subscribing by a signup does to contacts. Who subscribed to what is the signups' own to keep. */
@Injectable()
export class SubscriptionsService {
  constructor(
    private readonly repository: SubscriptionsRepository,
    private readonly consent: ConsentRepository,
  ) {}

  /** Locks contacts in the order of their ids, as every change of consent does: what is locked after them is the caller's. */
  async lock(tx: Tx, contactIds: readonly number[]): Promise<void> {
    if (contactIds.length > 0) {
      await this.consent.lock(tx, contactIds);
    }
  }

  /** Notes by which signup people subscribed last, and when. One of each contact. */
  async note(tx: Tx, subscriptions: readonly Subscription[]): Promise<void> {
    if (subscriptions.length > 0) {
      await this.repository.note(tx, subscriptions);
    }
  }

  /** Gives contacts labels beside those they have. */
  async addLabels(tx: Tx, pairs: readonly { contactId: number; labelId: number }[]): Promise<void> {
    if (pairs.length > 0) {
      await this.repository.addLabels(tx, pairs);
    }
  }
}
