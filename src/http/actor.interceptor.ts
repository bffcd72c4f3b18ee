import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';
import { actAs } from '../common/actor.js';
import type { ParleyRequest } from './principal.js';

/** Says who acts, for the audit log (an export changes nothing and is written down too); requests without a key (Meta's webhook) are Parley's own doing. */
@Injectable()
export class ActorInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<ParleyRequest>();
    const { principal } = request;
    if (!principal) {
      return next.handle();
    }
    const { keyId, keyName: name } = principal;
    const actor = { type: 'api_key', keyId, name, ip: request.ip, requestId: request.id } as const;
    return new Observable((subscriber) => actAs(actor, () => next.handle().subscribe(subscriber)));
  }
}
