import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts, type Merge } from '../contacts/people-ports.js';
import { PeopleService } from '../contacts/people.service.js';
import type { Tx } from '../database/database.js';
import { BlockedPeopleRepository } from './blocked-people.repository.js';

/** Blocks follow people: who is blocked under one name stays so under the other, and who is forgotten leaves no row. */
@Injectable()
export class BlockedPeople implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly people: PeopleService,
    private readonly blocks: BlockedPeopleRepository,
  ) {}

  onModuleInit(): void {
    this.ports.onMerge((tx, act) => this.merge(tx, act));
    this.ports.onErase((tx, { contactId }) => this.blocks.erase(tx, contactId));
  }

  private async merge(tx: Tx, act: Merge): Promise<void> {
    await this.blocks.merge(tx, act);
    for (const accountId of await this.blocks.accountsBlocking(tx, act.survivorId)) {
      await this.people.setBlocked(tx, accountId, [act.survivorId], true);
    }
  }
}
