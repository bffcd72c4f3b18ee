import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { AppError } from '../common/app-error.js';
import type { ParleyRequest } from '../http/principal.js';
import { EventTicketsService } from './event-tickets.service.js';

/** Says who is asking where a request came with a ticket instead of a key. */
@Injectable()
export class TicketGuard implements CanActivate {
  constructor(private readonly tickets: EventTicketsService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<ParleyRequest>();
    if (!request.principal) {
      const { ticket } = request.query as { ticket?: unknown };
      if (typeof ticket !== 'string') {
        throw new AppError('unauthorized', 'Send one ticket.');
      }
      request.principal = await this.tickets.redeem(ticket);
    }
    return true;
  }
}
