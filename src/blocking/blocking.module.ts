import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ContactsModule } from '../contacts/contacts.module.js';
import { BlockEvent } from './block-event.entity.js';
import { BlockSyncRecord } from './block-sync.entity.js';
import { BlockSyncRepository } from './block-sync.repository.js';
import { BlockSync } from './block-sync.service.js';
import { BlockWriter } from './block-writer.js';
import { BlockedList } from './blocked-list.service.js';
import { BlockedPeople } from './blocked-people.js';
import { BlockedPeopleRepository } from './blocked-people.repository.js';
import { BlockedUser } from './blocked-user.entity.js';
import { BlockingController } from './blocking.controller.js';
import { BlockingRepository } from './blocking.repository.js';
import { BlockingService } from './blocking.service.js';

/** Whom a number has blocked. */
@Module({
  imports: [TypeOrmModule.forFeature([BlockedUser, BlockEvent, BlockSyncRecord]), ContactsModule],
  controllers: [BlockingController],
  providers: [
    BlockedList,
    BlockedPeople,
    BlockedPeopleRepository,
    BlockingRepository,
    BlockingService,
    BlockSync,
    BlockSyncRepository,
    BlockWriter,
  ],
})
export class BlockingModule {}
