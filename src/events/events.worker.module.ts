import { Module } from '@nestjs/common';
import { EventSequencingModule } from './event-sequencing.module.js';
import { EventTicketSweeper } from './event-ticket-sweeper.js';
import { EventTicketsRepository } from './event-tickets.repository.js';

/** The outbox in the background. */
@Module({
  imports: [EventSequencingModule],
  providers: [EventTicketSweeper, EventTicketsRepository],
})
export class EventsWorkerModule {}
