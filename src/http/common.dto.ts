import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../common/page.js';
import { Id, Int, ListOf, OptionalText, Text } from './fields.js';

/** In every request body and query: the account, when the header does not name it. */
export class AccountScopedDto {
  @Id({ optional: true, description: 'Account to act for; the X-Account-Id header wins.' })
  account_id?: number;
}

/** `?limit=&cursor=` of every list. */
export class PageQuery extends AccountScopedDto {
  @Int({ optional: true, min: 1, max: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE, description: 'Rows per page.' })
  limit: number = DEFAULT_PAGE_SIZE;

  @OptionalText({ max: 1_000, description: 'next_cursor of the previous page.' })
  cursor?: string;
}

export class IdParam {
  @Id()
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

/** `application/problem+json` (RFC 9457): what every error answers. */
export class ProblemDto {
  @Text({
    max: 200,
    example: 'https://parley.dev/errors/validation_failed',
    description: 'Identifies the kind of problem.',
  })
  type: string;

  @Text({ max: 200, example: 'The request is not valid' })
  title: string;

  @Int({ example: 400 })
  status: number;

  @Text({ max: 2_000, example: 'phone must be a string' })
  detail: string;

  @Text({ max: 100, example: 'validation_failed', description: 'Stable; branch on it.' })
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
}
