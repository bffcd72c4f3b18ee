import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../common/page.js';
import { ERROR_CODES } from '../common/app-error.js';
import {
  AnyJson,
  Bool,
  Id,
  Int,
  JsonObject,
  ListOf,
  ListOfText,
  Nested,
  OneOf,
  OptionalText,
  Text,
  Timestamp,
} from './fields.js';

/** In every request body and query: the account, when the header does not name it. */
export class AccountScopedDto {
  @Id({ optional: true, description: 'Account to act for; the X-Account-Id header wins.' })
  account_id?: number;
}

/** `?limit=&cursor=` of every list. */
export class PageQuery extends AccountScopedDto {
  @Int({ optional: true, min: 1, max: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE, description: 'Rows per page.' })
  limit: number = DEFAULT_PAGE_SIZE;

  @OptionalText({ max: 1_000, description: 'next_cursor of the previous page.', example: 'WyJjb250YWN0cyIsMTA0Ml0' })
  cursor?: string;
}

export class IdParam {
  @Id({ description: 'Its id.' })
  id: number;
}

/** Where a list goes on; null at its end. */
export const NextCursor = (): PropertyDecorator =>
  Text({ max: 1_000, nullable: true, description: 'Cursor of the next page, null at the end.', example: null });

export class FieldErrorDto {
  @Text({ max: 200, example: 'phone' })
  field: string;

  @Text({ max: 100, example: 'invalid_phone_number' })
  code: string;

  @Text({ max: 1_000, example: '"12" is not a phone number.' })
  message: string;
}

/** What Meta said, when it refused. */
export class GraphErrorDto {
  @Int({ nullable: true, example: 131_026, description: 'Meta’s code; `GET /errors` explains it.' })
  code: number | null;

  @Int({ nullable: true, example: null })
  subcode: number | null;

  @Text({ max: 1_000, example: 'Message undeliverable' })
  title: string;

  @Text({ max: 2_000, example: 'The number cannot receive messages.' })
  details: string;

  @OneOf(['throttled', 'pair_limit', 'transient', 'recipient', 'template', 'account', 'ambiguous'], {
    description: 'What it is about, and so what may help.',
    example: 'recipient',
  })
  kind: string;

  @Text({ max: 200, nullable: true, example: 'AbCdEfGhIjK', description: 'For Meta’s support.' })
  fbtrace_id: string | null;

  @Bool({ description: 'The same request may do better later.' })
  retryable: boolean;
}

/** `application/problem+json` (RFC 9457): what every error answers. */
export class ProblemDto {
  @Text({
    max: 200,
    example: '/whatsapp/api/errors/validation_failed',
    description: 'Identifies the kind of problem.',
  })
  type: string;

  @Text({ max: 200, example: 'The request is not valid' })
  title: string;

  @Int({ example: 400 })
  status: number;

  @Text({ max: 2_000, example: 'phone must be a string' })
  detail: string;

  @OneOf(ERROR_CODES, {
    name: 'ErrorCode',
    example: 'validation_failed',
    description: 'Stable; branch on it. Codes are added: take one that you do not know by its status.',
  })
  code: string;

  @Text({ max: 100, example: 'req_1b2c3d4e5f6a7b8c' })
  request_id: string;

  @Text({
    max: 2_000,
    example: 'phone must be a string',
    description: 'The human text again, for clients of the predecessor.',
  })
  error: string;

  @ListOf(() => FieldErrorDto, { optional: true, description: 'Each wrong field, for validation_failed.' })
  errors?: FieldErrorDto[];

  @Nested(() => GraphErrorDto, { optional: true, description: 'Of `graph_error`: what Meta said.' })
  graph?: GraphErrorDto;

  @JsonObject({ optional: true, description: 'Of a send: the message, and what became of it.', example: { id: 1 } })
  message?: object;

  @OptionalText({
    max: 2_000,
    example: 'Ask the customer to write first.',
    description: 'Where Meta’s words leave it open.',
  })
  what_to_do?: string;

  @Id({ optional: true, nullable: true, description: 'The contact that it is about, or that exists already.' })
  contact_id?: number | null;

  @Id({ optional: true, description: 'Of a catalog sync that failed.' })
  sync_id?: number;

  @JsonObject({
    optional: true,
    description: 'Of a flow: the one that is kept here.',
    example: { id: 1, name: 'Booking' },
  })
  flow?: object;

  @JsonObject({
    optional: true,
    description: 'Of a block: Meta’s whole answer.',
    example: { messaging_product: 'whatsapp' },
  })
  meta_response?: object;

  @AnyJson({
    optional: true,
    schema: { type: 'array', items: { type: 'object', additionalProperties: true } },
    description: 'Of a flow that Meta will not publish: what it finds wrong.',
    example: [{ error: 'INVALID_PROPERTY', message: 'Unknown property.', line_start: 3 }],
  })
  validation_errors?: object[];

  @Timestamp({ optional: true, nullable: true, description: 'Of `outside_service_window`: when it closed.' })
  service_window_expires_at?: string | null;

  @ListOfText({
    optional: true,
    maxItems: 100,
    max: 512,
    example: ['order_update'],
    description: 'Of `outside_service_window`: approved templates that may be sent instead.',
  })
  templates?: string[];

  @OptionalText({ max: 1_000, example: 'WyJldmVudHMiLDEwNDJd', description: 'Of `cursor_expired`: where to go on.' })
  next_cursor?: string;
}
