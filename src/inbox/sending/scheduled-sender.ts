import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../../common/background-loop.js';
import { gauge } from '../../common/metrics.js';
import { sleep } from '../../common/sleep.js';
import { LOGGER } from '../../config/logger.module.js';
import { ScheduledSends, type ClaimedSend } from './scheduled-sends.service.js';

const EVERY_MS = 1_000;
/** Between two claims while there is work: other workers get their share. */
const PAUSE_MS = 50;
/** Also how many are in doubt when the process is killed. */
const MAX_IN_FLIGHT = 32;
/** Of a number's rate: the rest is for agents and campaigns, and for other workers. */
const SHARE = 0.5;

const waiting = gauge('parley_scheduled_sends_in_flight', 'Scheduled messages this process is sending');

/** Sends what is due, as long as the process runs. No barrier: a slow answer keeps nobody else waiting. */
@Injectable()
export class ScheduledSender implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly inFlight = new Set<Promise<void>>();
  /** When a number may send again, by the process's clock. */
  private readonly busyUntil = new Map<number, number>();
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly scheduled: ScheduledSends,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: (signal) => this.round(signal),
      onError: (error) => logger.error({ context: 'ScheduledSender', err: error }, 'claiming scheduled sends failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  /** Claims no more, and waits for the answers that are out. */
  async onApplicationShutdown(): Promise<void> {
    await this.loop.stop();
    await Promise.all(this.inFlight);
  }

  private async round(signal: AbortSignal): Promise<void> {
    const free = MAX_IN_FLIGHT - this.inFlight.size;
    const busy = this.busyAccounts();
    const claimed = free > 0 ? await this.scheduled.claim(free, busy) : [];
    for (const message of claimed) {
      this.note(message);
      this.start(message);
    }
    if (claimed.length > 0 || busy.length > 0) {
      await sleep(claimed.length > 0 ? PAUSE_MS : this.untilSomeoneIsFree(), signal);
      this.loop.wake();
    }
  }

  private start(message: ClaimedSend): void {
    const sending = this.scheduled
      .send(message)
      .catch((error: unknown) => {
        // It stays pending, and the sweeper calls it unknown: nobody sends it again.
        this.logger.error(
          { context: 'ScheduledSender', message_id: message.id, err: error },
          'a scheduled send failed',
        );
      })
      .finally(() => {
        if (this.inFlight.size >= MAX_IN_FLIGHT) {
          this.loop.wake();
        }
        this.inFlight.delete(sending);
        waiting.set(this.inFlight.size);
      });
    this.inFlight.add(sending);
    waiting.set(this.inFlight.size);
  }

  private busyAccounts(): number[] {
    const now = performance.now();
    for (const [accountId, until] of this.busyUntil) {
      if (until <= now) {
        this.busyUntil.delete(accountId);
      }
    }
    return [...this.busyUntil.keys()];
  }

  private untilSomeoneIsFree(): number {
    const next = Math.min(...this.busyUntil.values()) - performance.now();
    return Math.min(EVERY_MS, Math.max(PAUSE_MS, next));
  }

  private note({ accountId, messagesPerSecond }: ClaimedSend): void {
    const from = Math.max(this.busyUntil.get(accountId) ?? 0, performance.now());
    this.busyUntil.set(accountId, from + 1_000 / (messagesPerSecond * SHARE));
  }
}
