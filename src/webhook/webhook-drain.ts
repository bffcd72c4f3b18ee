import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { isConnectionLoss } from '../database/pg-error.js';
import { sleep } from '../common/sleep.js';
import { counter, histogram } from '../common/metrics.js';
import { UnknownPolicy } from '../campaigns/timing/unknown-policy.js';
import { WebhookQueueRepository, type WaitingWebhook } from './webhook-queue.repository.js';
import { WebhookRouter } from './webhook-router.js';

const BATCH = 200;
/** Of a batch, bodies that are replayed: a live one that comes meanwhile waits for no more than these. */
const REPLAYED = 100;
/** A parsed body takes several times its size; 200 of Meta's largest would end the process. */
const BATCH_BYTES = 16 * 1024 * 1024;
const LIMITS = { bodies: BATCH, replayed: REPLAYED, bytes: BATCH_BYTES };
const MAX_ATTEMPTS = 5;
/** Between two looks, in ms: what comes in meanwhile shares a batch, which costs the same dozen statements for any number. */
const GATHER_MS = 100;
/** The same while much comes in … */
const BUSY_GATHER_MS = 250;
/** … which so many bodies in one batch say. */
const MANY = 40;
/** What has waited so long, in seconds, is more than one worker can do: then others help. */
const BEHIND_S = 1;
/** What waits longer than this, in seconds, is a backlog: it may hold the status that somebody takes for missing. */
const BACKLOG_S = 5;

const processed = counter('parley_webhooks_processed_total', 'Webhook bodies processed', ['outcome']);
const lag = histogram(
  'parley_webhook_lag_seconds',
  'From receipt to effect',
  [0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300],
);

/** Of one batch. */
interface Looked {
  count: number;
  /** There may be more, and they need not gather first. */
  isFull: boolean;
}

/**
 * Processes stored bodies: effects, outbox events and the "processed" mark commit together, so a body takes effect exactly
 * once however often a worker dies. One worker does it for all as long as it keeps up: bodies of the same message come close
 * together, and workers that share them would wait for each other's rows. Where it falls behind, the others join.
 */
@Injectable()
export class WebhookDrain {
  constructor(
    private readonly database: Database,
    private readonly queue: WebhookQueueRepository,
    private readonly router: WebhookRouter,
    unknown: UnknownPolicy,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    unknown.registerBacklogCheck(() => this.queue.hasWaiting(this.database, BACKLOG_S));
  }

  /**
   * Works until nothing waits any more, or another worker is at it; the first body after a silence waits for nothing.
   * @returns how many bodies were looked at
   */
  async run(signal: AbortSignal): Promise<number> {
    let total = 0;
    let inVain = 0;
    while (!signal.aborted) {
      const looked = await this.batch();
      if (looked === 'busy') {
        break;
      }
      inVain = looked.count === 0 ? inVain + 1 : 0;
      if (inVain > 1) {
        // Who was turned away in between may have come for a body that the first look was too early for; this one was not.
        break;
      }
      total += looked.count;
      if (!looked.isFull) {
        await sleep(looked.count < MANY ? GATHER_MS : BUSY_GATHER_MS, signal);
      }
    }
    return total;
  }

  private async batch(): Promise<Looked | 'busy'> {
    let claimed: WaitingWebhook[] = [];
    // Mostly each worker finds nothing each second, which then costs one statement instead of a transaction.
    if (!(await this.queue.hasWaiting(this.database, 0))) {
      return lookedAt(claimed);
    }
    try {
      const isBusy = await this.database.transactionByKey(async (tx) => {
        if (!(await this.queue.mayDrain(tx, BEHIND_S))) {
          return true;
        }
        claimed = await this.queue.claim(tx, LIMITS);
        if (claimed.length > 0) {
          await this.queue.settle(tx, await this.router.apply(tx, claimed));
        }
        return false;
      });
      this.observe(claimed);
      return isBusy ? 'busy' : lookedAt(claimed);
    } catch (error) {
      if (claimed.length === 0 || isConnectionLoss(error)) {
        throw error;
      }
      this.logger.warn(
        { context: 'WebhookDrain', err: error, bodies: claimed.length },
        'a batch failed; trying its bodies one by one',
      );
      await this.oneByOne(claimed);
      return lookedAt(claimed);
    }
  }

  /** One bad body must not cost its neighbours: each in its own transaction, the bad one later again or never. */
  private async oneByOne(webhooks: readonly WaitingWebhook[]): Promise<void> {
    for (const webhook of webhooks) {
      try {
        await this.database.transactionByKey(async (tx) => {
          if (await this.queue.claimOne(tx, webhook)) {
            await this.queue.settle(tx, await this.router.apply(tx, [webhook]));
          }
        });
        this.observe([webhook]);
      } catch (error) {
        if (isConnectionLoss(error)) {
          throw error;
        }
        this.logger.error({ context: 'WebhookDrain', err: error, webhook_log_id: webhook.id }, 'a webhook body failed');
        await this.itemByItem(webhook);
      }
    }
  }

  /** One bad item must not cost its neighbours either: they take effect now, the body comes again for the bad one. */
  private async itemByItem(webhook: WaitingWebhook): Promise<void> {
    let hasFailed = false;
    try {
      await this.database.transactionByKey(async (tx) => {
        if (!(await this.queue.claimOne(tx, webhook))) {
          return;
        }
        const verdict = await this.router.applyApart(tx, webhook);
        await this.queue.settle(tx, [verdict]);
        hasFailed = !verdict.processed;
        if (hasFailed) {
          await this.queue.postpone(tx, webhook, verdict.error ?? '', MAX_ATTEMPTS);
        }
      });
    } catch (error) {
      if (isConnectionLoss(error)) {
        throw error;
      }
      hasFailed = true;
      await this.queue.postpone(this.database, webhook, (error as Error).message, MAX_ATTEMPTS);
    }
    if (hasFailed) {
      processed.inc({ outcome: 'failed' });
    } else {
      this.observe([webhook]);
    }
  }

  private observe(webhooks: readonly WaitingWebhook[]): void {
    processed.inc({ outcome: 'processed' }, webhooks.length);
    // What is replayed came long ago: it says nothing of how quick we are.
    for (const webhook of webhooks.filter(({ isReplayed }) => !isReplayed)) {
      lag.observe((Date.now() - webhook.receivedAt.getTime()) / 1_000);
    }
  }
}

function lookedAt(claimed: readonly WaitingWebhook[]): Looked {
  const replayed = claimed.filter(({ isReplayed }) => isReplayed).length;
  return { count: claimed.length, isFull: claimed.length === BATCH || replayed === REPLAYED };
}
