import { PickType } from '@nestjs/swagger';
import { NextCursor, PageQuery } from '../http/common.dto.js';
import { Bool, Int, ListOf, OneOf, OptionalText, Text } from '../http/fields.js';
import { SOURCES, type CatalogueEntry } from './error-catalogue.js';

const KINDS = ['throttled', 'pair_limit', 'transient', 'recipient', 'template', 'account', 'ambiguous'];
const REACHES = ['recipient', 'template', 'number', 'account', 'credentials', 'platform', 'request'];

export class ErrorsQuery extends PickType(PageQuery, ['limit', 'cursor']) {
  @OneOf(SOURCES, { optional: true, description: '`parley`: `code` of our answers; `meta`: `graph.code` in them.' })
  source?: CatalogueEntry['source'];

  @OptionalText({ max: 100, description: 'Words in the code, title, meaning or advice.', example: 'window' })
  q?: string;
}

export class ErrorCodeParam {
  @Text({ max: 100, description: 'A `code` of ours, or a code or subcode of Meta’s.', example: 'rate_limited' })
  code: string;
}

/** An error that a caller can meet. */
export class ErrorDto {
  @OneOf(SOURCES, { description: 'Whose code it is.' })
  source: string;

  @Text({ max: 100, example: 'outside_service_window' })
  code: string;

  @Int({ nullable: true, description: 'Status of the answer; null for Meta’s codes.', example: 422 })
  status: number | null;

  @Text({ max: 200, example: 'Outside the 24-hour customer service window' })
  title: string;

  @Text({ max: 1_000, example: 'The person last wrote more than 24 hours ago.' })
  meaning: string;

  @OneOf(KINDS, { nullable: true, description: 'Of Meta’s codes: what a failed call means.', example: 'recipient' })
  kind: string | null;

  @OneOf(REACHES, { nullable: true, description: 'Of Meta’s codes: whom it is about.', example: 'recipient' })
  scope: string | null;

  @Text({ max: 1_000, nullable: true, description: 'Of Meta’s codes: what becomes of a send and a campaign.' })
  effect: string | null;

  @Text({ max: 1_000, example: 'Send one of the approved templates that the answer lists.' })
  what_to_do: string;

  @Bool({ description: 'The same request may succeed later without being changed.', example: false })
  retryable: boolean;
}

export class ErrorListDto {
  @ListOf(() => ErrorDto)
  errors: ErrorDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toErrorDto(entry: CatalogueEntry): ErrorDto {
  return {
    source: entry.source,
    code: entry.code,
    status: entry.status,
    title: entry.title,
    meaning: entry.meaning,
    kind: entry.kind,
    scope: entry.scope,
    effect: entry.effect,
    what_to_do: entry.whatToDo,
    retryable: entry.isRetryable,
  };
}
