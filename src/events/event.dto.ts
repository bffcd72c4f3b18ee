import { Transform } from 'class-transformer';
import { invalidField } from '../common/app-error.js';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../common/page.js';
import { AccountScopedDto } from '../http/common.dto.js';
import { AnyJson, Id, Int, JsonObject, ListOf, OneOf, OptionalText, Text, Timestamp } from '../http/fields.js';
import { EVENT_TYPES, type EventType } from '../outbox/outbox.js';
import type { NumberedEvent } from './event.js';
import { toEventBody } from './event.js';

const YES = ['1', 'true'];
const NO = ['0', 'false'];

export class EventsQuery extends AccountScopedDto {
  @AnyJson({
    optional: true,
    description: 'Only events of these types: separated by commas, or the parameter repeated.',
    schema: { type: 'array', items: { type: 'string', enum: [...EVENT_TYPES] }, example: ['message.received'] },
  })
  @Transform(({ value }: { value: unknown }) => (Array.isArray(value) ? value.join(',') : value))
  types?: unknown;

  @Id({ optional: true, description: 'Only events of this account; the X-Account-Id header wins.' })
  override account_id?: number;

  @OptionalText({
    max: 200,
    description: 'Stream: as the header Last-Event-ID, which wins, for a first connection that cannot send it.',
    example: '1042',
  })
  last_event_id?: string;

  @OptionalText({
    max: 200,
    description: 'Stream: of createEventTicket, instead of a key. Works once.',
    example: 'evt_8Zr2kX0aVb',
  })
  ticket?: string;

  @OneOf([...YES, ...NO], { optional: true, description: '`1`: answer a page of events instead of a stream.' })
  poll?: string;

  @OptionalText({ max: 1_000, description: 'Page: next_cursor of the answer before.', example: 'WyJldmVudHMiLDEwNDJd' })
  cursor?: string;

  @OneOf(['start', 'now'], {
    optional: true,
    description: 'Page: where to begin without a cursor: at the oldest event that is kept, or now (the default).',
  })
  from?: 'start' | 'now';

  @Int({
    optional: true,
    min: 1,
    max: MAX_PAGE_SIZE,
    description: `Page: events at most, else ${DEFAULT_PAGE_SIZE}.`,
    example: 100,
  })
  limit?: number;
}

export class EventDto {
  @Text({ max: 20, example: '1042', description: 'Ascends; use it as Last-Event-ID.' })
  id: string;

  @OneOf(EVENT_TYPES, { example: 'message.received' })
  type: string;

  @Timestamp()
  timestamp: string;

  @Id({ nullable: true, description: 'Null: concerns the whole installation.' })
  account_id: number | null;

  @JsonObject({
    description: 'What the event tells, by its type.',
    example: { id: 7, message_id: 'wamid.HBgM', conversation_id: 3, contact_id: 5, message_type: 'text' },
  })
  data: Record<string, unknown>;
}

export class EventPageDto {
  @ListOf(() => EventDto)
  events: EventDto[];

  @Text({ max: 1_000, description: 'Where to go on: always given.', example: 'WyJldmVudHMiLDEwNDJd' })
  next_cursor: string;
}

export class EventTicketDto {
  @Text({ max: 200, example: 'kq0D2mJx1Gm8bW3r6PZ5bq0vQ8m0V2c7c1nB4Xw2hJY' })
  ticket: string;

  @Int({ example: 60, description: 'Seconds.' })
  expires_in: number;
}

export function toEventPageDto(page: { events: NumberedEvent[]; nextCursor: string }): EventPageDto {
  return { events: page.events.map(toEventBody), next_cursor: page.nextCursor };
}

/**
 * What a request asks for besides its types, checked against its kind.
 * @throws `400 validation_failed` when a parameter belongs to the other kind
 */
export function isPoll(query: EventsQuery): boolean {
  const poll = query.poll !== undefined && YES.includes(query.poll);
  const misplaced = (poll ? (['last_event_id'] as const) : (['cursor', 'from', 'limit'] as const)).find(
    (name) => query[name] !== undefined,
  );
  if (misplaced) {
    const message = poll
      ? `${misplaced} is for streams: a page goes on from its cursor.`
      : `${misplaced} needs poll=1.`;
    throw invalidField(misplaced, 'not_applicable', message);
  }
  if (query.cursor !== undefined && query.from !== undefined) {
    throw invalidField('from', 'not_applicable', 'from is for the first page: cursor says where to go on.');
  }
  return poll;
}

/** @throws `400 validation_failed` naming a type that there is not */
export function parseTypes(types: unknown): EventType[] | null {
  if (types === undefined) {
    return null;
  }
  const names = String(types)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = names.find((name) => !(EVENT_TYPES as readonly string[]).includes(name));
  if (unknown !== undefined) {
    const message = `There is no event type "${unknown.slice(0, 100)}". There are: ${EVENT_TYPES.join(', ')}.`;
    throw invalidField('types', 'unknown_event_type', message);
  }
  return names.length === 0 ? null : (names as EventType[]);
}
