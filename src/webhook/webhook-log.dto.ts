import { NextCursor, PageQuery } from '../http/common.dto.js';
import {
  AnyJson,
  Bool,
  Id,
  Int,
  ListOf,
  ListOfIds,
  ListOfText,
  OptionalText,
  Text,
  Timestamp,
} from '../http/fields.js';
import { readJson } from '../meta/webhook-payload.js';
import type { WebhookLogRow } from './webhook-logs.repository.js';

export class ListWebhookLogsQuery extends PageQuery {
  @Bool({ optional: true })
  processed?: boolean;

  @Bool({ optional: true, description: 'Only those with (or without) an error.' })
  has_error?: boolean;

  @OptionalText({ max: 100, description: 'A field of Meta’s, such as messages.' })
  field?: string;

  @Timestamp({ optional: true, description: 'Received at or after.' })
  from?: string;

  @Timestamp({ optional: true, description: 'Received before.' })
  to?: string;
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

  @Int()
  attempts: number;

  @ListOfText({ maxItems: 1_000, max: 100, example: ['messages'] })
  fields: string[];

  @ListOfIds({ maxItems: 1_000 })
  account_ids: number[];
}

export class WebhookLogDetailDto extends WebhookLogDto {
  @AnyJson({ description: 'The body as JSON, or as text when it is none or nested too deep.' })
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
    fields: row.fields,
    account_ids: row.account_ids,
  };
}

export function toWebhookLogDetailDto(row: WebhookLogRow & { body: Buffer }): WebhookLogDetailDto {
  const parsed = readJson(row.body);
  return { ...toWebhookLogDto(row), payload: parsed.ok ? parsed.value : row.body.toString('utf8') };
}
