import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AccountsService } from '../../accounts/accounts.service.js';
import { Database } from '../../database/database.js';
import { SubscribedAppsApi } from '../../meta/api/subscribed-apps.js';
import { Outbox } from '../../outbox/outbox.js';
import { closedEvent, openedEvent, type Gap } from './gap.js';
import { GapsRepository } from './gaps.repository.js';

const EVERY_HOURS = 6;
/** WABAs that one round asks Meta about, so that many do not become a burst. */
const PER_ROUND = 20;
const CODE = 'subscription_drift';

/**
 * Asks Meta whether anybody gets the webhooks of a WABA. Which of its apps is ours we cannot know, so only none at all is a
 * gap. A token that Meta refuses says nothing of the subscription.
 */
@Injectable()
export class SubscriptionCheck {
  constructor(
    private readonly database: Database,
    private readonly gaps: GapsRepository,
    private readonly accounts: AccountsService,
    private readonly api: SubscribedAppsApi,
    private readonly outbox: Outbox,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    const active = (await this.accounts.freshSnapshot()).filter((account) => account.isActive);
    const byWaba = new Map<string, Account[]>();
    for (const account of active) {
      if (account.wabaId !== null) {
        byWaba.set(account.wabaId, [...(byWaba.get(account.wabaId) ?? []), account]);
      }
    }
    if (byWaba.size === 0) {
      return;
    }
    for (const wabaId of await this.gaps.claimChecks(this.database, [...byWaba.keys()], EVERY_HOURS, PER_ROUND)) {
      if (!signal.aborted) {
        await this.check(wabaId, byWaba.get(wabaId) ?? []);
      }
    }
  }

  private async check(wabaId: string, accounts: readonly Account[]): Promise<void> {
    const [asking] = accounts;
    const answer = asking && (await this.api.list(asking, wabaId));
    if (!answer?.ok) {
      await this.gaps.askAgain(this.database, wabaId, EVERY_HOURS);
      return;
    }
    const isSubscribed = answer.body.length > 0;
    await this.database.transaction(async (tx) => {
      const open = new Map(
        (await this.gaps.listOpen(tx)).filter(({ code }) => code === CODE).map((gap) => [gap.accountId, gap]),
      );
      if (isSubscribed) {
        const over = accounts.flatMap(({ id }) => open.get(id) ?? []);
        if (over.length > 0) {
          await this.gaps.close(tx, over);
          await this.outbox.append(
            tx,
            over.map((gap) => closedEvent(gap.accountId, CODE, gap.openedAt)),
          );
        }
        return;
      }
      const opened = accounts
        .filter(({ id }) => !open.has(id))
        .map(({ id }): Gap => ({ accountId: id, code: CODE, details: { waba_id: wabaId } }));
      if (opened.length > 0) {
        await this.gaps.open(tx, opened);
        await this.outbox.append(tx, opened.map(openedEvent));
      }
    });
  }
}
