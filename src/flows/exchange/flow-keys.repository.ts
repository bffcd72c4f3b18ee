import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';

/** A key pair as it is stored; the private key is encrypted. */
export interface FlowKeyRow {
  id: number;
  account_id: number;
  private_key: string;
  public_key: string;
  uploaded_at: Date | null;
  retired_at: Date | null;
  created_at: Date;
}

const COLUMNS = 'id, account_id, private_key, public_key, uploaded_at, retired_at, created_at';

/** How long a key decrypts after another took its place: phones and Meta keep public keys for a while. */
const OVERLAP = `interval '24 hours'`;
/** Each costs a decryption when a request fits none of them. */
const MOST_TRIED = 8;

/** The key pairs of the data exchange. */
@Injectable()
export class FlowKeysRepository {
  /** Those of the account that may still be used, the newest first. */
  async list(q: Queryable, accountId: number): Promise<FlowKeyRow[]> {
    return q.query<FlowKeyRow>(
      `select ${COLUMNS} from flow_keys
       where account_id = $1 and (retired_at is null or retired_at > now() - ${OVERLAP})
       order by retired_at is not null, id desc`,
      [accountId],
    );
  }

  /** Those that a request may be encrypted for, the likeliest first. */
  async listTried(q: Queryable, accountIds: readonly number[], firstAccountId: number): Promise<FlowKeyRow[]> {
    return q.query<FlowKeyRow>(
      `select ${COLUMNS} from flow_keys
       where account_id = any($1::bigint[]) and (retired_at is null or retired_at > now() - ${OVERLAP})
       order by account_id <> $2, retired_at is not null, id desc
       limit ${MOST_TRIED}`,
      [accountIds, firstAccountId],
    );
  }

  async insert(q: Queryable, accountId: number, privateKey: string, publicKey: string): Promise<FlowKeyRow> {
    const [row] = await q.query<FlowKeyRow>(
      `insert into flow_keys (account_id, private_key, public_key) values ($1, $2, $3) returning ${COLUMNS}`,
      [accountId, privateKey, publicKey],
    );
    return row as FlowKeyRow;
  }

  /** A key that Meta refused. */
  async delete(q: Queryable, accountId: number, id: number): Promise<void> {
    await q.query('delete from flow_keys where account_id = $1 and id = $2', [accountId, id]);
  }

  /** Meta has this key now: the older ones are on their way out, and those that have been for long go. */
  async settle(tx: Tx, accountId: number, id: number): Promise<void> {
    await tx.query('select id from flow_keys where account_id = $1 order by id for update', [accountId]);
    await tx.query(
      `update flow_keys set
         uploaded_at = case when id = $2 then coalesce(uploaded_at, now()) else uploaded_at end,
         retired_at = case when id = $2 then null else coalesce(retired_at, now()) end
       where account_id = $1 and id <= $2`,
      [accountId, id],
    );
    await tx.query(`delete from flow_keys where account_id = $1 and retired_at <= now() - ${OVERLAP}`, [accountId]);
  }
}
