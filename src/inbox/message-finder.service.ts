import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { toPage, type Page } from '../common/page.js';
import { Database } from '../database/database.js';
import type { Address } from './address.js';
import { InboxService } from './inbox.service.js';
import type { MessageRow } from './message.dto.js';
import { MessageSearchRepository, type MessageFilter } from './message-search.repository.js';
import type { WordSearch } from './search-words.js';
import { readTimeKey } from './time-key.js';

const LIST = 'message-search';
/** How far a page of a common word is looked for before the index is asked after all. */
const MAX_WALK = 20_000;

export interface MessageQuery extends Omit<MessageFilter, 'accountId' | 'conversationId' | 'words' | 'after'> {
  /** Null: nothing that could be found. */
  words: WordSearch | null;
  /** Only the conversation with this person. */
  address?: Address | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** Finds messages by what was written, in all conversations of an account. */
@Injectable()
export class MessageFinder {
  constructor(
    private readonly database: Database,
    private readonly messages: MessageSearchRepository,
    private readonly inbox: InboxService,
  ) {}

  /** The newest first. @throws `not_found` when there is no conversation with the person */
  async search(account: Account, { words, address, limit, cursor, ...query }: MessageQuery): Promise<Page<MessageRow>> {
    const after = cursor === undefined ? null : readTimeKey(LIST, cursor);
    const conversationId = address && (await this.inbox.requireConversation(account, address));
    if (!words) {
      return { rows: [], nextCursor: null };
    }
    const rows = await this.find({ ...query, accountId: account.id, conversationId, words, after }, limit + 1);
    return toPage(LIST, rows, limit, (row) => [row.timestamp.toISOString(), row.id]);
  }

  /** Rare words by their index, common ones by walking: see `ChatFinder`. */
  private async find(filter: MessageFilter, limit: number): Promise<MessageRow[]> {
    const isThread = filter.conversationId !== undefined;
    if (isThread || (await this.messages.isCommon(this.database, filter.accountId, filter.words))) {
      const rows = await this.messages.byWalking(this.database, filter, limit, MAX_WALK);
      if (rows.length === limit || !(await this.messages.isBeyond(this.database, filter, MAX_WALK))) {
        return rows;
      }
    }
    return this.messages.byIndex(this.database, filter, limit);
  }
}
