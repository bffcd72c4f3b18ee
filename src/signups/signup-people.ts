import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts, type Erasure, type Merge } from '../contacts/people-ports.js';
import { SubscriptionsService } from '../contacts/subscriptions.service.js';
import type { Tx } from '../database/database.js';
import { SignupsRepository } from './signups.repository.js';
import { SubscribersRepository } from './subscribers.repository.js';

/**
 * What becomes of subscribers when people turn out to be one, or are forgotten. The count of a signup is the people in its
 * list: somebody who was erased is in it no more, and would count once again should they come back.
 */
@Injectable()
export class SignupPeople implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly signups: SignupsRepository,
    private readonly subscribers: SubscribersRepository,
    private readonly subscriptions: SubscriptionsService,
  ) {}

  onModuleInit(): void {
    this.ports.onMerge((tx, act) => this.merge(tx, act));
    this.ports.onErase((tx, act) => this.erase(tx, act));
  }

  private async merge(tx: Tx, { survivorId, goneId }: Merge): Promise<void> {
    const ids = await this.subscribers.signupsOf(tx, [survivorId, goneId]);
    if (ids.length === 0) {
      return;
    }
    await this.signups.lock(tx, ids);
    await this.lower(tx, await this.subscribers.move(tx, survivorId, goneId));
    await this.subscriptions.note(tx, await this.subscribers.newest(tx, [survivorId]));
  }

  private async erase(tx: Tx, { contactId }: Erasure): Promise<void> {
    const ids = await this.subscribers.signupsOf(tx, [contactId]);
    if (ids.length > 0) {
      await this.signups.lock(tx, ids);
      await this.lower(tx, await this.subscribers.remove(tx, contactId));
    }
  }

  private async lower(tx: Tx, signupIds: readonly number[]): Promise<void> {
    if (signupIds.length > 0) {
      await this.signups.count(tx, new Map(signupIds.map((id) => [id, -1])));
    }
  }
}
