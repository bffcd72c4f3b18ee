import { Injectable, type OnModuleInit } from '@nestjs/common';
import { RetentionGuards } from '../../database/retention-guards.js';
import { FanOutRepository } from './fan-out.repository.js';

/** What has not been told yet is not dropped, however old; deliveries end after some days by themselves. */
@Injectable()
export class DeliveryRetention implements OnModuleInit {
  constructor(
    private readonly guards: RetentionGuards,
    private readonly repository: FanOutRepository,
  ) {}

  onModuleInit(): void {
    for (const table of ['outbox_events', 'webhook_deliveries']) {
      this.guards.register(table, async (q, { to }) =>
        (await this.repository.hasWaiting(q, to)) ? 'webhook endpoints wait for events of that time' : null,
      );
    }
  }
}
