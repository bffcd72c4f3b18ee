import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError, invalidField } from '../common/app-error.js';
import { decodeCursor, toPage, type Page } from '../common/page.js';
import { requirePhoneNumber } from '../common/phone-number.js';
import { Config } from '../config/config.js';
import { PeopleService } from '../contacts/people.service.js';
import { Database } from '../database/database.js';
import { OrdersRepository, type OrderFilter, type OrderRow, type OrderStatus } from './orders.repository.js';

const LIST = 'orders';
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** What is asked of the list; whose orders, by any of the three. */
export interface OrderQuery extends Pick<OrderFilter, 'status' | 'contactId' | 'from' | 'to' | 'q'> {
  phone?: string | undefined;
  userId?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** What customers ordered, and how far it is. */
@Injectable()
export class OrdersService {
  constructor(
    private readonly database: Database,
    private readonly repository: OrdersRepository,
    private readonly people: PeopleService,
    private readonly config: Config,
  ) {}

  /** Those placed last first. */
  async list(account: Account, { limit, cursor, phone, userId, ...filter }: OrderQuery): Promise<Page<OrderRow>> {
    if (filter.from && filter.to && filter.from >= filter.to) {
      throw invalidField('to', 'before_from', 'to must be after from.');
    }
    const after = readCursor(cursor);
    const named = await this.findNamed(account, { phone, userId });
    if (named === null || (named !== undefined && filter.contactId !== undefined && named !== filter.contactId)) {
      return { rows: [], nextCursor: null };
    }
    const rows = await this.repository.list(
      this.database,
      { ...filter, accountId: account.id, contactId: named ?? filter.contactId, after },
      limit + 1,
    );
    return toPage(LIST, rows, limit, (row) => [row.placed_at.toISOString(), row.id]);
  }

  /** @throws `not_found` */
  async get(accountId: number, id: number): Promise<OrderRow> {
    const row = await this.repository.find(this.database, accountId, id);
    if (!row) {
      throw noSuchOrder();
    }
    return row;
  }

  /** Any status may follow any other: people put right what they mistook. @throws `not_found` */
  async update(
    accountId: number,
    id: number,
    changes: { status?: OrderStatus | undefined; notes?: string | undefined },
  ): Promise<OrderRow> {
    if (!(await this.repository.update(this.database, accountId, id, changes))) {
      throw noSuchOrder();
    }
    return this.get(accountId, id);
  }

  /** @returns undefined: nobody is named; null: nobody is known by it */
  private async findNamed(
    account: Account,
    { phone, userId }: Pick<OrderQuery, 'phone' | 'userId'>,
  ): Promise<number | null | undefined> {
    if (phone === undefined && userId === undefined) {
      return undefined;
    }
    const address =
      phone !== undefined
        ? { phone: requirePhoneNumber(phone, this.config.defaultCountry) }
        : { userId: userId as string };
    return (await this.people.findByAddress(this.database, account, address))?.contactId ?? null;
  }
}

function readCursor(cursor: string | undefined): OrderFilter['after'] {
  if (cursor === undefined) {
    return null;
  }
  const [placedAt, id] = decodeCursor(LIST, cursor, 2);
  const at = typeof placedAt === 'string' && INSTANT.test(placedAt) ? new Date(placedAt) : new Date(NaN);
  if (typeof id !== 'number' || Number.isNaN(at.getTime())) {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { placedAt: at, id };
}

function noSuchOrder(): AppError {
  return new AppError('not_found', 'There is no such order.');
}
