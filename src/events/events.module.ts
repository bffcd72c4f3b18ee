import { Module } from '@nestjs/common';

/** Reads the outbox: live streams and pulling. */
@Module({})
export class EventsModule {}
