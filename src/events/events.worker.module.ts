import { Module } from '@nestjs/common';
import { DeliveryDispatcher } from './endpoints/delivery-dispatcher.js';
import { DeliveryRetention } from './endpoints/delivery-retention.js';
import { DeliverySettler } from './endpoints/delivery-settler.js';
import { DeliveryWorkRepository } from './endpoints/delivery-work.repository.js';
import { EndpointCaller } from './endpoints/endpoint-caller.js';
import { EndpointSettings } from './endpoints/endpoint-settings.js';
import { EndpointVault } from './endpoints/endpoint-vault.js';
import { FanOut } from './endpoints/fan-out.js';
import { FanOutRepository } from './endpoints/fan-out.repository.js';
import { EventSequencingModule } from './event-sequencing.module.js';
import { EventSignals } from './event-signals.js';
import { EventTicketSweeper } from './event-ticket-sweeper.js';
import { EventTicketsRepository } from './event-tickets.repository.js';

/** The outbox in the background: events go out to those who want them. */
@Module({
  imports: [EventSequencingModule],
  providers: [
    DeliveryDispatcher,
    DeliveryRetention,
    DeliverySettler,
    DeliveryWorkRepository,
    EndpointCaller,
    EndpointSettings,
    EndpointVault,
    EventSignals,
    EventTicketSweeper,
    EventTicketsRepository,
    FanOut,
    FanOutRepository,
  ],
})
export class EventsWorkerModule {}
