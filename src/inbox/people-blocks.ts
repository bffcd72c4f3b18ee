import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts, type BlockFact } from '../contacts/people-ports.js';
import type { Tx } from '../database/database.js';
import { ConversationEvents } from './conversation-events.js';

/** Tells who watches a conversation that its person was blocked, or is so no more. */
@Injectable()
export class PeopleBlocks implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly events: ConversationEvents,
  ) {}

  onModuleInit(): void {
    this.ports.onBlock((tx, facts) => this.tell(tx, facts));
  }

  private async tell(tx: Tx, facts: readonly BlockFact[]): Promise<void> {
    const byAccount = new Map<number, number[]>();
    for (const { accountId, contactId } of facts) {
      const contactIds = byAccount.get(accountId) ?? [];
      contactIds.push(contactId);
      byAccount.set(accountId, contactIds);
    }
    for (const [accountId, contactIds] of byAccount) {
      await this.events.updatedWith(tx, accountId, contactIds, ['is_blocked']);
    }
  }
}
