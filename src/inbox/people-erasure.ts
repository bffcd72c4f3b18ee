import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts, type Erasure } from '../contacts/people-ports.js';
import type { Tx } from '../database/database.js';
import { MediaService } from '../media/media.service.js';
import { PeopleThreadsRepository } from './people-threads.repository.js';

/** A person is forgotten: their threads go, with the files that came with them. */
@Injectable()
export class PeopleErasure implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly threads: PeopleThreadsRepository,
    private readonly media: MediaService,
  ) {}

  onModuleInit(): void {
    this.ports.onErase((tx, act) => this.erase(tx, act));
  }

  private async erase(tx: Tx, { contactId }: Erasure): Promise<void> {
    const messages = await this.threads.removeMessages(tx, contactId);
    await this.threads.removeTraces(tx, contactId, messages);
    const fileIds = messages.flatMap(({ mediaFileId }) => (mediaFileId === null ? [] : [mediaFileId]));
    if (fileIds.length > 0) {
      await this.media.remove(tx, await this.threads.findUnused(tx, [...new Set(fileIds)]));
    }
  }
}
