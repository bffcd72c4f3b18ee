import { describeError, ERROR_CODES, type ErrorCode } from '../common/app-error.js';
import { takesIdempotencyKey, type Operation, type Schemas } from './document-parts.js';
import { ERROR_CODES_EXTENSION } from './operation.js';

const PROBLEM = { $ref: '#/components/schemas/Problem' };

/** Meta's refusals keep one code and have three statuses. */
const OTHER_STATUSES: Partial<Record<ErrorCode, number[]>> = { graph_error: [422, 429] };

/** Statuses after which it is worth trying again, and which may say when. */
const RETRY_LATER = ['409', '429', '502', '503'];

export const SHARED_HEADERS = {
  RequestId: {
    description: 'Name of the request in the log; the one that was given, when it was sane.',
    schema: { type: 'string', maxLength: 100, example: 'req_1b2c3d4e5f6a7b8c9d0e' },
  },
  RateLimit: {
    description: 'What is left of the key’s requests. Absent when there is no limit.',
    schema: { type: 'string', example: '"default";r=99;t=1' },
  },
  RateLimitPolicy: {
    description: 'How many requests a key may make (`q`) in how many seconds (`w`). Absent when there is no limit.',
    schema: { type: 'string', example: '"default";q=100;w=1' },
  },
  RetryAfter: {
    description: 'Seconds after which to try again.',
    schema: { type: 'integer', minimum: 0, example: 1 },
  },
  IdempotencyReplayed: {
    description:
      '`true`: nothing was done now, this is the answer of the first request with this key. Without a body when the person that it told of was erased since.',
    schema: { type: 'string', enum: ['true'], example: 'true' },
  },
};

/** Every error answer of an operation: by status, with an example of each code. */
export function describeErrors(operation: Operation, method: string, schemas: Schemas): void {
  const codes = new Set([
    ...((operation[ERROR_CODES_EXTENSION] as ErrorCode[] | undefined) ?? []),
    ...errorsOfKind(operation, method),
  ]);
  delete operation[ERROR_CODES_EXTENSION];
  if (!schemas.Problem) {
    return;
  }
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of ERROR_CODES.filter((known) => codes.has(known))) {
    for (const status of [describeError(code).status, ...(OTHER_STATUSES[code] ?? [])]) {
      byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
    }
  }
  for (const [status, some] of [...byStatus].sort(([a], [b]) => a - b)) {
    const known = operation.responses[String(status)];
    const description = some.map((code) => `\`${code}\`: ${describeError(code).title}`).join('; ');
    operation.responses[String(status)] = {
      ...known,
      description: known?.description ? `${known.description} ${description}` : description,
      content: {
        ...known?.content,
        'application/problem+json': {
          schema: PROBLEM,
          examples: Object.fromEntries(
            some.map((code) => [code, { $ref: `#/components/examples/${exampleName(code, status)}` }]),
          ),
        },
      },
    };
  }
}

/** What every operation with such a body, or under such a rule, can answer. */
function errorsOfKind(operation: Operation, method: string): ErrorCode[] {
  const content = Object.keys(operation.requestBody?.content ?? {});
  const isSecured = (operation.security ?? []).length > 0;
  const hasCursor = operation.parameters?.some(({ name, in: place }) => name === 'cursor' && place === 'query');
  return [
    ...(isSecured ? (['rate_limited'] as const) : []),
    // Of a body that nobody asked for too.
    ...(method !== 'get' && isSecured ? (['payload_too_large', 'unsupported_media_type'] as const) : []),
    ...(content.includes('application/json') && isSecured ? (['malformed_json'] as const) : []),
    ...(content.includes('multipart/form-data') ? (['bad_request'] as const) : []),
    ...(hasCursor ? (['bad_cursor'] as const) : []),
    ...(takesIdempotencyKey(operation, method) ? (['idempotency_in_progress', 'idempotency_key_reused'] as const) : []),
  ];
}

/** The headers of every answer. */
export function describeHeaders(operation: Operation, method: string): void {
  const isSecured = (operation.security ?? []).length > 0;
  for (const [status, response] of Object.entries(operation.responses)) {
    response.headers = {
      'X-Request-Id': { $ref: '#/components/headers/RequestId' },
      // A key that is not known has no limit of its own.
      ...(isSecured && status !== '401'
        ? {
            RateLimit: { $ref: '#/components/headers/RateLimit' },
            'RateLimit-Policy': { $ref: '#/components/headers/RateLimitPolicy' },
          }
        : {}),
      ...(takesIdempotencyKey(operation, method) && status.startsWith('2')
        ? { 'Idempotency-Replayed': { $ref: '#/components/headers/IdempotencyReplayed' } }
        : {}),
      ...(RETRY_LATER.includes(status) ? { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } } : {}),
      ...response.headers,
    };
  }
}

/** A problem document of each code that there is. */
export function errorExamples(): Record<string, { summary: string; value: unknown }> {
  return Object.fromEntries(
    ERROR_CODES.flatMap((code) =>
      [describeError(code).status, ...(OTHER_STATUSES[code] ?? [])].map((status) => [
        exampleName(code, status),
        { summary: describeError(code).title, value: exampleProblem(code, status) },
      ]),
    ),
  );
}

function exampleName(code: ErrorCode, status: number): string {
  return status === describeError(code).status ? code : `${code}_${status}`;
}

function exampleProblem(code: ErrorCode, status: number): Record<string, unknown> {
  const { title } = describeError(code);
  const errors = [{ field: 'phone', code: 'invalid_phone_number', message: '"12" is not a phone number.' }];
  return {
    type: `/whatsapp/api/errors/${code}`,
    title,
    status,
    detail: code === 'validation_failed' ? '"12" is not a phone number.' : `${title}.`,
    code,
    request_id: 'req_1b2c3d4e5f6a7b8c9d0e',
    error: code === 'validation_failed' ? '"12" is not a phone number.' : status === 401 ? 'Unauthorized' : `${title}.`,
    ...(code === 'validation_failed' ? { errors } : {}),
    ...(code === 'graph_error' ? { graph: exampleRefusal(status) } : {}),
  };
}

/** What Meta says for each of the three statuses. */
function exampleRefusal(status: number): Record<string, unknown> {
  const [code, kind, title, details] = REFUSALS[status] ?? REFUSALS[502];
  return { code, subcode: null, title, details, kind, fbtrace_id: 'AbCdEfGhIjK', retryable: status === 429 };
}

const REFUSALS: Record<number, [code: number, kind: string, title: string, details: string]> & {
  502: [code: number, kind: string, title: string, details: string];
} = {
  422: [131_026, 'recipient', 'Message undeliverable', 'The number cannot receive messages.'],
  429: [130_429, 'throttled', 'Rate limit hit', 'Too many messages in a short time.'],
  502: [190, 'account', 'Access token has expired', 'The access token is no longer valid.'],
};
