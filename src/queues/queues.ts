/** What each queue's job carries: ids, never a copy of what PostgreSQL knows. */
export interface QueuePayloads {
  'campaign-drain': { accountId: number };
  'webhook-drain': Record<string, never>;
  'contact-import': Record<string, never>;
  'media-fetch': Record<string, never>;
  'catalog-sync': Record<string, never>;
}

export type QueueName = keyof QueuePayloads;

export interface QueueOptions {
  /** Jobs of this queue at once in one process. */
  concurrency: number;
}

/**
 * Every queue there is. A job is a hint: it may run twice, be lost, or come late; a sweeper finds the same work in
 * PostgreSQL. Jobs are short (they start the work and return), because Bull runs a job twice when its process is blocked
 * for longer than the lock, and silently ignores a job id that is still known.
 */
export const QUEUES: Record<QueueName, QueueOptions> = {
  'campaign-drain': { concurrency: 4 },
  'webhook-drain': { concurrency: 1 },
  'contact-import': { concurrency: 1 },
  'media-fetch': { concurrency: 1 },
  'catalog-sync': { concurrency: 1 },
};

export const QUEUE_NAMES = Object.keys(QUEUES) as QueueName[];
