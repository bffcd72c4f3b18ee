import { Injectable } from '@nestjs/common';
import { AccountsService, noSuchAccount } from '../accounts/accounts.service.js';
import { AppError } from '../common/app-error.js';
import { decodeCursor, encodeCursor, toPage, type Page } from '../common/page.js';
import { Database } from '../database/database.js';
import { mayUse, type Principal } from '../http/principal.js';
import type { WebhookLogFilter } from './webhook-log-filter.js';
import { WebhookLogsRepository, type LogKey, type WebhookLogRow } from './webhook-logs.repository.js';

/** Which bodies somebody asks for; accounts by their id or by Meta's id of their number. */
export type WebhookLogQuery = Omit<WebhookLogFilter, 'visibleTo'> & { phoneNumberId?: string | undefined };

export interface ListQuery extends WebhookLogQuery {
  /** Stands in the body. */
  text?: string | undefined;
  cursor?: string | undefined;
  limit: number;
}

const LIST = 'webhook_logs';
/** Bodies that one page of a search looks through. */
const SEARCHED = 5_000;
const SEARCHED_BYTES = 32 * 1024 * 1024;

/** What Meta sent and what became of it. */
@Injectable()
export class WebhookLogsService {
  constructor(
    private readonly database: Database,
    private readonly logs: WebhookLogsRepository,
    private readonly accounts: AccountsService,
  ) {}

  async list(principal: Principal, query: ListQuery): Promise<Page<WebhookLogRow>> {
    const { text, cursor, limit } = query;
    const filter = await this.filterOf(principal, query);
    const after = cursor === undefined ? null : readCursor(cursor);
    if (text === undefined) {
      const rows = await this.logs.list(this.database, filter, after, limit + 1);
      return toPage(LIST, rows, limit, keyOf);
    }
    return this.search(filter, text, after, limit);
  }

  /** @throws `404 not_found` when it is missing or not the key's to see */
  async get(principal: Principal, id: number): Promise<WebhookLogRow & { body: Buffer }> {
    const row = await this.logs.find(this.database, id, visibleTo(principal));
    if (!row) {
      throw noSuchLog();
    }
    return row;
  }

  /** @throws `404 account_not_found` when it names an account that is missing or not the key's */
  async filterOf(principal: Principal, query: WebhookLogQuery): Promise<WebhookLogFilter> {
    const { phoneNumberId, ...filter } = query;
    if (phoneNumberId === undefined) {
      return { ...filter, visibleTo: visibleTo(principal) };
    }
    const account = await this.accounts.findByPhoneNumberId(phoneNumberId);
    const isOther = filter.accountId !== undefined && filter.accountId !== account?.id;
    if (!account || isOther || !mayUse(principal, account.id)) {
      throw noSuchAccount();
    }
    return { ...filter, accountId: account.id, visibleTo: visibleTo(principal) };
  }

  /** A page looks through a stretch of the log, and may hold fewer than it could, or none, with more to come. */
  private async search(
    filter: WebhookLogFilter,
    text: string,
    after: LogKey | null,
    limit: number,
  ): Promise<Page<WebhookLogRow>> {
    const found = await this.logs.search(this.database, filter, spellingsOf(text), after, SEARCHED, SEARCHED_BYTES);
    const page = toPage(LIST, found.rows, limit, keyOf);
    const goesOn = page.nextCursor === null && found.last !== null;
    return goesOn && found.last ? { rows: page.rows, nextCursor: encodeCursor(LIST, keyOf(found.last)) } : page;
  }
}

/** Bodies of no account (unreadable, unknown number) are for keys that may see everything. */
export function visibleTo(principal: Principal): readonly number[] | null {
  return principal.accountIds.length === 0 ? null : principal.accountIds;
}

export function noSuchLog(): AppError {
  return new AppError('not_found', 'There is no such webhook log.');
}

/** As JSON has it in UTF-8, and as Meta writes it: beyond ASCII as `\uXXXX`, `/` as `\/`. */
function spellingsOf(text: string): Buffer[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const escaped = plain.replace(/[\u007f-\uffff/]/g, (unit) =>
    unit === '/' ? '\\/' : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return [...new Set([plain, escaped])].map((spelling) => Buffer.from(spelling));
}

function keyOf(row: WebhookLogRow): [string, number] {
  return [row.received_at.toISOString(), row.id];
}

function readCursor(cursor: string): LogKey {
  const [receivedAt, id] = decodeCursor(LIST, cursor, 2);
  if (typeof receivedAt !== 'string' || Number.isNaN(Date.parse(receivedAt)) || typeof id !== 'number') {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { receivedAt, id };
}
