import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../../common/background-loop.js';
import { LOGGER } from '../../config/logger.module.js';
import { Database } from '../../database/database.js';
import { ImportRunner } from './import-runner.js';
import { ImportsRepository } from './imports.repository.js';

const EVERY_MS = 2_000;
const PRUNE_EVERY_MS = 3_600_000;
const KEEP_DAYS = 7;

/** Works on imports that wait, a batch of each in turn; one whose worker died waits no longer than others. */
@Injectable()
export class ContactImportSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loops: BackgroundLoop[];

  constructor(
    private readonly database: Database,
    private readonly repository: ImportsRepository,
    private readonly runner: ImportRunner,
    @Inject(LOGGER) logger: Logger,
  ) {
    const onError = (error: unknown): void =>
      logger.error({ context: 'ContactImportSweeper', err: error }, 'sweeping imports failed');
    this.loops = [
      new BackgroundLoop({ everyMs: EVERY_MS, round: (signal) => this.sweep(signal), onError }),
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
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  /** Looks for work soon. */
  wake(): void {
    this.loops[0]?.wake();
  }

  private async sweep(signal: AbortSignal): Promise<void> {
    const ours = new Set<number>();
    do {
      (await this.repository.findDue(this.database)).forEach((id) => ours.add(id));
      for (const id of ours) {
        if (signal.aborted) {
          return;
        }
        if ((await this.runner.step(id)) !== 'more') {
          ours.delete(id);
        }
      }
    } while (ours.size > 0);
  }
}
