import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../../config/logger.module.js';
import { Database } from '../../database/database.js';
import { GapsRepository } from './gaps.repository.js';

/** However many are refused, the database hears of it this often, in ms. */
const WRITE_EVERY_MS = 2_000;

/** Counts refused bodies for the gap detector, which runs in another process. Costs whoever posts them nothing to us. */
@Injectable()
export class RefusalCounter implements OnApplicationShutdown {
  private count = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly database: Database,
    private readonly gaps: GapsRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  add(): void {
    this.count += 1;
    this.timer ??= setTimeout(() => void this.write(), WRITE_EVERY_MS).unref();
  }

  onApplicationShutdown(): Promise<void> {
    if (this.timer) {
      clearTimeout(this.timer);
    }
    return this.write();
  }

  private async write(): Promise<void> {
    this.timer = null;
    const { count } = this;
    this.count = 0;
    if (count === 0) {
      return;
    }
    try {
      await this.gaps.addRefusals(this.database, count);
    } catch (error) {
      this.logger.warn({ context: 'Webhook', err: error, count }, 'refused webhooks were not counted');
    }
  }
}
