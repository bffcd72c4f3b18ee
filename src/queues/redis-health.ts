import { getQueueToken } from '@nestjs/bull';
import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Queue } from 'bull';
import type { Redis } from 'ioredis';

const PING_DEADLINE_MS = 200;

/** Whether the alarm clock works; the product goes on without it. */
@Injectable()
export class RedisHealth {
  constructor(private readonly moduleRef: ModuleRef) {}

  /** `up` when Redis answers within 200 ms. */
  async ping(): Promise<'up' | 'down'> {
    const queue = this.moduleRef.get<Queue>(getQueueToken('campaign-drain'), { strict: false });
    const client = queue.client as unknown as Redis;
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
