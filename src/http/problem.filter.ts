import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import { AppError, type ErrorCode } from '../common/app-error.js';
import type { Config } from '../config/config.js';
import { isConnectionLoss, isDataError, isRetryable } from '../database/pg-error.js';
import type { ParleyRequest } from './principal.js';
import type { RouteTable } from './route-table.js';

/** Errors that Fastify raises before a handler runs. */
const FASTIFY_CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_REQ_FILE_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'unsupported_media_type',
};

const STATUS_CODES: Record<number, ErrorCode> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  409: 'conflict',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  503: 'unavailable',
};

/** Turns whatever was thrown into `application/problem+json`. No stack, no SQL, no token. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly types: string,
    private readonly routes: RouteTable,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<ParleyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = this.refusedMethod(request) ?? toAppError(thrown);
    if (error.status >= 500 && !['graph_error', 'graph_outcome_unknown'].includes(error.code)) {
      this.logger.error(
        { context: 'Http', err: thrown, request_id: request.id, route: request.routeOptions?.url },
        'request failed',
      );
    }
    if (reply.sent) {
      return;
    }
    if (error.options.retryAfterS !== undefined) {
      void reply.header('retry-after', String(error.options.retryAfterS));
    }
    if (error.code === 'method_not_allowed') {
      void reply.header('allow', this.routes.methodsOf(request.url).join(', '));
    }
    void reply
      .status(error.status)
      .type('application/problem+json')
      .send(toProblem(error, request.id, this.types));
  }

  /** An address that there is, asked by a method that it has not. */
  private refusedMethod(request: ParleyRequest): AppError | null {
    const methods = request.is404 ? this.routes.methodsOf(request.url) : [];
    return methods.length > 0
      ? new AppError('method_not_allowed', `${request.method} is not possible here, only ${methods.join(', ')}.`)
      : null;
  }
}

/** What `type` of a problem document begins with: the code's entry in the catalogue of errors (`GET /errors/{code}`). */
export function problemTypes({ publicBaseUrl, urlPrefix }: Config['http']): string {
  return `${publicBaseUrl ?? ''}/${urlPrefix}/api/errors/`;
}

/** The problem document of an error. */
export function toProblem(error: AppError, requestId: string, types: string): Record<string, unknown> {
  return {
    type: types + error.code,
    title: error.title,
    status: error.status,
    detail: error.message,
    code: error.code,
    request_id: requestId,
    // The predecessor's clients read this one; of a 401 they expect exactly this word.
    error: error.status === 401 ? 'Unauthorized' : error.message,
    ...(error.options.errors ? { errors: error.options.errors } : {}),
    ...error.options.extra,
  };
}

/** Whatever was thrown, as an error that a caller may be told. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) {
    return thrown;
  }
  const { code, statusCode } = thrown as { code?: string; statusCode?: number };
  const fastifyCode = typeof code === 'string' ? FASTIFY_CODES[code] : undefined;
  if (fastifyCode) {
    return new AppError(fastifyCode);
  }
  if (thrown instanceof SyntaxError && statusCode === 400) {
    return new AppError('malformed_json', 'The body is not JSON.');
  }
  if (isConnectionLoss(thrown)) {
    return new AppError('unavailable', 'The database is not reachable right now.', { retryAfterS: 1, cause: thrown });
  }
  if (isRetryable(thrown)) {
    return new AppError('unavailable', 'Another request holds what this one needs. Try again.', {
      retryAfterS: 1,
      cause: thrown,
    });
  }
  if (isDataError(thrown)) {
    return new AppError(
      'bad_request',
      'A value cannot be stored: it is too large or contains a character that is not allowed.',
    );
  }
  const status = thrown instanceof HttpException ? thrown.getStatus() : statusCode;
  const known = status === undefined ? undefined : STATUS_CODES[status];
  if (known) {
    return new AppError(
      known,
      thrown instanceof HttpException && status === 404 ? 'There is nothing at this address.' : undefined,
    );
  }
  return new AppError('internal_error', 'Something went wrong on our side. The request_id finds it in the log.', {
    cause: thrown,
  });
}
