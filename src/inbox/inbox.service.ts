import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError } from '../common/app-error.js';
import { encodeCursor } from '../common/page.js';
import { LabelsService } from '../contacts/labels.service.js';
import { phoneIdentity, userIdentity } from '../contacts/person.js';
import { Database, type Tx } from '../database/database.js';
import { MediaService } from '../media/media.service.js';
import type { OpenedMedia } from '../media/opened-media.js';
import type { Address } from './address.js';
import { ChatListRepository } from './chat-list.repository.js';
import { ConversationEvents } from './conversation-events.js';
import { InboxRepository, type ChatRow, type StatusRow } from './inbox.repository.js';
import type { MessageRow } from './message.dto.js';
import { ScheduledSends } from './sending/scheduled-sends.service.js';
import { readTimeKey, type TimeKey } from './time-key.js';

const OLDER = 'messages-older';
const NEWER = 'messages-newer';

/** What an agent changes of a conversation; what is not there stays. */
export interface ChatPatch {
  /** Id or name; a name that is new becomes a label. */
  label?: number | string | null | undefined;
  isResolved?: boolean | undefined;
  assignedTo?: string | null | undefined;
}

/** A message with what Meta told of it. */
export interface MessageHistory {
  message: MessageRow;
  rawPayload: Record<string, unknown> | null;
  statuses: StatusRow[];
}

/** Conversations and messages one by one: what an agent opens, reads and puts in order. */
@Injectable()
export class InboxService {
  constructor(
    private readonly database: Database,
    private readonly inbox: InboxRepository,
    private readonly chats: ChatListRepository,
    private readonly labels: LabelsService,
    private readonly scheduled: ScheduledSends,
    private readonly media: MediaService,
    private readonly events: ConversationEvents,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws `not_found` */
  async getChat(account: Account, address: Address): Promise<ChatRow> {
    return this.readChat(account, await this.requireConversation(account, address));
  }

  /** Changes the given fields only; tells of it only when something changed. @throws `not_found`; 400 that names the label */
  async updateChat(account: Account, address: Address, patch: ChatPatch): Promise<ChatRow> {
    const { label, isResolved, assignedTo } = patch;
    const id = await this.requireConversation(account, address);
    await this.database.transaction(async (tx) => {
      const labelId = typeof label === 'string' || typeof label === 'number' ? await this.resolve(tx, label) : label;
      const changed = await this.inbox.updateConversation(tx, account.id, id, { labelId, isResolved, assignedTo });
      if (changed.length > 0) {
        await this.events.updated(tx, account, id, changed);
      }
    });
    return this.readChat(account, id);
  }

  /** Newest first. The cursor knows its direction: `next_cursor` goes back in time, `prev_cursor` forward. */
  async listMessages(
    account: Account,
    address: Address,
    page: { limit: number; cursor?: string | undefined },
  ): Promise<{ rows: MessageRow[]; nextCursor: string | null; prevCursor: string | null }> {
    const cursor = page.cursor === undefined ? null : readCursor(page.cursor);
    const conversationId = await this.requireConversation(account, address);
    const rows = await this.inbox.listMessages(this.database, conversationId, cursor, page.limit + 1);
    const hasMore = rows.length > page.limit;
    const shown = rows.slice(0, page.limit);
    if (cursor?.isForward) {
      shown.reverse();
    }
    const [newest, oldest] = [shown[0], shown.at(-1)];
    return {
      rows: shown,
      nextCursor: oldest && (cursor?.isForward || hasMore) ? cursorOf(OLDER, oldest) : null,
      // Always there while there is a message to start from: newer ones may come any time.
      prevCursor: newest ? cursorOf(NEWER, newest) : (page.cursor ?? null),
    };
  }

  /** Also one that is hidden. @throws `not_found` */
  async getMessage(account: Account, id: number): Promise<MessageHistory> {
    const message = await this.inbox.getMessage(this.database, account.id, id);
    return { message, ...(await this.inbox.getHistory(this.database, message)) };
  }

  /**
   * Takes back a message that waits for its time; hides any other one, here and not on the customer's phone. Doing it again
   * changes nothing.
   * @throws `not_found`
   */
  async removeMessage(account: Account, id: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      if (await this.scheduled.cancel(tx, account.id, id)) {
        await this.note(tx, account, 'message.cancelled', id);
        return;
      }
      const conversationId = await this.inbox.hideMessage(tx, account.id, id);
      if (conversationId === null) {
        await this.inbox.getMessage(tx, account.id, id);
        return;
      }
      await this.events.updated(tx, account, conversationId, ['messages'], { deleted_message_id: id });
      await this.note(tx, account, 'message.deleted', id);
    });
  }

  /** @param range of the request. @throws `not_found` when there is no such message, or no file in it */
  async openMedia(account: Account, id: number, range: string | undefined): Promise<OpenedMedia> {
    const { media_file_id: fileId } = await this.inbox.getMessage(this.database, account.id, id);
    if (fileId === null) {
      throw new AppError('not_found', 'This message has no file that is kept here.');
    }
    return this.media.open(account, fileId, range);
  }

  /** @throws `not_found` */
  async requireConversation(account: Account, address: Address): Promise<number> {
    const identity =
      'phone' in address ? phoneIdentity(address.phone) : userIdentity(account.portfolio, address.userId);
    const id = await this.inbox.findConversationAt(this.database, account.id, identity);
    if (id === null) {
      throw noSuchChat();
    }
    return id;
  }

  private note(tx: Tx, account: Account, action: string, id: number): Promise<void> {
    return this.audit.append(tx, [{ action, objectType: 'message', objectId: id, accountId: account.id }]);
  }

  private async readChat(account: Account, id: number): Promise<ChatRow> {
    const row = await this.chats.find(this.database, account.id, id);
    if (!row) {
      throw noSuchChat();
    }
    return row;
  }

  private async resolve(tx: Tx, label: number | string): Promise<number | null> {
    return typeof label === 'string' && label.trim() === '' ? null : this.labels.resolveOne(tx, label, 'label');
  }
}

function noSuchChat(): AppError {
  return new AppError('not_found', 'There is no conversation with this person.');
}

function cursorOf(list: string, row: MessageRow): string {
  return encodeCursor(list, [row.timestamp.toISOString(), row.id]);
}

function readCursor(cursor: string): { isForward: boolean; key: TimeKey } {
  try {
    return { isForward: false, key: readTimeKey(OLDER, cursor) };
  } catch {
    return { isForward: true, key: readTimeKey(NEWER, cursor) };
  }
}
