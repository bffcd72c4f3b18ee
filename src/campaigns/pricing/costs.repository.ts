import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';
import { columnsOf } from '../../database/unnest.js';

/** A recipient whose message has no price yet. */
export interface UnpricedRecipient {
  id: number;
  phone: string | null;
  userId: string | null;
  /** Position of its key among those that were asked for. */
  position: number;
}

@Injectable()
export class CostsRepository {
  /** The recipients of these messages that cost nothing so far; those of no campaign are left out. */
  async findUnpriced(tx: Tx, keys: readonly { accountId: number; wamid: string }[]): Promise<UnpricedRecipient[]> {
    const rows = await tx.query<UnpricedRecipient>(
      `select r.id, r.phone, r.user_id as "userId", u.position::int - 1 as position
       from unnest($1::bigint[], $2::text[]) with ordinality as u (account_id, wamid, position)
       join messages m on m.account_id = u.account_id and m.message_id = u.wamid
       join campaign_recipients r on r.id = m.campaign_recipient_id
       where m.campaign_recipient_id is not null and r.cost_micros is null`,
      columnsOf(
        keys,
        (key) => key.accountId,
        (key) => key.wamid,
      ),
    );
    return rows;
  }

  /** Prices recipients, each once. */
  async price(tx: Tx, costs: readonly { id: number; costMicros: number }[]): Promise<void> {
    const sorted = [...costs].sort((a, b) => a.id - b.id);
    await tx.query(
      `with u as (
         select * from unnest($1::bigint[], $2::bigint[]) as u (id, cost_micros)
       ), locked as (
         select r.id from campaign_recipients r join u on u.id = r.id order by r.id for no key update of r
       )
       update campaign_recipients r set cost_micros = u.cost_micros
       from u join locked on locked.id = u.id
       where r.id = u.id and r.cost_micros is null`,
      columnsOf(
        sorted,
        (cost) => cost.id,
        (cost) => cost.costMicros,
      ),
    );
  }
}
