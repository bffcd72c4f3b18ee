import type { Logger } from 'pino';
import { sleep } from '../../common/sleep.js';
import { isConnectionLoss } from '../../database/pg-error.js';
import type { Settled } from './preparation.js';

const BATCH = 500;
/** Answers gather, so that they share a commit: for so long when there are many … */
const EVERY_MS = 50;
/**
 * … and for so long when there are few: a transaction costs the same for four of them as for forty. Who was answered and is
 * not stored when the process dies is unknown until the first status comes.
 */
const MOST_MS = 300;
const MANY = 30;
const RETRY_MS = 250;

export interface SettlerOptions {
  /** Stores what became of these attempts, in one transaction. */
  store: (batch: readonly Settled[]) => Promise<void>;
  /** They are stored, or never will be. */
  onStored: (batch: readonly Settled[]) => void;
  logger: Logger;
}

/** Stores answers in batches. An answer in our hands is stored however long the database is away. */
export class Settler {
  private readonly waiting: Settled[] = [];
  private isEnding = false;
  private wake: (() => void) | null = null;
  private readonly running: Promise<void>;

  constructor(private readonly options: SettlerOptions) {
    this.running = this.run();
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  add(settled: Settled): void {
    this.waiting.push(settled);
    if (this.waiting.length >= BATCH) {
      this.wake?.();
    }
  }

  /** Ends when everything that was added is stored. */
  async end(): Promise<void> {
    this.isEnding = true;
    this.wake?.();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isEnding || this.waiting.length > 0) {
      if (this.waiting.length < BATCH && !this.isEnding) {
        await this.gather();
      }
      const batch = this.waiting.slice(0, BATCH);
      if (batch.length === 0) {
        continue;
      }
      try {
        await this.options.store(batch);
        this.done(batch);
      } catch (error) {
        this.options.logger.warn({ context: 'Settler', err: error }, 'storing answers failed; trying again');
        await (isConnectionLoss(error) ? sleep(RETRY_MS) : this.oneByOne(batch));
      }
    }
  }

  /** One answer that cannot be stored must not hold up the others: its recipient stays in doubt until a status tells. */
  private async oneByOne(batch: readonly Settled[]): Promise<void> {
    for (const item of batch) {
      try {
        await this.options.store([item]);
      } catch (error) {
        if (isConnectionLoss(error)) {
          return;
        }
        const { logger } = this.options;
        logger.error(
          { context: 'Settler', recipient_id: item.attempt.id, err: error },
          'an answer could not be stored',
        );
      }
      this.done([item]);
    }
  }

  private done(batch: readonly Settled[]): void {
    const items = new Set(batch);
    this.waiting.splice(0, this.waiting.length, ...this.waiting.filter((item) => !items.has(item)));
    this.options.onStored(batch);
  }

  private async gather(): Promise<void> {
    await this.pause(EVERY_MS);
    if (this.waiting.length < MANY && !this.isEnding) {
      await this.pause(MOST_MS - EVERY_MS);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
