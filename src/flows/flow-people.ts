import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts } from '../contacts/people-ports.js';
import { FlowResponsesRepository } from './flow-responses.repository.js';

/** What people answered goes with them: to the one they turn out to be, or away. */
@Injectable()
export class FlowPeople implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly responses: FlowResponsesRepository,
  ) {}

  onModuleInit(): void {
    this.ports.onMerge((tx, { survivorId, goneId }) => this.responses.moveTo(tx, survivorId, goneId));
    this.ports.onErase((tx, { contactId }) => this.responses.removeOf(tx, contactId));
  }
}
