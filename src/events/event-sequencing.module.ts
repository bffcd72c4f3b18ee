import { Module } from '@nestjs/common';
import { EventSequencer } from './event-sequencer.js';
import { EventsRepository } from './events.repository.js';

/** Numbers events: part of every process. */
@Module({
  providers: [EventSequencer, EventsRepository],
  exports: [EventsRepository],
})
export class EventSequencingModule {}
