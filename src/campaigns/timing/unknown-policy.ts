import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '../../database/database.js';
import type { FoldedMessage } from '../../inbox/deliveries.service.js';
import { TimingRepository } from './timing.repository.js';

/** Whether webhooks wait to be processed: a status that nobody has read yet is no silence. */
export type BacklogCheck = () => Promise<boolean>;

/** What becomes of sends whose outcome is not known, by the policy of their campaign. */
@Injectable()
export class UnknownPolicy {
  private hasBacklog: BacklogCheck = () => Promise.resolve(false);

  constructor(
    private readonly database: Database,
    private readonly timing: TimingRepository,
  ) {}

  /** The webhook log stands above campaigns, so it says by itself whether it has a backlog. */
  registerBacklogCheck(check: BacklogCheck): void {
    this.hasBacklog = check;
  }

  /**
   * Status webhooks told of these messages: statuses flow, and what was posted before and is silent has none. By our clock on
   * both sides: Meta's may be minutes ahead.
   */
  async noteEvidence(tx: Tx, messages: readonly FoldedMessage[]): Promise<void> {
    const newest = new Map<number, Date>();
    for (const { accountId, campaignId, timestamp } of messages) {
      const known = newest.get(accountId);
      if (campaignId !== null && (!known || timestamp > known)) {
        newest.set(accountId, timestamp);
      }
    }
    if (newest.size > 0) {
      const evidence = [...newest].map(([accountId, postedAt]) => ({ accountId, postedAt }));
      await this.timing.noteEvidence(tx, evidence);
    }
  }

  /** @returns the numbers that have something to send again */
  async apply(): Promise<number[]> {
    await this.timing.dropUnknown(this.database);
    return (await this.hasBacklog()) ? [] : this.timing.resendSilent(this.database);
  }
}
