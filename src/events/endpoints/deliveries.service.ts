import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../../audit/audit-trail.js';
import { AppError } from '../../common/app-error.js';
import { decodeCursor, toPage, type Page } from '../../common/page.js';
import { Database } from '../../database/database.js';
import type { Principal } from '../../http/principal.js';
import { toEventBody, type EventBody } from '../event.js';
import {
  DeliveriesRepository,
  type DeliveryDetails,
  type DeliveryFilter,
  type DeliveryRow,
  type RetryFilter,
} from './deliveries.repository.js';
import { DeliveryWorkRepository } from './delivery-work.repository.js';
import { readableTypes } from './endpoint-rights.js';
import type { EndpointRow, EndpointView } from './endpoint.js';
import { WebhookEndpointsService } from './webhook-endpoints.service.js';

const LIST = 'deliveries';

/** A delivery with what was said. */
export interface DeliveryAccount extends DeliveryDetails {
  /** What was or will be told; null: the key may not read it, or it is not kept any more. */
  event: EventBody | null;
}

/** What became of what endpoints were to be told. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly database: Database,
    private readonly endpoints: WebhookEndpointsService,
    private readonly repository: DeliveriesRepository,
    private readonly work: DeliveryWorkRepository,
    private readonly audit: AuditTrail,
  ) {}

  /** The newest first. @throws `not_found`, `bad_cursor` */
  async list(
    view: EndpointView,
    endpointId: number,
    { cursor, ...filter }: Omit<DeliveryFilter, 'after'> & { cursor?: string | undefined },
  ): Promise<Page<DeliveryRow>> {
    const endpoint = await this.endpoints.get(view, endpointId);
    const rows = await this.repository.list(this.database, endpoint.id, {
      ...filter,
      limit: filter.limit + 1,
      after: readCursor(cursor),
    });
    return toPage(LIST, rows, filter.limit, (row) => [row.createdAt.toISOString(), row.id]);
  }

  /** @throws `not_found` */
  async get(by: Principal, view: EndpointView, id: number): Promise<DeliveryAccount> {
    const delivery = await this.repository.find(this.database, view, id);
    if (!delivery) {
      throw new AppError('not_found', 'There is no such delivery.');
    }
    const readable = readableTypes(by);
    if (readable !== null && !readable.includes(delivery.type)) {
      // An answer may repeat what it was told.
      return { ...delivery, event: null, history: delivery.history.map((attempt) => ({ ...attempt, body: '' })) };
    }
    const event = (await this.work.findEvents(this.database, [delivery.seq])).get(delivery.seq);
    return { ...delivery, event: event ? toEventBody(event) : null };
  }

  /**
   * Tells it again, whatever became of it.
   * @throws `not_found`, `409 webhook_endpoint_disabled`, `410 event_gone`
   */
  async retry(by: Principal, view: EndpointView, id: number): Promise<DeliveryAccount> {
    const delivery = await this.get(by, view, id);
    const endpoint = await this.endpoints.get(view, delivery.endpointId);
    assertActive(endpoint);
    await this.database.transaction(async (tx) => {
      if (!(await this.repository.retry(tx, delivery))) {
        throw new AppError('event_gone', 'What this delivery tells of is not kept any more.');
      }
      await this.audit.append(tx, [
        {
          action: 'webhook_delivery.retried',
          objectType: 'webhook_delivery',
          objectId: id,
          accountId: endpoint.accountId,
        },
      ]);
    });
    return this.get(by, view, id);
  }

  /**
   * Tells an endpoint again of all that match. @returns how many
   * @throws `not_found`, `409 webhook_endpoint_disabled`
   */
  async retryMatching(view: EndpointView, endpointId: number, filter: RetryFilter): Promise<number> {
    const endpoint = await this.endpoints.get(view, endpointId);
    assertActive(endpoint);
    return this.database.transaction(async (tx) => {
      const count = await this.repository.retryMatching(tx, endpoint.id, filter);
      await this.audit.append(tx, [
        {
          action: 'webhook_endpoint.deliveries_retried',
          objectType: 'webhook_endpoint',
          objectId: endpoint.id,
          accountId: endpoint.accountId,
          changes: { count },
        },
      ]);
      return count;
    });
  }
}

function assertActive(endpoint: EndpointRow): void {
  if (!endpoint.isActive) {
    throw new AppError('webhook_endpoint_disabled', 'The endpoint is disabled. Set is_active first.');
  }
}

function readCursor(cursor: string | undefined): DeliveryFilter['after'] {
  if (cursor === undefined) {
    return null;
  }
  const [createdAt, id] = decodeCursor(LIST, cursor, 2);
  if (typeof createdAt !== 'string' || typeof id !== 'number' || !isMoment(createdAt)) {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { createdAt, id };
}

/** As we write them: PostgreSQL must not meet a day that there is not. */
function isMoment(text: string): boolean {
  const date = new Date(text);
  return /^\d{4}-/.test(text) && !Number.isNaN(date.getTime()) && date.toISOString() === text;
}
