import { Process, Processor } from '@nestjs/bull';
import { Module } from '@nestjs/common';
import { QUEUES } from '../queues/queues.js';
import { CatalogSyncSweeper } from './catalog-sync-sweeper.js';
import { CatalogModule } from './catalog.module.js';

@Processor('catalog-sync')
export class CatalogSyncProcessor {
  constructor(private readonly sweeper: CatalogSyncSweeper) {}

  /** Only wakes the sweeper and returns: PostgreSQL says what there is to do. */
  @Process({ concurrency: QUEUES['catalog-sync'].concurrency })
  wake(): void {
    this.sweeper.wake();
  }
}

/** Syncs in the background. */
@Module({ imports: [CatalogModule], providers: [CatalogSyncProcessor, CatalogSyncSweeper] })
export class CatalogWorkerModule {}
