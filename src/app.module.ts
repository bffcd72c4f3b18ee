import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import type { Logger } from 'pino';
import { AccountsModule } from './accounts/accounts.module.js';
import { AnalyticsModule } from './analytics/analytics.module.js';
import { ApiKeysModule } from './api-keys/api-keys.module.js';
import { AuditLogModule } from './audit/audit-log.module.js';
import { AuditModule } from './audit/audit.module.js';
import { BlockingModule } from './blocking/blocking.module.js';
import { CampaignsModule } from './campaigns/campaigns.module.js';
import { CatalogModule } from './catalog/catalog.module.js';
import type { Config } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { LoggerModule } from './config/logger.module.js';
import { ContactsModule } from './contacts/contacts.module.js';
import { DatabaseModule } from './database/database.module.js';
import { DjangoModule } from './django/django.module.js';
import { ErrorsModule } from './errors/errors.module.js';
import { EventsModule } from './events/events.module.js';
import { FlowsModule } from './flows/flows.module.js';
import { HttpModule } from './http/http.module.js';
import { InboxModule } from './inbox/inbox.module.js';
import { MediaModule } from './media/media.module.js';
import { MetaModule } from './meta/meta.module.js';
import { OutboxModule } from './outbox/outbox.module.js';
import { QueuesModule } from './queues/queues.module.js';
import { SignupsModule } from './signups/signups.module.js';
import { TemplatesModule } from './templates/templates.module.js';
import { WebhookIntakeModule, WebhookModule } from './webhook/webhook.module.js';

/** What every process needs. */
export const FOUNDATION = [DatabaseModule, OutboxModule, AuditModule, QueuesModule, MetaModule];

/** The modules whose controllers answer below `/{URL_PREFIX}/api`. */
const FEATURES: Type[] = [
  ApiKeysModule,
  AuditLogModule,
  AccountsModule,
  ErrorsModule,
  ContactsModule,
  EventsModule,
  MediaModule,
  TemplatesModule,
  CatalogModule,
  BlockingModule,
  SignupsModule,
  InboxModule,
  CampaignsModule,
  FlowsModule,
  WebhookModule,
  AnalyticsModule,
];

/** The API process: every controller, no processor. */
@Module({})
export class AppModule {
  static forRoot(config: Config, logger: Logger): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        LoggerModule.forRoot(logger),
        ...FOUNDATION,
        HttpModule,
        WebhookIntakeModule,
        ...FEATURES,
        // For the command line.
        DjangoModule,
        RouterModule.register(FEATURES.map((feature) => ({ path: 'api', module: feature }))),
      ],
    };
  }
}
