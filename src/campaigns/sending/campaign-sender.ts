import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { AccountsService } from '../../accounts/accounts.service.js';
import { gauge } from '../../common/metrics.js';
import { sleep } from '../../common/sleep.js';
import { LOGGER } from '../../config/logger.module.js';
import { NumberTurns } from '../../inbox/sending/number-turns.js';
import { MessagesApi } from '../../meta/api/messages.js';
import { DeliveryDesk } from './delivery-desk.js';
import { NumberDrain } from './number-drain.js';
import { RoundTrip } from './round-trip.js';

/** A worker that has drains running lets others try first, so that many numbers spread over many workers. */
const POLITENESS_MS = 40;

const drains = gauge('parley_campaign_drains', 'Numbers this process sends from');

/** Runs one drain per number in this process, for the numbers whose lease it gets. */
@Injectable()
export class CampaignSender implements OnApplicationShutdown {
  private readonly holder = randomUUID();
  private readonly running = new Map<number, Promise<void>>();
  private readonly roundTrip = new RoundTrip();
  private readonly stopping = new AbortController();

  constructor(
    private readonly desk: DeliveryDesk,
    private readonly messagesApi: MessagesApi,
    private readonly turns: NumberTurns,
    private readonly accounts: AccountsService,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Sees to it that the number is drained, here or elsewhere. Returns at once: the work goes on in the background. */
  wake(accountId: number): void {
    if (this.stopping.signal.aborted || this.running.has(accountId)) {
      return;
    }
    const drain = this.drain(accountId)
      .catch((error: unknown) => {
        this.logger.error({ context: 'CampaignSender', account_id: accountId, err: error }, 'draining a number failed');
      })
      .finally(() => {
        this.running.delete(accountId);
        drains.set(this.running.size);
      });
    this.running.set(accountId, drain);
    drains.set(this.running.size);
  }

  /** Stops claiming at once, waits for the answers that are out, gives back the rest. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running.values());
  }

  private async drain(accountId: number): Promise<void> {
    await sleep(POLITENESS_MS * (this.running.size - 1), this.stopping.signal);
    const account = await this.accounts.find(accountId);
    // Nothing goes out for an account that is switched off, though a campaign of it may just have been started.
    if (!account?.isActive || this.stopping.signal.aborted) {
      return;
    }
    const lease = await this.desk.takeOver(accountId, this.holder);
    if (!lease) {
      return;
    }
    this.logger.info({ context: 'CampaignSender', account_id: accountId, epoch: lease.epoch }, 'sending from a number');
    const drain = new NumberDrain(
      account,
      lease,
      this.desk,
      this.messagesApi,
      this.turns,
      (id) => this.accounts.find(id),
      this.logger,
      this.roundTrip,
    );
    await drain.run(this.stopping.signal);
    this.logger.info({ context: 'CampaignSender', account_id: accountId, epoch: lease.epoch }, 'done with a number');
  }
}
