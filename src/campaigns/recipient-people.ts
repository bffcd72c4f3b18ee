import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts } from '../contacts/people-ports.js';
import { RecipientPeopleRepository } from './recipient-people.repository.js';

/** What becomes of recipients when two people turn out to be one, or one is forgotten. */
@Injectable()
export class RecipientPeople implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly recipients: RecipientPeopleRepository,
  ) {}

  onModuleInit(): void {
    this.ports.onMerge(async (tx, act) => {
      await this.recipients.move(tx, act);
      await this.recipients.skipDoubles(tx, act.survivorId);
    });
    this.ports.onErase((tx, act) => this.recipients.erase(tx, act));
  }
}
