import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';

/** Held by renewing every second; dead after this long without. Only the database's clock decides. */
export const LEASE_MS = 5_000;

export interface Lease {
  accountId: number;
  holder: string;
  epoch: number;
}

@Injectable()
export class LeasesRepository {
  /** Takes the lease when it is free or dead. @returns null when another holds it */
  async acquire(tx: Tx, accountId: number, holder: string): Promise<Lease | null> {
    const [row] = await tx.query<{ epoch: number }>(
      `insert into sending_leases as l (account_id, holder, expires_at)
       values ($1, $2, now() + make_interval(secs => $3))
       on conflict (account_id) do update
         set epoch = l.epoch + 1, holder = excluded.holder, expires_at = excluded.expires_at, is_released = false
         where l.expires_at < now() or l.is_released
       returning epoch`,
      [accountId, holder, LEASE_MS / 1_000],
    );
    return row ? { accountId, holder, epoch: row.epoch } : null;
  }

  /** @returns false when the lease is lost */
  async renew(q: Queryable, lease: Lease): Promise<boolean> {
    const rows = await q.query(
      `update sending_leases set expires_at = now() + make_interval(secs => $4)
       where account_id = $1 and holder = $2 and epoch = $3 and expires_at > now() and not is_released
       returning account_id`,
      [lease.accountId, lease.holder, lease.epoch, LEASE_MS / 1_000],
    );
    return rows.length > 0;
  }

  async release(q: Queryable, lease: Lease): Promise<void> {
    await q.query('update sending_leases set is_released = true where account_id = $1 and holder = $2 and epoch = $3', [
      lease.accountId,
      lease.holder,
      lease.epoch,
    ]);
  }

  /** Numbers with something to do and nobody who does it: running campaigns, or a holder that died. */
  async findUnattended(q: Queryable): Promise<number[]> {
    const rows = await q.query<{ account_id: number }>(
      `select c.account_id from campaigns c
       left join sending_leases l on l.account_id = c.account_id
       where c.status = 'running' and (l.account_id is null or l.is_released or l.expires_at < now())
       union
       select account_id from sending_leases where not is_released and expires_at < now()`,
    );
    return rows.map((row) => row.account_id);
  }
}
