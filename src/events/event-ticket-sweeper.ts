import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { LOGGER } from '../config/logger.module.js';
import { EventTicketsRepository } from './event-tickets.repository.js';

const EVERY_MS = 60_000;

/** Forgets tickets that nobody used in time. */
@Injectable()
export class EventTicketSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(tickets: EventTicketsRepository, @Inject(LOGGER) logger: Logger) {
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: () => tickets.deleteExpired(),
      onError: (error) => logger.error({ context: 'EventTicketSweeper', err: error }, 'forgetting tickets failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}
