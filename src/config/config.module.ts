import type { DynamicModule } from '@nestjs/common';
import { Global, Module } from '@nestjs/common';
import { Config } from './config.js';

/** Makes {@link Config} injectable everywhere. */
@Global()
@Module({})
export class ConfigModule {
  static forRoot(config: Config): DynamicModule {
    return { module: ConfigModule, providers: [{ provide: Config, useValue: config }], exports: [Config] };
  }
}
