import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { AppError } from '../common/app-error.js';
import { isForm } from './form.js';
import type { ParleyRequest } from './principal.js';

/** Where `@ApiConsumes` of Swagger keeps what it is given. */
const CONSUMES_KEY = 'swagger/apiConsumes';

/** Refuses a form where only JSON is read: it would be taken for a request without a body. */
@Injectable()
export class BodyTypeInterceptor implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<ParleyRequest>();
    const consumes = this.reflector.get<string[] | undefined>(CONSUMES_KEY, context.getHandler()) ?? [];
    if (isForm(request) && !consumes.includes('multipart/form-data')) {
      throw new AppError('unsupported_media_type', 'Send application/json.');
    }
    return next.handle();
  }
}
