import { applyDecorators, HttpCode, SetMetadata, type Type } from '@nestjs/common';
import { ApiExtension, ApiHeader, ApiOperation, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import type { ErrorCode } from '../common/app-error.js';
import { ACCOUNT_SCOPED_KEY, ANY_KEY, KEY_OR_TICKET, PUBLIC, RequireScope, type Access } from './principal.js';

export interface OperationOptions {
  /** As a client author would name the method: verb + noun. */
  id: string;
  summary: string;
  description?: string;
  tag: string;
  scope: Access;
  /** Body of the answer; none: 204. */
  answers?: Type;
  /** 200 unless said otherwise (201 when something was created, 202 when work goes on, 204 without a body). */
  status?: number;
  /** Errors beyond those that every operation, or every one of its kind, can give. */
  errors?: ErrorCode[];
  /** A request body that works on the demo data; else it is made of the examples of the required fields. */
  example?: Record<string, unknown>;
  /** The operation acts for one account: documents X-Account-Id. Default true. */
  accountScoped?: boolean;
}

/** What `document.ts` reads, and takes out again. */
export const ERROR_CODES_EXTENSION = 'x-error-codes';
export const EXAMPLE_EXTENSION = 'x-request-example';

const COMMON_ERRORS: ErrorCode[] = ['validation_failed', 'internal_error', 'unavailable'];
const KEY_ERRORS: ErrorCode[] = ['unauthorized', 'insufficient_scope', 'rate_limited'];

/**
 * Everything the outside knows of an operation, in one place: scope, id, summary, answer and errors. What it does not say
 * is not in the OpenAPI document.
 */
export function Operation(options: OperationOptions): MethodDecorator {
  const isPublic = options.scope === PUBLIC;
  const isAccountScoped = !isPublic && options.accountScoped !== false;
  const status = options.status ?? (options.answers ? 200 : 204);
  const errors = new Set<ErrorCode>([
    ...COMMON_ERRORS,
    ...(isPublic ? [] : KEY_ERRORS),
    ...(isAccountScoped ? (['account_not_found'] as const) : []),
    ...(options.errors ?? []),
  ]);
  return applyDecorators(
    ApiOperation({
      operationId: options.id,
      summary: options.summary,
      description: [options.description, describeAccess(options.scope)].filter(Boolean).join('\n\n'),
    }),
    ApiTags(options.tag),
    HttpCode(status),
    RequireScope(options.scope),
    SetMetadata(ACCOUNT_SCOPED_KEY, isAccountScoped),
    ApiResponse({
      status,
      description: status === 204 ? 'Done.' : 'The answer.',
      ...(options.answers ? { type: options.answers } : {}),
    }),
    ApiExtension(ERROR_CODES_EXTENSION, [...errors]),
    ...(options.example ? [ApiExtension(EXAMPLE_EXTENSION, options.example)] : []),
    ...(isPublic ? [] : [ApiSecurity('api_key')]),
    ...(isAccountScoped
      ? [
          ApiHeader({
            name: 'X-Account-Id',
            required: false,
            description: 'Account to act for; else account_id, else the default account of the key.',
            schema: { type: 'integer', format: 'int64', minimum: 1, examples: [1] },
          }),
        ]
      : []),
  );
}

function describeAccess(access: Access): string {
  switch (access) {
    case PUBLIC:
      return '';
    case ANY_KEY:
      return 'Any valid key.';
    case KEY_OR_TICKET:
      return 'Any valid key, or a ticket instead of one.';
    default:
      return `Scope: \`${access}\`.`;
  }
}
