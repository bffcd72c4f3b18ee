import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError } from '../common/app-error.js';
import { decodeCursor, toPage, type Page } from '../common/page.js';
import { phoneFromWaId } from '../common/phone-number.js';
import { PeopleService } from '../contacts/people.service.js';
import { Database } from '../database/database.js';
import { BlockingApi, type MetaBlockedUser } from '../meta/api/blocking.js';
import { readingProblem } from '../meta/graph-problem.js';
import type { Target } from './block-plan.js';
import { BlockingRepository, type BlockedUserRow, type BlockEventRow } from './blocking.repository.js';

/** Somebody in Meta's own list, and what is known of it here. */
export interface LiveBlock {
  user: MetaBlockedUser;
  row: BlockedUserRow | null;
}

export interface BlockedUserHistory {
  row: BlockedUserRow;
  /** The last first. */
  events: BlockEventRow[];
}

const LIST = 'blocked_users';
const MAX_EVENTS = 200;
/** Meta: a cursor that it does not know. */
const BAD_CURSOR = 131_059;

/** Whom an account has blocked, as it is kept here and as Meta has it. */
@Injectable()
export class BlockedList {
  constructor(
    private readonly database: Database,
    private readonly repository: BlockingRepository,
    private readonly api: BlockingApi,
    private readonly people: PeopleService,
  ) {}

  /** @param history also those who are not blocked any more, and those whom Meta refused to block */
  async page(
    accountId: number,
    { history, limit, cursor }: { history: boolean; limit: number; cursor?: string },
  ): Promise<Page<BlockedUserRow>> {
    const rows = await this.repository.list(this.database, accountId, {
      history,
      before: readCursor(cursor),
      limit: limit + 1,
    });
    return toPage(LIST, rows, limit, (row) => [row.blockedAt.toISOString(), row.id]);
  }

  /** A page of Meta's own list, with Meta's own cursor. @throws `bad_cursor`; `graph_error` with Meta's words */
  async livePage(
    account: Account,
    { limit, cursor }: { limit: number; cursor?: string },
  ): Promise<Page<LiveBlock> & { metaResponse: Record<string, unknown> }> {
    const answer = await this.api.list(account, { limit, after: cursor ?? null });
    if (!answer.ok) {
      throw answer.failure.code === BAD_CURSOR
        ? new AppError('bad_cursor', 'Meta does not know this cursor. Begin without one.')
        : readingProblem(answer.failure);
    }
    const { users, after, hasMore, body } = answer.body;
    const rows = await this.repository.findByNames(this.database, account.id, {
      contactIds: [],
      phones: users.flatMap(({ waId }) => phoneFromWaId(waId) ?? []),
      userIds: users.flatMap(({ userId }) => userId || []),
    });
    // The first of a name wins, for those who are blocked come first.
    const byName = new Map(
      rows
        .reverse()
        .flatMap((row) => [row.waId, row.phoneNumber?.slice(1), row.userId].map((name) => [name, row] as const)),
    );
    return {
      rows: users.map((user) => ({
        user,
        row: byName.get(user.waId || undefined) ?? byName.get(user.userId || undefined) ?? null,
      })),
      nextCursor: hasMore ? after : null,
      metaResponse: body,
    };
  }

  /** @throws `not_found` when this person was never blocked */
  async get(account: Account, target: Target): Promise<BlockedUserHistory> {
    const row = await this.find(account, target);
    if (!row) {
      throw new AppError('not_found', 'This person was never blocked.');
    }
    return { row, events: await this.repository.events(this.database, account.id, row.id, MAX_EVENTS) };
  }

  /** The row of a person, by any of their names. */
  async find(account: Account, target: Target): Promise<BlockedUserRow | null> {
    const person = await this.people.findByAddress(this.database, account, target);
    const [row] = await this.repository.findByNames(this.database, account.id, {
      contactIds: person ? [person.contactId] : [],
      phones: 'phone' in target ? [target.phone] : [],
      userIds: 'userId' in target ? [target.userId] : [],
    });
    return row ?? null;
  }
}

function readCursor(cursor: string | undefined): { blockedAt: string; id: number } | null {
  if (cursor === undefined) {
    return null;
  }
  const [blockedAt, id] = decodeCursor(LIST, cursor, 2);
  if (
    typeof blockedAt !== 'string' ||
    typeof id !== 'number' ||
    !/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/.test(blockedAt) ||
    Number.isNaN(Date.parse(blockedAt))
  ) {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { blockedAt, id };
}
