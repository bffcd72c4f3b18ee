import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { KeptBytes } from './media.repository.js';
import { newStorageKey } from './storage/media-storage.js';

/**
 * A file that is being fetched. The key is where its bytes go, and is new for every attempt: it tells the one who fetches
 * now from one who was taken for dead.
 */
export interface FetchClaim {
  id: number;
  accountId: number;
  mediaId: string;
  mediaIdExpiresAt: Date | null;
  mimeType: string;
  filename: string | null;
  expectedSha256: string | null;
  /** Attempts that count, this one included. */
  attempts: number;
  /** Why the last attempt failed. */
  error: string | null;
  wasFailed: boolean;
  storageKey: string;
  /** Of an attempt that ended nobody knows how: there may be bytes. */
  previousKey: string | null;
}

type Claimable = Omit<FetchClaim, 'storageKey'>;

const CLAIMABLE = `id, account_id as "accountId", media_id as "mediaId", media_id_expires_at as "mediaIdExpiresAt",
  mime_type as "mimeType", original_filename as filename, expected_sha256 as "expectedSha256", attempts + $1 as attempts,
  error, state = 'failed' as "wasFailed", storage_key as "previousKey"`;

/** Leased: somebody writes below the key, and is alive. */
const LEASED = `(state = 'pending' and storage_key is not null and next_attempt_at > now())`;

/** Who fetches which file: pending → stored | failed. */
@Injectable()
export class MediaFetchesRepository {
  /** Files that are due, at most `limit`, for this process alone. */
  async claimDue(tx: Tx, limit: number, leaseS: number): Promise<FetchClaim[]> {
    const rows = await tx.query<Claimable>(
      `select ${CLAIMABLE} from media where state = 'pending' and next_attempt_at <= now() and media_id is not null
       order by next_attempt_at limit $2 for update skip locked`,
      [1, limit],
    );
    return this.lease(tx, rows, leaseS);
  }

  /**
   * One file, before its time. It costs no attempt: a person who looks again and again must not use them up.
   * @returns null when somebody fetches it now, or tried just before and gave up
   */
  async claimOne(tx: Tx, accountId: number, id: number, leaseS: number, restS: number): Promise<FetchClaim | null> {
    const rows = await tx.query<Claimable>(
      `select ${CLAIMABLE} from media
       where account_id = $2 and id = $3 and media_id is not null and not ${LEASED}
         and (state = 'pending' or (state = 'failed' and updated_at < now() - make_interval(secs => $4)))
       for update skip locked`,
      [0, accountId, id, restS],
    );
    return (await this.lease(tx, rows, leaseS))[0] ?? null;
  }

  /**
   * Those who fetch say that they live.
   * @returns the keys whose claims still hold; the others are somebody else's by now, or were removed
   */
  async renew(q: Queryable, claims: readonly FetchClaim[], leaseS: number): Promise<Set<string>> {
    const rows = await q.query<{ storageKey: string }>(
      `update media m set next_attempt_at = now() + make_interval(secs => $3)
       from unnest($1::bigint[], $2::text[]) as u (id, storage_key)
       where m.id = u.id and m.storage_key = u.storage_key and m.state = 'pending'
       returning m.storage_key as "storageKey"`,
      [
        ...columnsOf(
          claims,
          (claim) => claim.id,
          (claim) => claim.storageKey,
        ),
        leaseS,
      ],
    );
    return new Set(rows.map((row) => row.storageKey));
  }

  /** @returns whether the claim still held: if not, the bytes below its key are nobody's */
  async settleStored(tx: Tx, claim: FetchClaim, bytes: KeptBytes): Promise<boolean> {
    const rows = await tx.query(
      `update media set state = 'stored', next_attempt_at = null, error = null, file_size = $3, sha256 = $4,
         mime_type = $5, updated_at = now()
       where id = $1 and state = 'pending' and storage_key = $2 returning 1`,
      [claim.id, claim.storageKey, bytes.size, bytes.sha256, bytes.mimeType],
    );
    return rows.length > 0;
  }

  async settleFailed(tx: Tx, claim: FetchClaim, reason: string): Promise<boolean> {
    const rows = await tx.query(
      `update media set state = 'failed', next_attempt_at = null, storage_key = null, error = $3, attempts = $4,
         updated_at = now()
       where id = $1 and state = 'pending' and storage_key = $2 returning 1`,
      [claim.id, claim.storageKey, reason, claim.attempts],
    );
    return rows.length > 0;
  }

  async postpone(q: Queryable, claim: FetchClaim, reason: string, attempts: number, afterMs: number): Promise<void> {
    await q.query(
      `update media set storage_key = null, error = $3, attempts = $4,
         next_attempt_at = now() + make_interval(secs => $5), updated_at = now()
       where id = $1 and state = 'pending' and storage_key = $2`,
      [claim.id, claim.storageKey, reason, attempts, afterMs / 1_000],
    );
  }

  private async lease(tx: Tx, rows: readonly Claimable[], leaseS: number): Promise<FetchClaim[]> {
    const claims = rows.map((row) => ({ ...row, storageKey: newStorageKey(row.accountId) }));
    if (claims.length > 0) {
      await tx.query(
        `update media m set state = 'pending', storage_key = u.storage_key, attempts = u.attempts,
           next_attempt_at = now() + make_interval(secs => $4), updated_at = now()
         from unnest($1::bigint[], $2::text[], $3::int[]) as u (id, storage_key, attempts) where m.id = u.id`,
        [
          ...columnsOf(
            claims,
            (claim) => claim.id,
            (claim) => claim.storageKey,
            (claim) => claim.attempts,
          ),
          leaseS,
        ],
      );
    }
    return claims;
  }
}
