import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { AccountScope } from '../contacts/person.js';

/** A campaign that was brought in. */
export interface ImportedCampaign extends AccountScope {
  campaignId: number;
  status: string;
}

/** A recipient of whom a second row tells more. */
export interface BetterRecipient {
  id: number;
  status: string;
  messageId: string | null;
  sentAt: Date | null;
  deliveredAt: Date | null;
  readAt: Date | null;
}

const RANK = (status: string): string =>
  `array_position(array['pending', 'skipped', 'unknown', 'failed', 'sent', 'delivered', 'read'], ${status})`;

@Injectable()
export class ImportedRecipientsRepository {
  /** By the ids over there. */
  async campaigns(q: Queryable, importId: number): Promise<Map<number, ImportedCampaign>> {
    const rows = await q.query<ImportedCampaign & { source_id: number }>(
      `select r.source_id, c.id as "campaignId", c.status, a.id, coalesce(a.portfolio_id, a.waba_id, a.phone_number_id) as portfolio
       from imported_rows r join campaigns c on c.id = r.target_id join accounts a on a.id = c.account_id
       where r.import_id = $1 and r.model = 'campaign'`,
      [importId],
    );
    return new Map(rows.map(({ source_id: sourceId, ...campaign }) => [sourceId, campaign]));
  }

  /** Of two rows of one person the one that got further stays. Whoever was sent to here is left alone. */
  async better(tx: Tx, recipients: readonly BetterRecipient[]): Promise<void> {
    await tx.query(
      `update campaign_recipients r set status = u.status, message_id = coalesce(u.message_id, r.message_id),
         sent_at = coalesce(r.sent_at, u.sent_at), delivered_at = coalesce(r.delivered_at, u.delivered_at),
         read_at = coalesce(r.read_at, u.read_at), error_message = null
       from (select distinct on (id) * from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[],
           $6::timestamptz[]) as g (id, status, message_id, sent_at, delivered_at, read_at)
         order by id, ${RANK('status')} desc) u
       where r.id = u.id and r.attempt = 0 and ${RANK('u.status')} > ${RANK('r.status')}`,
      columnsOf(
        recipients,
        (one) => one.id,
        (one) => one.status,
        (one) => one.messageId,
        (one) => one.sentAt,
        (one) => one.deliveredAt,
        (one) => one.readAt,
      ),
    );
  }
}
