import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CampaignsModule } from '../campaigns/campaigns.module.js';
import { CatalogModule } from '../catalog/catalog.module.js';
import { ContactsModule } from '../contacts/contacts.module.js';
import { FlowsModule } from '../flows/flows.module.js';
import { InboxModule } from '../inbox/inbox.module.js';
import { SignupsModule } from '../signups/signups.module.js';
import { TemplatesModule } from '../templates/templates.module.js';
import { ErasedBodiesRepository } from './erased-bodies.repository.js';
import { GapDetector } from './gaps/gap-detector.js';
import { GapsRepository } from './gaps/gaps.repository.js';
import { RefusalCounter } from './gaps/refusal-counter.js';
import { SubscriptionCheck } from './gaps/subscription-check.js';
import { WebhookErasure } from './people-erasure.js';
import { WebhookDrain } from './webhook-drain.js';
import { WebhookIntake } from './webhook-intake.js';
import { WebhookLog } from './webhook-log.entity.js';
import { WebhookLogsController } from './webhook-logs.controller.js';
import { WebhookLogsRepository } from './webhook-logs.repository.js';
import { WebhookLogsService } from './webhook-logs.service.js';
import { WebhookQueueRepository } from './webhook-queue.repository.js';
import { WebhookReplaysRepository } from './webhook-replays.repository.js';
import { WebhookReplaysService } from './webhook-replays.service.js';
import { WebhookRetention } from './webhook-retention.js';
import { WebhookRouter } from './webhook-router.js';
import { WebhookController } from './webhook.controller.js';

/** The log of what Meta posted, and its way to those who care. */
@Module({
  imports: [
    TypeOrmModule.forFeature([WebhookLog]),
    CampaignsModule,
    CatalogModule,
    ContactsModule,
    FlowsModule,
    InboxModule,
    SignupsModule,
    TemplatesModule,
  ],
  controllers: [WebhookLogsController],
  providers: [
    ErasedBodiesRepository,
    GapDetector,
    GapsRepository,
    RefusalCounter,
    SubscriptionCheck,
    WebhookErasure,
    WebhookIntake,
    WebhookLogsRepository,
    WebhookLogsService,
    WebhookQueueRepository,
    WebhookReplaysRepository,
    WebhookReplaysService,
    WebhookRouter,
    WebhookDrain,
    WebhookRetention,
  ],
  exports: [
    GapDetector,
    RefusalCounter,
    SubscriptionCheck,
    WebhookIntake,
    WebhookDrain,
    WebhookLogsService,
    WebhookReplaysService,
  ],
})
export class WebhookModule {}

/** Meta's door stands beside the API, not below it: a module of its own, for Nest prefixes by module. */
@Module({ imports: [WebhookModule], controllers: [WebhookController] })
export class WebhookIntakeModule {}
