import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import { AnyJson, Bool, Id, Int, ListOf, ListOfIds, ListOfText, Text, Timestamp } from '../http/fields.js';
import { invalidField } from '../common/app-error.js';
import { readJson } from '../meta/webhook-payload.js';
import type { WebhookLogRow } from './webhook-logs.repository.js';
import type { ListQuery, WebhookLogQuery } from './webhook-logs.service.js';
import { redactedPayload } from './webhook-redaction.js';
import type { WebhookReplay } from './webhook-replays.repository.js';
import type { Replayed } from './webhook-replays.service.js';

const Processed = (): PropertyDecorator =>
  Bool({ optional: true, description: 'Only those that had their effects, or not.' });
const HasError = (): PropertyDecorator =>
  Bool({ optional: true, description: 'Only those with (or without) an error.' });
const ErrorText = (): PropertyDecorator =>
  Text({ optional: true, max: 200, description: 'Stands in the error, in whatever case.', example: 'no account' });
const Field = (): PropertyDecorator =>
  Text({ optional: true, max: 100, description: 'A field of Meta’s.', example: 'messages' });
const From = (): PropertyDecorator => Timestamp({ optional: true, description: 'Received at or after.' });
const To = (): PropertyDecorator => Timestamp({ optional: true, description: 'Received before.' });
const OfNumber = (): PropertyDecorator =>
  Text({
    optional: true,
    max: 100,
    description: 'Only of the account with this phone_number_id of Meta’s.',
    example: '106540352242922',
  });

export class ListWebhookLogsQuery extends PageQuery {
  @Processed()
  processed?: boolean;

  @HasError()
  has_error?: boolean;

  @ErrorText()
  error?: string;

  @Field()
  field?: string;

  @From()
  from?: string;

  @To()
  to?: string;

  @OfNumber()
  phone_number_id?: string;

  @Text({
    optional: true,
    min: 3,
    max: 200,
    description:
      'Stands in the body, letter by letter: a wamid, a phone number, a word. A page looks through 5,000 bodies and may ' +
      'therefore be short or empty with a next_cursor; narrow it with from and to.',
    example: 'wamid.HBgLMTIwMjU1NTAxNzE',
  })
  q?: string;
}

/** Which bodies to process again; at least one condition. */
export class ReplayWebhookLogsDto extends AccountScopedDto {
  @ListOfIds({ optional: true, maxItems: 1_000, description: 'These.' })
  ids?: number[];

  @Processed()
  processed?: boolean;

  @HasError()
  has_error?: boolean;

  @ErrorText()
  error?: string;

  @Field()
  field?: string;

  @From()
  from?: string;

  @To()
  to?: string;

  @OfNumber()
  phone_number_id?: string;

  @Bool({ optional: true, default: false, description: 'Only say which bodies it would be.' })
  dry_run?: boolean;
}

/** What a replay takes. */
export class WebhookReplayResultDto {
  @Id({ nullable: true, description: 'Ask getWebhookReplay how far it is; null: nothing was queued.' })
  replay_id: number | null;

  @Bool()
  dry_run: boolean;

  @Int({ description: 'Bodies that are queued, or of a dry run would be.', example: 12 })
  count: number;

  @Bool({
    description: 'The filter means more than the 100,000 of one replay: the oldest are taken; ask again for the rest.',
  })
  has_more: boolean;

  @AnyJson({
    description: 'Bodies by field.',
    example: { messages: 12 },
    schema: { type: 'object', additionalProperties: { type: 'integer', minimum: 0 } },
  })
  fields: Record<string, number>;

  @Timestamp({ nullable: true, description: 'When the oldest came.' })
  oldest: string | null;

  @Timestamp({ nullable: true, description: 'When the newest came.' })
  newest: string | null;
}

/** How far a replay is. */
export class WebhookReplayDto {
  @Id()
  id: number;

  @Timestamp()
  created_at: string;

  @Int({ description: 'Bodies that were queued.', example: 12 })
  queued: number;

  @Int({ description: 'Of them, bodies that wait for their effects; 0: done.', example: 0 })
  waiting: number;
}

/** A body Meta posted, and what became of it. */
export class WebhookLogDto {
  @Id()
  id: number;

  @Timestamp()
  received_at: string;

  @Bool()
  processed: boolean;

  @Timestamp({ nullable: true })
  processed_at: string | null;

  @Text({ max: 2_000, nullable: true, description: 'Why it, or a part of it, had no effect.' })
  error: string | null;

  @Int({ description: 'Attempts that failed.', example: 0 })
  attempts: number;

  @Timestamp({
    nullable: true,
    description:
      'When it is tried next; null: it is processed, or was given up and waits for a replay (a dead letter).',
  })
  next_attempt_at: string | null;

  @ListOfText({ maxItems: 1_000, max: 100, example: ['messages'] })
  fields: string[];

  @ListOfIds({ maxItems: 1_000 })
  account_ids: number[];
}

export class WebhookLogDetailDto extends WebhookLogDto {
  @AnyJson({
    description:
      'The body as JSON, or as text when it is none or nested too deep. Secrets are left out; with ' +
      'WEBHOOK_LOG_REDACT_TEXT what people write too.',
  })
  payload: unknown;
}

export class WebhookLogListDto {
  @ListOf(() => WebhookLogDto)
  webhook_logs: WebhookLogDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toWebhookLogDto(row: WebhookLogRow): WebhookLogDto {
  return {
    id: row.id,
    received_at: row.received_at.toISOString(),
    processed: row.processed,
    processed_at: row.processed_at?.toISOString() ?? null,
    error: row.error,
    attempts: row.attempts,
    next_attempt_at: row.next_attempt_at?.toISOString() ?? null,
    fields: row.fields,
    account_ids: row.account_ids,
  };
}

export function toWebhookLogDetailDto(
  row: WebhookLogRow & { body: Buffer },
  redactsText: boolean,
): WebhookLogDetailDto {
  const parsed = readJson(row.body);
  const payload = parsed.ok ? parsed.value : row.body.toString('utf8');
  return { ...toWebhookLogDto(row), payload: redactedPayload(payload, redactsText) };
}

export function toReplayResultDto({ replayId, preview, hasMore }: Replayed, isDryRun: boolean): WebhookReplayResultDto {
  return {
    replay_id: replayId,
    dry_run: isDryRun,
    count: preview.count,
    has_more: hasMore,
    fields: preview.fields,
    oldest: preview.oldest?.toISOString() ?? null,
    newest: preview.newest?.toISOString() ?? null,
  };
}

export function toWebhookReplayDto(replay: WebhookReplay): WebhookReplayDto {
  return {
    id: replay.id,
    created_at: replay.created_at.toISOString(),
    queued: replay.queued_count,
    waiting: replay.waiting_count,
  };
}

/** @param accountId of the account that the request names */
export function logQueryOf(query: ListWebhookLogsQuery, accountId: number | undefined): ListQuery {
  return { ...conditionsOf(query, accountId), text: query.q, cursor: query.cursor, limit: query.limit };
}

/**
 * @param accountId of the account that the request names
 * @throws `400 validation_failed` when it has no condition: everything is more than anybody means
 */
export function replayQueryOf(dto: ReplayWebhookLogsDto, accountId: number | undefined): WebhookLogQuery {
  const query = { ids: dto.ids, ...conditionsOf(dto, accountId) };
  if (Object.values(query).every((value) => value === undefined)) {
    throw invalidField(
      'ids',
      'required',
      'Say which bodies: ids, from, to, field, has_error, error, processed or an account.',
    );
  }
  return query;
}

function conditionsOf(
  given: ListWebhookLogsQuery | ReplayWebhookLogsDto,
  accountId: number | undefined,
): WebhookLogQuery {
  return {
    accountId,
    processed: given.processed,
    hasError: given.has_error,
    error: given.error,
    field: given.field,
    from: given.from,
    to: given.to,
    phoneNumberId: given.phone_number_id,
  };
}
