import { Module } from '@nestjs/common';
import { ApiKeysModule } from '../api-keys/api-keys.module.js';
import { EventFeed } from './event-feed.js';
import { EventSequencingModule } from './event-sequencing.module.js';
import { EventSignals } from './event-signals.js';
import { EventStreams } from './event-streams.js';
import { EventTicketsRepository } from './event-tickets.repository.js';
import { EventTicketsService } from './event-tickets.service.js';
import { EventsController } from './events.controller.js';
import { EventsService } from './events.service.js';
import { StreamSettings } from './stream-settings.js';

/** Reads the outbox: live streams and pulling. */
@Module({
  imports: [ApiKeysModule, EventSequencingModule],
  controllers: [EventsController],
  providers: [
    EventFeed,
    EventSignals,
    EventStreams,
    EventTicketsRepository,
    EventTicketsService,
    EventsService,
    StreamSettings,
  ],
})
export class EventsModule {}
