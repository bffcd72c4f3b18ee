import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

/** Who a ticket was made for. */
export interface RedeemedTicket {
  keyId: number;
  /** When it was made, as PostgreSQL writes it. */
  createdAt: string;
  isValid: boolean;
}

/** Tickets by their hash: each method is one statement, and the clock is the database's. */
@Injectable()
export class EventTicketsRepository {
  constructor(private readonly database: Database) {}

  /** @returns false when the key is gone */
  async insert(hash: Buffer, keyId: number, validForS: number): Promise<boolean> {
    const rows = await this.database.query(
      `insert into event_tickets (ticket_hash, api_key_id, expires_at)
       select $1, id, now() + make_interval(secs => $3) from api_keys where id = $2 for key share
       returning 1`,
      [hash, keyId, validForS],
    );
    return rows.length > 0;
  }

  /** Takes the ticket, so that of many at once one gets it. */
  async take(hash: Buffer): Promise<RedeemedTicket | null> {
    const [row] = await this.database.query<RedeemedTicket>(
      `delete from event_tickets where ticket_hash = $1
       returning api_key_id as "keyId", created_at::text as "createdAt", expires_at > now() as "isValid"`,
      [hash],
    );
    return row ?? null;
  }

  async deleteExpired(): Promise<void> {
    await this.database.query('delete from event_tickets where expires_at <= now()');
  }
}
