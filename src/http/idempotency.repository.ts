import { Injectable } from '@nestjs/common';
import type { Queryable } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** A request with a key. */
export interface KeyedRequest {
  scope: string;
  key: string;
  fingerprint: Buffer;
}

/** The answer to a request that had its key. */
export interface Answer {
  claim: Claim;
  status: number;
  body: string;
}

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

/** A key is unique within its scope; no scope has a line break. */
function nameOf({ scope, key }: { scope: string; key: string }): string {
  return `${scope}\n${key}`;
}

/** What an answer is encrypted with, so that it is no other request's. */
export function answerContext(scope: string, key: string): string {
  return `idempotency_keys.body:${scope}:${key}`;
}

/** Keys of requests and their answers: each method is one statement. */
@Injectable()
export class IdempotencyRepository {
  /**
   * Takes the keys. Of many requests with the same one at once one gets it. A request that has not ended after `deadAfterS`
   * died with its process, and the same request again may take its place.
   * @returns in their order; null when another request has it
   */
  async claim(q: Queryable, requests: readonly KeyedRequest[], deadAfterS: number): Promise<(Claim | null)[]> {
    const first = new Map<string, KeyedRequest>();
    requests.forEach((request) => first.set(nameOf(request), first.get(nameOf(request)) ?? request));
    const rows = await q.query<{ scope: string; key: string; claimed_at: string }>(
      `insert into idempotency_keys as k (scope, key, fingerprint)
       select * from unnest($1::text[], $2::text[], $3::bytea[]) as u (scope, key, fingerprint) order by scope, key
       on conflict (scope, key) do update set created_at = now()
         where k.completed_at is null and k.fingerprint = excluded.fingerprint
           and k.created_at < now() - make_interval(secs => $4)
       returning scope, key, created_at::text as claimed_at`,
      [
        ...columnsOf(
          [...first.values()],
          (request) => request.scope,
          (request) => request.key,
          (request) => request.fingerprint,
        ),
        deadAfterS,
      ],
    );
    const claims = new Map(
      rows.map(({ scope, key, claimed_at }) => [nameOf({ scope, key }), { scope, key, claimedAt: claimed_at }]),
    );
    return requests.map((request) =>
      first.get(nameOf(request)) === request ? (claims.get(nameOf(request)) ?? null) : null,
    );
  }

  async find(q: Queryable, scope: string, key: string): Promise<KeyHolder | null> {
    const [row] = await q.query<KeyHolder>(
      `select fingerprint, status, body #>> '{}' as body from idempotency_keys where scope = $1 and key = $2`,
      [scope, key],
    );
    return row ?? null;
  }

  /** Keeps answers, but of claims that were lost meanwhile. */
  async complete(q: Queryable, answers: readonly Answer[]): Promise<void> {
    await q.query(
      `update idempotency_keys k set status = u.status, body = to_jsonb(u.body), completed_at = now()
       from unnest($1::text[], $2::text[], $3::timestamptz[], $4::int[], $5::text[]) as u (scope, key, claimed_at, status, body)
       where k.scope = u.scope and k.key = u.key and k.created_at = u.claimed_at and k.completed_at is null`,
      columnsOf(
        answers,
        ({ claim }) => claim.scope,
        ({ claim }) => claim.key,
        ({ claim }) => claim.claimedAt,
        ({ status }) => status,
        ({ body }) => body,
      ),
    );
  }

  /** The request lives: its claim begins anew. @returns it as it is now; as it was when another has it */
  async renew(q: Queryable, claim: Claim): Promise<Claim> {
    const [row] = await q.query<{ claimed_at: string }>(
      `update idempotency_keys set created_at = now()
       where scope = $1 and key = $2 and created_at = $3::timestamptz and completed_at is null
       returning created_at::text as claimed_at`,
      [claim.scope, claim.key, claim.claimedAt],
    );
    return { ...claim, claimedAt: row?.claimed_at ?? claim.claimedAt };
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
