import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { AppError } from '../common/app-error.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { noSuchTemplate, TemplatesRepository } from './templates.repository.js';

/** A process that dies holds a template for so long. */
const LEASE_S = 30;
const RENEW_MS = 10_000;

/** Who changes a template at Meta is alone with it, across all processes, without holding a connection. */
@Injectable()
export class TemplateLeases {
  constructor(
    private readonly database: Database,
    private readonly repository: TemplatesRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws `template_not_found`; `conflict` while somebody else has it */
  async hold<T>(accountId: number, id: number, work: () => Promise<T>): Promise<T> {
    let lease = await this.repository.takeLease(this.database, accountId, id, LEASE_S);
    if (lease === null) {
      throw (await this.repository.find(this.database, accountId, id)) ? beingChanged() : noSuchTemplate();
    }
    let renewal: Promise<void> = Promise.resolve();
    const timer = setInterval(() => {
      renewal = this.renew(id, lease).then((renewed) => {
        lease = renewed;
      });
    }, RENEW_MS);
    try {
      return await work();
    } finally {
      clearInterval(timer);
      // What is under way would take it once more.
      await renewal;
      await this.giveBack(id, lease);
    }
  }

  /** @returns the new lease; the old one when the database is away, for it may still hold; null when it was lost */
  private async renew(id: number, lease: string | null): Promise<string | null> {
    try {
      return lease && (await this.repository.renewLease(this.database, id, lease, LEASE_S));
    } catch (error) {
      this.logger.warn({ context: 'TemplateLeases', err: error, template_id: id }, 'a lease was not renewed');
      return lease;
    }
  }

  private async giveBack(id: number, lease: string | null): Promise<void> {
    try {
      if (lease !== null) {
        await this.repository.giveLeaseBack(this.database, id, lease);
      }
    } catch (error) {
      // It ends by itself, so this is no reason to hide what the work came to.
      this.logger.warn({ context: 'TemplateLeases', err: error, template_id: id }, 'a lease was not given back');
    }
  }
}

export function beingChanged(): AppError {
  return new AppError('conflict', 'This template is being changed at Meta just now. Try again in a moment.', {
    retryAfterS: 2,
  });
}
