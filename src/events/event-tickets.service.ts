import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApiKeyAuthenticator } from '../api-keys/api-key-authenticator.js';
import { AppError } from '../common/app-error.js';
import { sha256 } from '../common/secret.js';
import type { Principal } from '../http/principal.js';
import { EventTicketsRepository } from './event-tickets.repository.js';

/** How long a ticket can be used, in seconds. */
export const TICKET_LIFETIME_S = 60;
const TICKET_BYTES = 32;

/** Tickets let a browser, whose EventSource sends no headers, open one stream without a key in its address. */
@Injectable()
export class EventTicketsService {
  constructor(
    private readonly repository: EventTicketsRepository,
    private readonly keys: ApiKeyAuthenticator,
  ) {}

  async issue({ keyId }: Principal): Promise<string> {
    const ticket = randomBytes(TICKET_BYTES).toString('base64url');
    if (!(await this.repository.insert(sha256(ticket), keyId, TICKET_LIFETIME_S))) {
      throw new AppError('unauthorized', 'The API key is gone.');
    }
    return ticket;
  }

  /**
   * Who holds the ticket, with the rights that the key has now. It is used up, whatever comes of it.
   * @throws `401 unauthorized` when it is unknown, used or expired, or its key does not work any more
   */
  async redeem(ticket: string): Promise<Principal> {
    const taken = await this.repository.take(sha256(ticket));
    const principal = taken?.isValid ? await this.keys.findByKeyId(taken.keyId, taken.createdAt) : null;
    if (!principal) {
      throw new AppError('unauthorized', 'The ticket is used, expired or unknown. Get a new one.');
    }
    return principal;
  }
}
