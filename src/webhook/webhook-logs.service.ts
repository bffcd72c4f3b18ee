import { Injectable } from '@nestjs/common';
import { AppError } from '../common/app-error.js';
import { decodeCursor, toPage, type Page } from '../common/page.js';
import { Database } from '../database/database.js';
import type { Principal } from '../http/principal.js';
import { Enqueue } from '../queues/enqueue.js';
import type { ListWebhookLogsQuery } from './webhook-log.dto.js';
import { WebhookLogsRepository, type WebhookLogRow } from './webhook-logs.repository.js';

const LIST = 'webhook_logs';

/** What Meta sent and what became of it. */
@Injectable()
export class WebhookLogsService {
  constructor(
    private readonly database: Database,
    private readonly logs: WebhookLogsRepository,
    private readonly enqueue: Enqueue,
  ) {}

  async list(principal: Principal, query: ListWebhookLogsQuery): Promise<Page<WebhookLogRow>> {
    const rows = await this.logs.list(this.database, {
      accountIds: visibleTo(principal),
      processed: query.processed,
      hasError: query.has_error,
      field: query.field,
      from: query.from,
      to: query.to,
      after: query.cursor === undefined ? null : readCursor(query.cursor),
      limit: query.limit + 1,
    });
    return toPage(LIST, rows, query.limit, (row) => [row.received_at.toISOString(), row.id]);
  }

  async get(principal: Principal, id: number): Promise<WebhookLogRow & { body: Buffer }> {
    const row = await this.logs.find(this.database, id, visibleTo(principal));
    if (!row) {
      throw new AppError('not_found', 'There is no such webhook log.');
    }
    return row;
  }

  /** Processes a body again. Safe any number of times: its effects are idempotent. */
  async replay(principal: Principal, id: number): Promise<WebhookLogRow> {
    const count = await this.logs.requeue(this.database, id, visibleTo(principal));
    if (count === 0) {
      throw new AppError('not_found', 'There is no such webhook log.');
    }
    await this.enqueue.enqueue('webhook-drain', {}, { key: 'webhook-drain' });
    return this.get(principal, id);
  }
}

/** Bodies of no account (unreadable, unknown number) are for keys that may see everything. */
function visibleTo(principal: Principal): readonly number[] | null {
  return principal.accountIds.length === 0 ? null : principal.accountIds;
}

function readCursor(cursor: string): { receivedAt: string; id: number } {
  const [receivedAt, id] = decodeCursor(LIST, cursor, 2);
  if (typeof receivedAt !== 'string' || Number.isNaN(Date.parse(receivedAt)) || typeof id !== 'number') {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { receivedAt, id };
}
