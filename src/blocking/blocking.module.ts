import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { BlockEvent } from './block-event.entity.js';
import { BlockedUser } from './blocked-user.entity.js';

/** Whom a number has blocked. */
@Module({ imports: [TypeOrmModule.forFeature([BlockEvent, BlockedUser])] })
export class BlockingModule {}
