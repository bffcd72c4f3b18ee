import { Injectable, type OnModuleInit } from '@nestjs/common';
import { RetentionGuards } from '../database/retention-guards.js';
import { WebhookQueueRepository } from './webhook-queue.repository.js';

/** No body goes before it had its effects. What was given up waits for nobody: it goes with the rest. */
@Injectable()
export class WebhookRetention implements OnModuleInit {
  constructor(
    private readonly guards: RetentionGuards,
    private readonly queue: WebhookQueueRepository,
  ) {}

  onModuleInit(): void {
    this.guards.register('webhook_logs', async (q, { from, to }) =>
      (await this.queue.hasWaitingBetween(q, from, to)) ? 'bodies in it still wait to be processed' : null,
    );
  }
}
