import { getQueueToken } from '@nestjs/bull';
import { Inject, Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Queue } from 'bull';
import type { Logger } from 'pino';
import { LOGGER } from '../config/logger.module.js';
import type { QueueName, QueuePayloads } from './queues.js';

/** Longest an enqueue may keep its caller, in ms. */
const ENQUEUE_DEADLINE_MS = 200;

/** The only caller of `queue.add`. Call it after the commit: the worker may look at once. */
@Injectable()
export class Enqueue {
  constructor(
    private readonly moduleRef: ModuleRef,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Hints that there is work. Never fails and never waits long: when Redis is away the sweeper finds the work.
   * @param key jobs with the same key waiting at once are one job
   */
  async enqueue<Name extends QueueName>(
    name: Name,
    payload: QueuePayloads[Name],
    options: { key: string },
  ): Promise<void> {
    const queue = this.moduleRef.get<Queue>(getQueueToken(name), { strict: false });
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('deadline')), ENQUEUE_DEADLINE_MS);
    });
    const added = queue.add(payload, {
      jobId: options.key,
      attempts: 1,
      removeOnComplete: true,
      removeOnFail: true,
    });
    // When the deadline wins, the add still ends some time, and its failure must be heard by someone.
    added.catch(() => undefined);
    try {
      await Promise.race([added, deadline]);
    } catch (error) {
      this.logger.debug({ context: 'Enqueue', queue: name, reason: (error as Error).message }, 'hint not queued');
    } finally {
      clearTimeout(timer);
    }
  }
}
