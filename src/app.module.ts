import { Module, type DynamicModule } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Config } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { LoggerModule } from './config/logger.module.js';
import { DatabaseModule } from './database/database.module.js';
import { HttpModule } from './http/http.module.js';
import { MetaModule } from './meta/meta.module.js';
import { OutboxModule } from './outbox/outbox.module.js';
import { QueuesModule } from './queues/queues.module.js';

/** What every process needs. */
export const FOUNDATION = [DatabaseModule, OutboxModule, QueuesModule, MetaModule];

/** The modules with a door to the outside. */
const FEATURES = [HttpModule];

/** The API process: every controller, no processor. */
@Module({})
export class AppModule {
  static forRoot(config: Config, logger: Logger): DynamicModule {
    return {
      module: AppModule,
      imports: [ConfigModule.forRoot(config), LoggerModule.forRoot(logger), ...FOUNDATION, ...FEATURES],
    };
  }
}
