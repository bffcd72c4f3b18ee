import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { requireWaba } from '../accounts/require-waba.js';
import { AppError } from '../common/app-error.js';
import { Database } from '../database/database.js';
import { SignupsApi, type ListedSignup, type MetaSignup, type SignupOwner } from '../meta/api/signups.js';
import type { GraphFailure } from '../meta/graph-error.js';
import { readingProblem } from '../meta/graph-problem.js';
import { IN_FLIGHT_S, SignupAttemptsRepository } from './signup-attempts.repository.js';
import { contentOf, hashOf, readSignup } from './signup-reading.js';
import { OF_WABA } from './signup.js';
import { SignupSyncRepository, type ReadSignup, type SyncedSignup } from './signup-sync.repository.js';
import { SignupsRepository } from './signups.repository.js';

export interface SignupSyncResult {
  /** Signups of Meta's that are as Meta has them now. */
  synced: number;
  created: number;
  updated: number;
  /** Those that we were changing meanwhile, or that Meta listed and would not show. */
  skipped: number;
}

/** More than any business has: a paging that does not end. */
const MAX_PAGES = 1_000;
/** Meta: a cursor it no longer knows; begin without one. */
const BAD_CURSOR = 131_059;
const NOT_FOUND = 2_494_164;
/** How many are asked for at once. */
const AT_ONCE = 8;

/** Brings the signups of an account from Meta. */
@Injectable()
export class SignupSync {
  constructor(
    private readonly database: Database,
    private readonly repository: SignupSyncRepository,
    private readonly signups: SignupsRepository,
    private readonly attempts: SignupAttemptsRepository,
    private readonly api: SignupsApi,
  ) {}

  /**
   * Reads every page, and of each signup all that Meta has; writes each page as it comes. Meta deletes none, so nothing is
   * taken for gone. One whose creation was not answered becomes ours, with the label that was asked for.
   * @throws `account_credentials_missing` when the account has no `waba_id`; `graph_error` with Meta's words
   */
  async run(account: Account): Promise<SignupSyncResult> {
    const waba = requireWaba(account, OF_WABA);
    const result = { synced: 0, created: 0, updated: 0, skipped: 0 };
    const seen = new Set<string>();
    for await (const page of this.pages(waba)) {
      // A list that moves while it is paged may name one twice.
      const fresh = page.filter(({ id }) => !seen.has(String(id)) && seen.add(String(id)));
      const askedAt = await this.repository.now(this.database);
      const signups = await this.details(waba, fresh);
      const rows = await this.write(account.id, signups, askedAt);
      result.synced += rows.length;
      result.created += rows.filter((row) => row.isNew).length;
      result.updated += rows.filter((row) => row.isChanged).length;
      result.skipped += fresh.length - rows.length;
    }
    return result;
  }

  /** The signups of Meta's that say this and that we do not have. */
  async findUnknown(account: SignupOwner & { id: number }, contentHash: Buffer): Promise<ReadSignup | null> {
    for await (const page of this.pages(account)) {
      const ids = page.map(({ id }) => String(id));
      const known = await this.repository.findKnown(this.database, account.id, ids);
      const unknown = page.filter(({ id }) => !known.has(String(id)));
      const read = await this.details(account, unknown);
      const found = read.find((signup) => hashOf(contentOf(signup)).equals(contentHash));
      if (found) {
        return found;
      }
    }
    return null;
  }

  private write(accountId: number, signups: readonly ReadSignup[], askedAt: Date): Promise<SyncedSignup[]> {
    return this.database.transaction(async (tx) => {
      const rows = await this.repository.upsert(tx, accountId, signups, askedAt);
      const idOf = new Map(rows.filter((row) => row.isNew || row.wasUnread).map((row) => [row.signupId, row.id]));
      const fresh = signups.flatMap((signup) => {
        const id = idOf.get(signup.signupId);
        return id === undefined ? [] : [{ id, contentHash: hashOf(contentOf(signup)) }];
      });
      if (fresh.length === 0) {
        return rows;
      }
      const hashes = fresh.map(({ contentHash }) => contentHash);
      for (const attempt of await this.attempts.removeLost(tx, accountId, hashes, IN_FLIGHT_S)) {
        const found = fresh.find(({ contentHash }) => contentHash.equals(attempt.contentHash));
        if (found && attempt.labelId !== null) {
          await this.signups.setLabel(tx, accountId, found.id, attempt.labelId);
        }
      }
      return rows;
    });
  }

  /** All that Meta has of each; one that it listed and does not find is left out. */
  private async details(account: SignupOwner, listed: readonly ListedSignup[]): Promise<ReadSignup[]> {
    const read: ReadSignup[] = [];
    for (let start = 0; start < listed.length; start += AT_ONCE) {
      const some = listed.slice(start, start + AT_ONCE);
      const answers = await Promise.all(some.map((signup) => this.api.get(account, String(signup.id))));
      answers.forEach((answer, index) => {
        if (!answer.ok && !isMeta(answer.failure, NOT_FOUND)) {
          throw readingProblem(answer.failure);
        }
        const signup = answer.ok && readSignup({ ...some[index], ...answer.body, id: some[index]!.id } as MetaSignup);
        if (signup) {
          read.push(signup);
        }
      });
    }
    return read;
  }

  private async *pages(account: SignupOwner): AsyncGenerator<ListedSignup[]> {
    let after: string | null = null;
    let hasRestarted = false;
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const answer = await this.api.list(account, after);
      if (!answer.ok) {
        if (isMeta(answer.failure, BAD_CURSOR) && !hasRestarted) {
          hasRestarted = true;
          after = null;
          continue;
        }
        throw readingProblem(answer.failure);
      }
      yield answer.body.signups;
      if (answer.body.after === null || answer.body.after === after) {
        return;
      }
      after = answer.body.after;
    }
    throw new AppError('graph_error', `Meta's list of signups did not end after ${MAX_PAGES} pages.`);
  }
}

/** Meta writes the code of this area as the error's code or as its subcode: its page does not say which. */
export function isMeta({ code, subcode }: GraphFailure, wanted: number): boolean {
  return code === wanted || subcode === wanted;
}
