import { Injectable } from '@nestjs/common';
import { RedisLink } from './redis-link.js';

const PING_DEADLINE_MS = 200;

/** Whether the alarm clock works; the product goes on without it. */
@Injectable()
export class RedisHealth {
  constructor(private readonly redis: RedisLink) {}

  /** `up` when Redis answers within 200 ms. */
  async ping(): Promise<'up' | 'down'> {
    const { client } = this.redis;
    if (client.status !== 'ready') {
      return 'down';
    }
    const deadline = new Promise<'down'>((resolve) => setTimeout(() => resolve('down'), PING_DEADLINE_MS).unref());
    const answer = client.ping().then(
      () => 'up' as const,
      () => 'down' as const,
    );
    return Promise.race([answer, deadline]);
  }
}
