import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError } from '../common/app-error.js';
import { phoneFromWaId } from '../common/phone-number.js';
import { USER_ID } from '../contacts/contact.dto.js';
import { PeopleService } from '../contacts/people.service.js';
import { Database } from '../database/database.js';
import { BlockingApi, type MetaBlockedUser } from '../meta/api/blocking.js';
import type { GraphFailure } from '../meta/graph-error.js';
import { readingProblem } from '../meta/graph-problem.js';
import type { Target } from './block-plan.js';
import { BlockSyncRepository, type ActiveBlock, type SyncCounts } from './block-sync.repository.js';
import { BlockWriter } from './block-writer.js';

export interface SyncResult extends SyncCounts {
  /** How often the list changed while it was read, so that it was read anew. */
  restarts: number;
}

/** A whole list, and when it was asked for. */
interface Reading {
  users: MetaBlockedUser[];
  askedAt: string;
  restarts: number;
}

const PAGE_SIZE = 100;
/** Meta keeps at most 64,000 people per number; more pages than this is a paging that does not end. */
const MAX_PAGES = 2_000;
const MAX_RESTARTS = 5;
/** The list changed while it was read (Meta's sample prints another number), or its cursor is not known any more. */
const BEGIN_AGAIN = new Set([139_102, 135_002, 131_059]);
/** People that one transaction writes. */
const BATCH = 1_000;
/** Longer than any page takes: the lease is renewed with each. */
const LEASE_S = 60;

/** Makes what is kept here the same as what Meta has. */
@Injectable()
export class BlockSync {
  constructor(
    private readonly database: Database,
    private readonly repository: BlockSyncRepository,
    private readonly api: BlockingApi,
    private readonly writer: BlockWriter,
    private readonly people: PeopleService,
  ) {}

  /**
   * Reads the whole list, and only then writes what differs: whom Meta has and we lack is blocked here too, whom Meta no
   * longer has is not. What a call does meanwhile is newer than the list and stays.
   * @throws `conflict` while another sync of the account runs; `graph_error` with Meta's words: then nothing was changed
   */
  async run(account: Account): Promise<SyncResult> {
    const lease = randomUUID();
    if (!(await this.repository.takeLease(this.database, account.id, lease, LEASE_S))) {
      throw beingSynced();
    }
    try {
      const reading = await this.read(account, lease);
      const result = await this.apply(account, lease, reading);
      await this.repository.finish(this.database, account.id, lease, result);
      return { ...result, restarts: reading.restarts };
    } catch (error) {
      // When the database is away the lease ends by itself; why the sync failed is what counts.
      await this.repository.giveLeaseBack(this.database, account.id, lease).catch(() => undefined);
      throw error;
    }
  }

  private async read(account: Account, lease: string): Promise<Reading> {
    for (let restarts = 0; ; restarts += 1) {
      const askedAt = await this.repository.now(this.database);
      const outcome = await this.readOnce(account, lease);
      if (Array.isArray(outcome)) {
        return { users: outcome, askedAt, restarts };
      }
      if (restarts === MAX_RESTARTS || !BEGIN_AGAIN.has(outcome.code ?? 0)) {
        throw readingProblem(outcome);
      }
    }
  }

  /** @returns everybody once, or why the list could not be read to its end */
  private async readOnce(account: Account, lease: string): Promise<MetaBlockedUser[] | GraphFailure> {
    const users = new Map<string, MetaBlockedUser>();
    let after: string | null = null;
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      await this.keepLease(account, lease);
      const answer = await this.api.list(account, { limit: PAGE_SIZE, after });
      if (!answer.ok) {
        return answer.failure;
      }
      const { body } = answer;
      body.users.forEach((user) => users.set(user.waId || user.userId, user));
      // Not by `paging.next`: Meta's guide shows this list without it, and a list that ends too early would unblock people.
      if (body.users.length === 0 || body.after === null || body.after === after) {
        return [...users.values()];
      }
      after = body.after;
    }
    throw new AppError('graph_error', `Meta's list of blocked people did not end after ${MAX_PAGES} pages.`);
  }

  private async apply(account: Account, lease: string, { users, askedAt }: Reading): Promise<SyncCounts> {
    const rows = await this.repository.active(this.database, account.id);
    const { unknown, unseen } = compare(users, rows);
    const found = new Set<number>();
    const counts: SyncCounts = { synced: users.length, added: 0, removed: 0 };
    for (const batch of inBatches(unknown)) {
      await this.keepLease(account, lease);
      const { added, contactIds } = await this.add(account, askedAt, batch);
      counts.added += added;
      contactIds.forEach((id) => found.add(id));
    }
    // Whom Meta lists under another name than the row has is not gone.
    const gone = unseen.filter(({ contactId }) => !found.has(contactId));
    for (const batch of inBatches(gone)) {
      await this.keepLease(account, lease);
      counts.removed += await this.remove(account, askedAt, batch);
    }
    return counts;
  }

  private add(
    account: Account,
    askedAt: string,
    users: readonly MetaBlockedUser[],
  ): Promise<{ added: number; contactIds: number[] }> {
    return this.database.transaction(async (tx) => {
      const told = users.flatMap((user) => {
        const target = targetOf(user);
        return target ? [{ target, user }] : [];
      });
      const people = [...new Set(await this.writer.meet(tx, account, told))];
      const added = await this.repository.writeFound(tx, account.id, askedAt, people);
      await this.people.setBlocked(tx, account.id, added, true);
      return { added: added.length, contactIds: people.map(({ contactId }) => contactId) };
    });
  }

  private remove(account: Account, askedAt: string, rows: readonly ActiveBlock[]): Promise<number> {
    return this.database.transaction(async (tx) => {
      const ids = rows.map(({ id }) => id);
      const removed = await this.repository.writeGone(tx, account.id, askedAt, ids);
      await this.people.setBlocked(tx, account.id, removed, false);
      return removed.length;
    });
  }

  private async keepLease({ id }: Account, lease: string): Promise<void> {
    if (!(await this.repository.renewLease(this.database, id, lease, LEASE_S))) {
      throw beingSynced();
    }
  }
}

/** Who of Meta's list is not blocked here, and which rows are not in the list, by any name. */
function compare(
  users: readonly MetaBlockedUser[],
  rows: readonly ActiveBlock[],
): { unknown: MetaBlockedUser[]; unseen: ActiveBlock[] } {
  const byPhone = new Map<string, ActiveBlock>();
  const byUserId = new Map<string, ActiveBlock>();
  for (const row of rows) {
    [row.waId, row.phoneNumber?.slice(1)].forEach((digits) => digits && byPhone.set(digits, row));
    if (row.userId !== null) {
      byUserId.set(row.userId, row);
    }
  }
  const seen = new Set<ActiveBlock>();
  const unknown = users.filter(({ waId, userId }) => {
    const row = byPhone.get(waId) ?? byUserId.get(userId);
    if (row) {
      seen.add(row);
    }
    return !row;
  });
  return { unknown, unseen: rows.filter((row) => !seen.has(row)) };
}

function targetOf({ waId, userId }: MetaBlockedUser): Target | null {
  const phone = phoneFromWaId(waId);
  if (phone) {
    return { phone };
  }
  return USER_ID.test(userId) ? { userId } : null;
}

function inBatches<T>(items: readonly T[]): T[][] {
  const batches: T[][] = [];
  for (let from = 0; from < items.length; from += BATCH) {
    batches.push(items.slice(from, from + BATCH));
  }
  return batches;
}

function beingSynced(): AppError {
  return new AppError(
    'conflict',
    'The blocked people of this account are being synced just now. Try again in a moment.',
    {
      retryAfterS: 5,
    },
  );
}
