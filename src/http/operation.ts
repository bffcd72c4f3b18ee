import { applyDecorators, HttpCode, SetMetadata, type Type } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { describeError, type ErrorCode } from '../common/app-error.js';
import { ProblemDto } from './common.dto.js';
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
  /** Errors beyond those that every operation can give. */
  errors?: ErrorCode[];
  /** The operation acts for one account: documents X-Account-Id. Default true. */
  accountScoped?: boolean;
}

const COMMON_ERRORS: ErrorCode[] = ['validation_failed', 'internal_error', 'unavailable'];
const KEY_ERRORS: ErrorCode[] = ['unauthorized', 'insufficient_scope'];

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
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errors) {
    const { status: errorStatus } = describeError(code);
    byStatus.set(errorStatus, [...(byStatus.get(errorStatus) ?? []), code]);
  }
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
    ...[...byStatus].map(([errorStatus, codes]) =>
      ApiResponse({
        status: errorStatus,
        description: codes.map((code) => `\`${code}\`: ${describeError(code).title}`).join('; '),
        content: {
          'application/problem+json': {
            schema: { $ref: `#/components/schemas/${ProblemDto.name.replace(/Dto$/, '')}` },
          },
        },
      }),
    ),
    ...(isPublic ? [] : [ApiSecurity('api_key')]),
    ...(isAccountScoped
      ? [
          ApiHeader({
            name: 'X-Account-Id',
            required: false,
            description: 'Account to act for; else account_id, else the default account of the key.',
            schema: { type: 'integer', minimum: 1 },
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
