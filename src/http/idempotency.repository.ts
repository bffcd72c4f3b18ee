import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** A request that may go on, and by what its answer is stored: a later holder of the same key has another. */
export interface Claim {
  scope: string;
  key: string;
  /** When it was claimed, by the database's clock and to the microsecond. */
  claimedAt: string;
}

/** What another request with the same key left, or is about to leave. */
export interface KeyHolder {
  fingerprint: Buffer;
  /** Null while it runs. */
  status: number | null;
  body: string | null;
}

/** An answer that is kept, encrypted. */
export interface StoredAnswer {
  scope: string;
  key: string;
  /** When its request began, to the microsecond. */
  claimedAt: string;
  body: string;
}

/** What an answer is encrypted with, so that it is no other request's. */
export function answerContext(scope: string, key: string): string {
  return `idempotency_keys.body:${scope}:${key}`;
}

/** Keys of requests and their answers: each method is one statement. */
@Injectable()
export class IdempotencyRepository {
  /**
   * Takes the key. Of many requests at once one gets it. A request that has not ended after `deadAfterS` died with its
   * process, and the same request again may take its place.
   * @returns null when another request has it
   */
  async claim(
    q: Queryable,
    scope: string,
    key: string,
    fingerprint: Buffer,
    deadAfterS: number,
  ): Promise<Claim | null> {
    const [row] = await q.query<{ claimed_at: string }>(
      `insert into idempotency_keys as k (scope, key, fingerprint) values ($1, $2, $3)
       on conflict (scope, key) do update set created_at = now()
         where k.completed_at is null and k.fingerprint = excluded.fingerprint
           and k.created_at < now() - make_interval(secs => $4)
       returning created_at::text as claimed_at`,
      [scope, key, fingerprint, deadAfterS],
    );
    return row ? { scope, key, claimedAt: row.claimed_at } : null;
  }

  async find(q: Queryable, scope: string, key: string): Promise<KeyHolder | null> {
    const [row] = await q.query<KeyHolder>(
      `select fingerprint, status, body #>> '{}' as body from idempotency_keys where scope = $1 and key = $2`,
      [scope, key],
    );
    return row ?? null;
  }

  /** Keeps the answer, unless the claim was lost meanwhile. */
  async complete(q: Queryable, claim: Claim, status: number, body: string): Promise<void> {
    await q.query(
      `update idempotency_keys set status = $4, body = to_jsonb($5::text), completed_at = now()
       where scope = $1 and key = $2 and created_at = $3::timestamptz and completed_at is null`,
      [claim.scope, claim.key, claim.claimedAt, status, body],
    );
  }

  /** Lets the key go: the request changed nothing, and may be made again. */
  async release(q: Queryable, claim: Claim): Promise<void> {
    await q.query(
      `delete from idempotency_keys
       where scope = $1 and key = $2 and created_at = $3::timestamptz and completed_at is null`,
      [claim.scope, claim.key, claim.claimedAt],
    );
  }

  /** Answers of requests that began since then, the oldest first, behind the one that is given. */
  async listAnswers(q: Queryable, since: Date, after: StoredAnswer | null, limit: number): Promise<StoredAnswer[]> {
    return q.query<StoredAnswer>(
      `select scope, key, created_at::text as "claimedAt", body #>> '{}' as body
       from idempotency_keys
       where created_at >= coalesce($2::timestamptz, $1) and body is not null
         and ($2::timestamptz is null or (created_at, scope, key) > ($2::timestamptz, $3::text, $4::text))
       order by created_at, scope, key limit $5`,
      [since, after?.claimedAt ?? null, after?.scope ?? null, after?.key ?? null, limit],
    );
  }

  /** Puts other answers in the place of those that are kept. */
  async replaceAnswers(q: Queryable, answers: readonly { scope: string; key: string; body: string }[]): Promise<void> {
    await q.query(
      `update idempotency_keys k set body = to_jsonb(u.body)
       from unnest($1::text[], $2::text[], $3::text[]) as u (scope, key, body)
       where k.scope = u.scope and k.key = u.key and k.body is not null`,
      columnsOf(
        answers,
        (answer) => answer.scope,
        (answer) => answer.key,
        (answer) => answer.body,
      ),
    );
  }

  /** @returns how many were forgotten */
  async prune(q: Queryable, keepDays: number, limit: number): Promise<number> {
    const rows = await q.query(
      `delete from idempotency_keys where (scope, key) in (
         select scope, key from idempotency_keys where created_at < now() - make_interval(days => $1)
         order by created_at limit $2 for update skip locked)
       returning 1`,
      [keepDays, limit],
    );
    return rows.length;
  }
}
