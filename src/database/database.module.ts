import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Config } from '../config/config.js';
import { Database } from './database.js';
import { dataSourceOptions } from './options.js';
import { RetentionGuards } from './retention-guards.js';

/** The connection pool. Entities are registered by the modules that own them. */
@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [Config],
      useFactory: (config: Config) => ({
        ...dataSourceOptions({ url: config.databaseUrl, applicationName: 'parley' }),
        autoLoadEntities: true,
        retryAttempts: 10,
        retryDelay: 1_000,
      }),
    }),
  ],
  providers: [Database, RetentionGuards],
  exports: [Database, RetentionGuards],
})
export class DatabaseModule {}
