import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';

/** A request to Meta takes no longer: an older attempt was left behind by a process that died. */
export const IN_FLIGHT_S = 120;

/** Creations that Meta was asked for and has not answered. */
@Injectable()
export class SignupAttemptsRepository {
  /**
   * Notes, before Meta is asked, that it will be. An attempt that says the same and is over is taken up again.
   * @param afterS an attempt that is older was left behind by a process that died
   * @returns null while somebody else is asking for the same
   */
  async claim(
    q: Queryable,
    accountId: number,
    contentHash: Buffer,
    labelId: number | null,
    afterS: number,
  ): Promise<{ wasLost: boolean } | null> {
    const [row] = await q.query<{ wasLost: boolean }>(
      `insert into signup_attempts as a (account_id, content_hash, auto_add_to_label_id) values ($1, $2, $3)
       on conflict (account_id, content_hash) do update set
         asked_at = now(), is_lost = false,
         auto_add_to_label_id = coalesce(excluded.auto_add_to_label_id, a.auto_add_to_label_id)
       where a.is_lost or a.asked_at < now() - make_interval(secs => $4)
       returning xmax <> 0 as "wasLost"`,
      [accountId, contentHash, labelId, afterS],
    );
    return row ?? null;
  }

  /** No answer came: Meta may have it. */
  async markLost(q: Queryable, accountId: number, contentHash: Buffer): Promise<void> {
    await q.query('update signup_attempts set is_lost = true where account_id = $1 and content_hash = $2', [
      accountId,
      contentHash,
    ]);
  }

  /** @returns the label its subscribers were to get */
  async remove(q: Queryable, accountId: number, contentHash: Buffer): Promise<number | null> {
    const [row] = await q.query<{ labelId: number | null }>(
      `delete from signup_attempts where account_id = $1 and content_hash = $2
       returning auto_add_to_label_id as "labelId"`,
      [accountId, contentHash],
    );
    return row?.labelId ?? null;
  }

  /** Those that are over and say one of these things: Meta has what they asked for. */
  async removeLost(
    tx: Tx,
    accountId: number,
    contentHashes: readonly Buffer[],
    afterS: number,
  ): Promise<{ contentHash: Buffer; labelId: number | null }[]> {
    return tx.query(
      `delete from signup_attempts where account_id = $1 and content_hash = any($2::bytea[])
         and (is_lost or asked_at < now() - make_interval(secs => $3))
       returning content_hash as "contentHash", auto_add_to_label_id as "labelId"`,
      [accountId, contentHashes, afterS],
    );
  }
}
