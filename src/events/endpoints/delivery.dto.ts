import { invalidField } from '../../common/app-error.js';
import { AccountScopedDto, NextCursor, PageQuery } from '../../http/common.dto.js';
import { Id, Int, JsonObject, ListOf, ListOfText, OneOf, Text, Timestamp } from '../../http/fields.js';
import { EVENT_TYPES } from '../../outbox/outbox.js';
import type { DeliveryRow, RetryFilter } from './deliveries.repository.js';
import type { DeliveryAccount } from './deliveries.service.js';
import { messageIdOf } from './message-id.js';
import { DELIVERY_STATUSES, RETRIABLE_STATUSES, type DeliveryStatus } from './endpoint.js';

const STATUSES =
  '`pending`: not tried yet. `failed`: tried, and to be tried again. `delivered`: answered with 2xx. `exhausted`: every ' +
  'attempt failed. `cancelled`: its endpoint was disabled, or its event is not kept any more.';

export class ListDeliveriesQuery extends PageQuery {
  @OneOf(DELIVERY_STATUSES, { optional: true, description: STATUSES })
  status?: DeliveryStatus;

  @OneOf(EVENT_TYPES, { optional: true, description: 'Only those of events of this type.' })
  type?: string;

  @Timestamp({ optional: true, description: 'Made at or after.' })
  from?: string;

  @Timestamp({ optional: true, description: 'Made before.' })
  to?: string;
}

export class RetryDeliveriesDto extends AccountScopedDto {
  @ListOfText({
    optional: true,
    maxItems: RETRIABLE_STATUSES.length,
    max: 20,
    values: RETRIABLE_STATUSES,
    description: 'None or empty: all of them.',
    example: ['exhausted', 'cancelled'],
  })
  status?: DeliveryStatus[];

  @OneOf(EVENT_TYPES, { optional: true })
  type?: string;

  @Timestamp({ optional: true, description: 'Made at or after.' })
  from?: string;

  @Timestamp({ optional: true, description: 'Made before.' })
  to?: string;
}

export class RetriedDeliveriesDto {
  @Int({ example: 1_204, description: 'Deliveries that begin anew.' })
  count: number;
}

export class DeliveryDto {
  @Id()
  id: number;

  @Id()
  endpoint_id: number;

  @Text({ max: 20, example: '1042', description: 'As in the live stream.' })
  event_id: string;

  @Text({ max: 30, example: 'evt_1042', description: 'The header webhook-id: the same for all attempts.' })
  message_id: string;

  @OneOf(EVENT_TYPES, { example: 'message.received' })
  type: string;

  @Id({ nullable: true })
  account_id: number | null;

  @OneOf(DELIVERY_STATUSES, { description: STATUSES, example: 'delivered' })
  status: DeliveryStatus;

  @Int({ example: 1, description: 'Attempts that are kept: the last 20.' })
  attempts: number;

  @Timestamp({ nullable: true, description: 'Null: there is none.', example: null })
  next_attempt_at: Date | null;

  @Int({ nullable: true, example: 200, description: 'Status of the last answer; null: there was none.' })
  answer_status: number | null;

  @Text({ max: 100, nullable: true, example: null, description: '`no_answer`, `event_gone` or null.' })
  error: string | null;

  @Timestamp()
  created_at: Date;

  @Timestamp({ nullable: true })
  finished_at: Date | null;
}

export class DeliveryListDto {
  @ListOf(() => DeliveryDto)
  deliveries: DeliveryDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class DeliveryAttemptDto {
  @Timestamp()
  at: string;

  @JsonObject({
    description: 'Headers that were sent.',
    example: {
      'webhook-id': 'evt_1042',
      'webhook-timestamp': '1795253400',
      'webhook-signature': 'v1,K5oZfzN95Z9UVu1E',
    },
  })
  request_headers: Record<string, string>;

  @Int({ nullable: true, example: 200, description: 'Null: no complete answer within 15 seconds.' })
  status: number | null;

  @Text({ max: 100, nullable: true, example: null })
  error: string | null;

  @Int({ nullable: true, example: 87, description: 'Milliseconds until the answer was complete.' })
  ms: number | null;

  @Text({ min: 0, max: 20_000, example: 'ok', description: 'What it answered, at most 16 kB, secrets taken out.' })
  body: string;
}

export class DeliveryDetailDto extends DeliveryDto {
  @Text({ max: 2_000, example: 'https://shop.example/parley/events', description: 'Where the endpoint is now.' })
  url: string;

  @JsonObject({
    nullable: true,
    description: 'What is told. Null: not kept any more, or your key may not read events of this type.',
    example: {
      id: '1042',
      type: 'message.received',
      timestamp: '2026-11-21T09:30:00.000Z',
      account_id: 1,
      data: { id: 7 },
    },
  })
  request_body: object | null;

  @ListOf(() => DeliveryAttemptDto, { description: 'The oldest first.' })
  attempt_log: DeliveryAttemptDto[];
}

export function toDeliveryDto(delivery: DeliveryRow): DeliveryDto {
  return {
    id: delivery.id,
    endpoint_id: delivery.endpointId,
    event_id: String(delivery.seq),
    message_id: messageIdOf(delivery.seq),
    type: delivery.type,
    account_id: delivery.accountId,
    status: delivery.status,
    attempts: delivery.attempts,
    next_attempt_at: delivery.dueAt,
    answer_status: delivery.answerStatus,
    error: delivery.error,
    created_at: delivery.createdAt,
    finished_at: delivery.finishedAt,
  };
}

export function toDeliveryDetailDto(delivery: DeliveryAccount): DeliveryDetailDto {
  return { ...toDeliveryDto(delivery), url: delivery.url, request_body: delivery.event, attempt_log: delivery.history };
}

export function toRetryFilter({ status = [], type, from, to }: RetryDeliveriesDto): RetryFilter {
  return {
    statuses: status.length === 0 ? RETRIABLE_STATUSES : status,
    type: type ?? null,
    from: momentOf('from', from) ?? null,
    to: momentOf('to', to) ?? null,
  };
}

/**
 * A moment as PostgreSQL reads it: ISO-8601 has forms, such as weeks, that it does not know.
 * @throws `400 validation_failed`
 */
export function momentOf(field: string, text: string | undefined): string | undefined {
  if (text === undefined) {
    return undefined;
  }
  const date = new Date(text);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9_999 || date.getUTCFullYear() < 1) {
    throw invalidField(field, 'not_date', `${field} must be a moment such as 2026-11-21T09:30:00.000Z.`);
  }
  return date.toISOString();
}
