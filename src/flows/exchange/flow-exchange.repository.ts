import { Injectable } from '@nestjs/common';
import type { Queryable } from '../../database/database.js';

/** Of a flow, what answering for it needs. */
export interface ExchangeFlowRow {
  id: number;
  account_id: number;
  name: string;
  meta_flow_id: string | null;
  status: string;
  forward_url: string;
  forward_secret: string | null;
}

/** To whom a token was given, and for which flow. */
export interface FlowTokenRow {
  account_id: number;
  contact_id: number;
  meta_flow_id: string | null;
}

/** More tell nothing more: a token that so many messages share names nobody. */
const MOST_TOKENS = 50;

const COLUMNS = 'id, account_id, name, meta_flow_id, status, forward_url, forward_secret';

/** What the data exchange reads and writes of flows. */
@Injectable()
export class FlowExchangeRepository {
  async findFlow(q: Queryable, endpointToken: string): Promise<ExchangeFlowRow | null> {
    const [row] = await q.query<ExchangeFlowRow>(`select ${COLUMNS} from flows where endpoint_token = $1`, [
      endpointToken,
    ]);
    return row ?? null;
  }

  /** The newest first; of the first account before those of the others. Callers may give one token to many people. */
  async listTokens(
    q: Queryable,
    accountIds: readonly number[],
    firstAccountId: number,
    token: string,
  ): Promise<FlowTokenRow[]> {
    return q.query<FlowTokenRow>(
      `select account_id, contact_id, meta_flow_id from flow_tokens
       where account_id = any($1::bigint[]) and token = $3
       order by account_id <> $2, id desc limit ${MOST_TOKENS}`,
      [accountIds, firstAccountId, token],
    );
  }

  /** Locks the flow. */
  async lockFlow(q: Queryable, accountId: number, id: number): Promise<ExchangeFlowRow | null> {
    const [row] = await q.query<ExchangeFlowRow>(
      `select ${COLUMNS} from flows where account_id = $1 and id = $2 for update`,
      [accountId, id],
    );
    return row ?? null;
  }

  async setForward(
    q: Queryable,
    accountId: number,
    id: number,
    forward: { url: string; secret: string | null },
  ): Promise<void> {
    await q.query(
      `update flows set forward_url = $3, forward_secret = $4, updated_at = now() where account_id = $1 and id = $2`,
      [accountId, id, forward.url, forward.secret],
    );
  }
}
