import { Injectable } from '@nestjs/common';
import { AppError, invalidField } from '../common/app-error.js';
import { decodeCursor, toPage, type Page } from '../common/page.js';
import { Database } from '../database/database.js';
import { mayUse, type Principal } from '../http/principal.js';
import { AuditLogRepository, type AuditFilter, type AuditRow } from './audit-log.repository.js';

/** Which entries, as a caller asks for them. */
export interface AuditQuery extends Omit<AuditFilter, 'accountIds' | 'after' | 'from' | 'to'> {
  /** The account that the request names. */
  accountId: number | null;
  from?: string | undefined;
  to?: string | undefined;
  cursor?: string | undefined;
  limit: number;
}

const LIST = 'audit_log';
/** What is before or after all that can be asked for. */
const EARLIEST = Date.UTC(1970, 0);
const LATEST = Date.UTC(9999, 0);

/** Who did what. */
@Injectable()
export class AuditLogService {
  constructor(
    private readonly database: Database,
    private readonly repository: AuditLogRepository,
  ) {}

  /**
   * The newest first. A key tied to accounts sees what was done to what is theirs; any other key sees all.
   * @throws `account_not_found` for an account that is missing or not the key's
   */
  async list(by: Principal, query: AuditQuery): Promise<Page<AuditRow>> {
    const { accountId, cursor, limit, from, to, ...filter } = query;
    const rows = await this.repository.list(
      this.database,
      {
        ...filter,
        accountIds: await this.accountsOf(by, accountId),
        from: readTime('from', from),
        to: readTime('to', to),
        after: readCursor(cursor),
      },
      limit + 1,
    );
    return toPage(LIST, rows, limit, (row) => [row.created_at.getTime(), row.id]);
  }

  private async accountsOf(by: Principal, named: number | null): Promise<readonly number[] | null> {
    if (named === null) {
      return by.accountIds.length > 0 ? by.accountIds : null;
    }
    if (!mayUse(by, named) || !(await this.repository.hasAccount(this.database, named))) {
      throw new AppError('account_not_found', 'There is no such account.');
    }
    return [named];
  }
}

function readTime(field: string, text: string | undefined): Date | undefined {
  if (text === undefined) {
    return undefined;
  }
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw invalidField(field, 'is_iso8601', `${field} must be a time such as 2026-11-21T09:30:00Z.`);
  }
  return new Date(Math.min(Math.max(time, EARLIEST), LATEST));
}

function readCursor(cursor: string | undefined): AuditFilter['after'] {
  if (cursor === undefined) {
    return null;
  }
  const [at, id] = decodeCursor(LIST, cursor, 2);
  if (typeof at !== 'number' || typeof id !== 'number' || at < EARLIEST || at > LATEST) {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { createdAt: new Date(at), id };
}
