import { Module, type DynamicModule, type Type } from '@nestjs/common';
import type { Logger } from 'pino';
import { AccountsModule } from './accounts/accounts.module.js';
import { FOUNDATION } from './app.module.js';
import { BlockingModule } from './blocking/blocking.module.js';
import { CampaignsWorkerModule } from './campaigns/campaigns.worker.module.js';
import { CatalogWorkerModule } from './catalog/catalog.worker.module.js';
import type { Config } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { ContactsWorkerModule } from './contacts/contacts.worker.module.js';
import { FlowsModule } from './flows/flows.module.js';
import { PartitionKeeper } from './database/partition-keeper.js';
import { Retention } from './database/retention.js';
import { RetentionRepository } from './database/retention.repository.js';
import { LoggerModule } from './config/logger.module.js';
import { EventsWorkerModule } from './events/events.worker.module.js';
import { InboxWorkerModule } from './inbox/inbox.worker.module.js';
import { MediaWorkerModule } from './media/media.worker.module.js';
import { SignupsModule } from './signups/signups.module.js';
import { WebhookWorkerModule } from './webhook/webhook.worker.module.js';

/** The modules that work in the background: processors and sweepers. */
const FEATURES: Type[] = [
  AccountsModule,
  ContactsWorkerModule,
  EventsWorkerModule,
  MediaWorkerModule,
  CatalogWorkerModule,
  BlockingModule,
  SignupsModule,
  InboxWorkerModule,
  CampaignsWorkerModule,
  FlowsModule,
  WebhookWorkerModule,
];

/** The worker process: no controller answers, for nothing listens. */
@Module({})
export class WorkerModule {
  static forRoot(config: Config, logger: Logger): DynamicModule {
    return {
      module: WorkerModule,
      imports: [ConfigModule.forRoot(config), LoggerModule.forRoot(logger), ...FOUNDATION, ...FEATURES],
      providers: [PartitionKeeper, Retention, RetentionRepository],
    };
  }
}
