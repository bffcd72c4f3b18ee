import { Module } from '@nestjs/common';
import { ApiKeysModule } from '../api-keys/api-keys.module.js';
import { DeliveriesController } from './endpoints/deliveries.controller.js';
import { DeliveriesRepository } from './endpoints/deliveries.repository.js';
import { DeliveriesService } from './endpoints/deliveries.service.js';
import { DeliveryWorkRepository } from './endpoints/delivery-work.repository.js';
import { EndpointCaller } from './endpoints/endpoint-caller.js';
import { EndpointSettings } from './endpoints/endpoint-settings.js';
import { EndpointTrial } from './endpoints/endpoint-trial.service.js';
import { EndpointVault } from './endpoints/endpoint-vault.js';
import { WebhookEndpointsController } from './endpoints/webhook-endpoints.controller.js';
import { WebhookEndpointsRepository } from './endpoints/webhook-endpoints.repository.js';
import { WebhookEndpointsService } from './endpoints/webhook-endpoints.service.js';
import { EventFeed } from './event-feed.js';
import { EventSequencingModule } from './event-sequencing.module.js';
import { EventSignals } from './event-signals.js';
import { EventStreams } from './event-streams.js';
import { EventTicketsRepository } from './event-tickets.repository.js';
import { EventTicketsService } from './event-tickets.service.js';
import { EventsController } from './events.controller.js';
import { EventsService } from './events.service.js';
import { StreamSettings } from './stream-settings.js';

/** Reads the outbox: live streams, pulling, and who has events sent. */
@Module({
  imports: [ApiKeysModule, EventSequencingModule],
  controllers: [EventsController, WebhookEndpointsController, DeliveriesController],
  providers: [
    EventFeed,
    EventSignals,
    EventStreams,
    EventTicketsRepository,
    EventTicketsService,
    EventsService,
    StreamSettings,
    DeliveriesRepository,
    DeliveriesService,
    DeliveryWorkRepository,
    EndpointCaller,
    EndpointSettings,
    EndpointTrial,
    EndpointVault,
    WebhookEndpointsRepository,
    WebhookEndpointsService,
  ],
})
export class EventsModule {}
