import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { CatalogSyncRunner, LEASE_S } from './catalog-sync-runner.js';
import { CatalogSyncsRepository } from './catalog-syncs.repository.js';

const EVERY_MS = 1_000;
const PRUNE_EVERY_MS = 3_600_000;
const KEEP_DAYS = 90;
/** Catalogs that one process reads at once. */
const MAX_AT_ONCE = 4;

/** Finds syncs that nobody works on: new ones, those that wait, and those whose worker died. */
@Injectable()
export class CatalogSyncSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly running = new Set<Promise<void>>();
  private readonly loops: BackgroundLoop[];

  constructor(
    private readonly database: Database,
    private readonly repository: CatalogSyncsRepository,
    private readonly runner: CatalogSyncRunner,
    @Inject(LOGGER) logger: Logger,
  ) {
    const onError = (error: unknown): void =>
      logger.error({ context: 'CatalogSyncSweeper', err: error }, 'sweeping catalog syncs failed');
    this.loops = [
      new BackgroundLoop({ everyMs: EVERY_MS, round: () => this.sweep(onError), onError }),
      new BackgroundLoop({
        everyMs: PRUNE_EVERY_MS,
        round: () => this.repository.prune(this.database, KEEP_DAYS),
        onError,
      }),
    ];
  }

  onApplicationBootstrap(): void {
    this.loops.forEach((loop) => loop.start());
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.loops.map((loop) => loop.stop()));
    await Promise.all(this.running);
  }

  /** Looks for work soon. */
  wake(): void {
    this.loops[0]?.wake();
  }

  private async sweep(onError: (error: unknown) => void): Promise<void> {
    const free = MAX_AT_ONCE - this.running.size;
    if (free === 0) {
      return;
    }
    for (const claimed of await this.repository.claim(this.database, free, LEASE_S)) {
      const work = this.runner
        .run(claimed, this.stopping.signal)
        .catch(onError)
        .finally(() => {
          this.running.delete(work);
          this.wake();
        });
      this.running.add(work);
    }
  }
}
