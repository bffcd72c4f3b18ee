import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { Reflector } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { AppError, invalidFields } from '../common/app-error.js';
import { isForm } from './form.js';
import type { ParleyRequest } from './principal.js';

/** Where `@ApiConsumes` of Swagger keeps what it is given. */
const CONSUMES_KEY = 'swagger/apiConsumes';
/** In every body: read by the account resolver. */
const ACCOUNT_ID = 'account_id';

/**
 * Refuses bodies that nobody would read: a form where only JSON is read, which would be taken for a request without a body,
 * and fields of an operation that has none (`{"wait": true}` where `wait` belongs into the query).
 */
@Injectable()
export class BodyTypeInterceptor implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<ParleyRequest>();
    const consumes = this.reflector.get<string[] | undefined>(CONSUMES_KEY, context.getHandler()) ?? [];
    if (isForm(request) && !consumes.includes('multipart/form-data')) {
      throw new AppError('unsupported_media_type', 'Send application/json.');
    }
    // Without a key it is Meta or a phone that asks: such bodies are read whole.
    if (request.principal && consumes.length === 0 && !takesBody(context)) {
      refuseFields(request.body);
    }
    return next.handle();
  }
}

function takesBody(context: ExecutionContext): boolean {
  const parameters = Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), context.getHandler().name) as
    Record<string, unknown> | undefined;
  return Object.keys(parameters ?? {}).some((key) => key.startsWith(`${RouteParamtypes.BODY}:`));
}

function refuseFields(body: unknown): void {
  const fields = typeof body === 'object' && body !== null ? Object.keys(body) : [];
  const unknown = fields.filter((field) => field !== ACCOUNT_ID);
  if (unknown.length > 0) {
    throw invalidFields(
      unknown.map((field) => ({ field, code: 'unknown_field', message: `${field} is not a field of this request` })),
    );
  }
}
