import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError } from '../common/app-error.js';
import { decodeCursor, encodeCursor, toPage, type Page } from '../common/page.js';
import { PeopleService } from '../contacts/people.service.js';
import { Database } from '../database/database.js';
import type { Address } from './address.js';
import type { ListChatsQuery } from './chat.dto.js';
import { InboxRepository, type ChatRow } from './inbox.repository.js';
import type { MessageRow } from './message.dto.js';

const CHATS = 'chats';
const OLDER = 'older';
const NEWER = 'newer';

/** What an agent reads. */
@Injectable()
export class InboxService {
  constructor(
    private readonly database: Database,
    private readonly inbox: InboxRepository,
    private readonly people: PeopleService,
  ) {}

  async listChats(account: Account, query: ListChatsQuery): Promise<Page<ChatRow>> {
    const after = query.cursor === undefined ? null : readKey(CHATS, query.cursor);
    const rows = await this.inbox.listChats(this.database, {
      accountId: account.id,
      q: query.q,
      label: query.label,
      isResolved: query.status === 'all' ? undefined : query.status === 'resolved',
      assignedTo: query.assigned_to,
      unreadOnly: query.unread,
      after: after && { lastMessageAt: after.timestamp, id: after.id },
      limit: query.limit + 1,
    });
    return toPage(CHATS, rows, query.limit, (row) => [row.last_message_at?.toISOString() ?? null, row.id]);
  }

  async getChat(account: Account, address: Address): Promise<ChatRow> {
    const conversationId = await this.requireConversation(account, address);
    const [row] = await this.inbox.listChats(this.database, {
      accountId: account.id,
      conversationId,
      after: null,
      limit: 1,
    });
    if (!row) {
      throw new AppError('not_found', 'There is no conversation with this person.');
    }
    return row;
  }

  /** Newest first. The cursor knows its direction: `next_cursor` goes back in time, `prev_cursor` forward. */
  async listMessages(
    account: Account,
    address: Address,
    page: { limit: number; cursor?: string | undefined },
  ): Promise<{ rows: MessageRow[]; nextCursor: string | null; prevCursor: string | null }> {
    const conversationId = await this.requireConversation(account, address);
    const cursor = page.cursor === undefined ? null : readMessagesCursor(page.cursor);
    const rows = await this.inbox.listMessages(this.database, conversationId, cursor, page.limit + 1);
    const hasMore = rows.length > page.limit;
    const shown = rows.slice(0, page.limit);
    if (cursor?.direction === NEWER) {
      shown.reverse();
    }
    const [newest, oldest] = [shown[0], shown.at(-1)];
    return {
      rows: shown,
      nextCursor: oldest && (cursor?.direction === NEWER || hasMore) ? keyOf(OLDER, oldest) : null,
      // Always there while there is a message to start from: newer ones may come any time.
      prevCursor: newest ? keyOf(NEWER, newest) : (page.cursor ?? null),
    };
  }

  getMessage(account: Account, id: number): Promise<MessageRow> {
    return this.inbox.getMessage(this.database, account.id, id);
  }

  private async requireConversation(account: Account, address: Address): Promise<number> {
    const person = await this.people.findByAddress(this.database, account, address);
    const id = person && (await this.inbox.findConversation(this.database, account.id, person.contactId));
    if (!id) {
      throw new AppError('not_found', 'There is no conversation with this person.');
    }
    return id;
  }
}

function keyOf(direction: string, row: MessageRow): string {
  return encodeCursor(`messages-${direction}`, [row.timestamp.toISOString(), row.id]);
}

function readMessagesCursor(cursor: string): { direction: 'older' | 'newer'; timestamp: string; id: number } {
  try {
    return { direction: OLDER, ...readKey('messages-older', cursor) };
  } catch {
    return { direction: NEWER, ...readKey('messages-newer', cursor) };
  }
}

function readKey(list: string, cursor: string): { timestamp: string; id: number } {
  const [timestamp, id] = decodeCursor(list, cursor, 2);
  if (typeof timestamp !== 'string' || Number.isNaN(Date.parse(timestamp)) || typeof id !== 'number') {
    throw new AppError('bad_cursor', 'Take the cursor from the previous page, unchanged.');
  }
  return { timestamp, id };
}
