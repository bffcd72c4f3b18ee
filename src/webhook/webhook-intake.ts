import { Injectable } from '@nestjs/common';
import { AppError } from '../common/app-error.js';
import { sleep } from '../common/sleep.js';
import { counter, histogram } from '../common/metrics.js';
import { Database } from '../database/database.js';
import { Enqueue } from '../queues/enqueue.js';
import { WebhookQueueRepository } from './webhook-queue.repository.js';

interface Waiting {
  body: Buffer;
  secretFingerprint: string | null;
  resolve: () => void;
  reject: (error: unknown) => void;
}

const MAX_BATCH = 500;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
/** Meta takes anything but a quick 200 as a failure and sends again; so does a client of ours who waits too long. */
const DEADLINE_MS = 5_000;

/** Between two commits, in ms: under load what comes in meanwhile shares the next one. */
const COMMIT_EVERY_MS = 20;
/** Between two hints, in ms. */
const HINT_EVERY_MS = 150;

const stored = counter('parley_webhooks_stored_total', 'Webhook bodies stored');
const batchSize = histogram(
  'parley_webhook_group_commit_size',
  'Bodies per commit',
  [1, 2, 5, 10, 25, 50, 100, 250, 500],
);

/**
 * Group commit: while one insert is on its way to the disk, or a moment later, all bodies that come in wait for the next one.
 * One body alone waits for nothing; a thousand share a commit.
 */
@Injectable()
export class WebhookIntake {
  private waiting: Waiting[] = [];
  private isFlushing = false;
  /** When the last commit was begun. */
  private committedAt = -COMMIT_EVERY_MS;
  private hintedAt = 0;
  private hintTimer: NodeJS.Timeout | null = null;

  constructor(
    private readonly database: Database,
    private readonly queue: WebhookQueueRepository,
    private readonly enqueue: Enqueue,
  ) {}

  /**
   * Stores a body. Resolves after the commit: only then may 200 be answered.
   * @throws `503 unavailable` when it could not be stored in time; Meta sends it again
   */
  async store(body: Buffer, secretFingerprint: string | null): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(new Error('deadline')), DEADLINE_MS);
        this.waiting.push({ body, secretFingerprint, resolve, reject });
        void this.flush();
      });
    } catch (error) {
      throw new AppError('unavailable', 'The webhook could not be stored; send it again.', {
        retryAfterS: 1,
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  private async flush(): Promise<void> {
    if (this.isFlushing) {
      return;
    }
    this.isFlushing = true;
    while (this.waiting.length > 0) {
      const waitMs = this.committedAt + COMMIT_EVERY_MS - performance.now();
      if (waitMs > 0.5 && this.waiting.length < MAX_BATCH) {
        await sleep(waitMs);
      }
      const batch = this.takeBatch();
      this.committedAt = performance.now();
      try {
        await this.queue.insert(this.database, batch);
        stored.inc(batch.length);
        batchSize.observe(batch.length);
        batch.forEach((item) => item.resolve());
        this.hint();
      } catch (error) {
        batch.forEach((item) => item.reject(error));
      }
    }
    this.isFlushing = false;
  }

  /**
   * Tells a worker at once, and then at most every so often: while it drains it looks by itself, and each hint costs Redis,
   * this process and the worker more than a body does.
   */
  private hint(): void {
    if (this.hintTimer) {
      return;
    }
    const waitMs = Math.max(0, this.hintedAt + HINT_EVERY_MS - Date.now());
    const tell = (): void => {
      this.hintTimer = null;
      this.hintedAt = Date.now();
      void this.enqueue.enqueue('webhook-drain', {}, { key: 'webhook-drain' });
    };
    if (waitMs === 0) {
      tell();
    } else {
      this.hintTimer = setTimeout(tell, waitMs);
      this.hintTimer.unref();
    }
  }

  private takeBatch(): Waiting[] {
    let bytes = 0;
    let size = 0;
    for (const item of this.waiting) {
      bytes += item.body.length;
      if (size > 0 && (size >= MAX_BATCH || bytes > MAX_BATCH_BYTES)) {
        break;
      }
      size += 1;
    }
    return this.waiting.splice(0, size);
  }
}
