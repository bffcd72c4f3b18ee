import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts } from '../../contacts/people-ports.js';
import { CooldownsRepository } from '../cooldowns.repository.js';

/** Two contacts turn out to be one person: what Meta asked for one of them holds for both. */
@Injectable()
export class CooldownPeople implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly cooldowns: CooldownsRepository,
  ) {}

  onModuleInit(): void {
    this.ports.onMerge((tx, { goneId, survivorId }) => this.cooldowns.move(tx, goneId, survivorId));
  }
}
