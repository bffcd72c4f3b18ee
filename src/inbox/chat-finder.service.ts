import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { toPage, type Page } from '../common/page.js';
import { LabelsService } from '../contacts/labels.service.js';
import { Database } from '../database/database.js';
import { ChatListRepository, type ChatFilter } from './chat-list.repository.js';
import { ChatSearchRepository, type Candidates, type Limits } from './chat-search.repository.js';
import type { ChatRow } from './inbox.repository.js';
import type { InboxSearch } from './search-words.js';
import { readTimeKey } from './time-key.js';

const CHATS = 'chats';
/** A search names so many conversations one by one; of more, the list is walked along until a page is full… */
const MAX_NAMED: Limits = { people: 2_000, texts: 10_000 };
/** …but not farther than this: then all are named after all, which takes longer the more there are. */
const MAX_WALK = 3_000;

/** What an agent asks the list for. */
export interface ChatQuery {
  /** Undefined: not searched; null: for nothing that could be found. */
  search: InboxSearch | null | undefined;
  /** Id or name of a label. */
  label?: string | undefined;
  isResolved?: boolean | undefined;
  /** Null: nobody. */
  assignedTo?: string | null | undefined;
  isUnread?: boolean | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** The list of conversations, and what is searched in it. */
@Injectable()
export class ChatFinder {
  constructor(
    private readonly database: Database,
    private readonly chats: ChatListRepository,
    private readonly searches: ChatSearchRepository,
    private readonly labels: LabelsService,
  ) {}

  /**
   * The most recent first. A conversation only ever moves up, so one reader's pages show none of them twice; one that moved
   * past the reader meanwhile stands at the top of a new list.
   */
  async list(account: Account, query: ChatQuery): Promise<Page<ChatRow>> {
    const { search, isResolved, assignedTo, isUnread, limit } = query;
    const after = query.cursor === undefined ? null : readTimeKey(CHATS, query.cursor);
    const labelId = query.label === undefined ? undefined : await this.labels.findByQuery(this.database, query.label);
    if (labelId === null || search === null) {
      return { rows: [], nextCursor: null };
    }
    const filter: ChatFilter = { accountId: account.id, labelId, isResolved, assignedTo, isUnread, after };
    const rows = search
      ? await this.search(account, filter, search, limit + 1)
      : await this.chats.list(this.database, filter, limit + 1);
    return toPage(CHATS, rows, limit, (row) => [row.activity_at.toISOString(), row.id]);
  }

  /**
   * Rare things are found by the indexes of words, common ones by walking along the list: an index would name a hundred
   * thousand conversations for one page, and a walk would pass a hundred thousand for one match.
   */
  private async search(account: Account, filter: ChatFilter, search: InboxSearch, limit: number): Promise<ChatRow[]> {
    const rows = await this.walk(account, filter, search, await this.find(account, search, MAX_NAMED), limit);
    return rows ?? this.named(account, filter, await this.find(account, search, null), limit);
  }

  private find(account: Account, search: InboxSearch, limits: Limits | null): Promise<Candidates> {
    return this.searches.find(this.database, account, search, limits);
  }

  /** Null: the walk ended before the page was full. */
  private async walk(
    account: Account,
    filter: ChatFilter,
    search: InboxSearch,
    found: Candidates,
    limit: number,
  ): Promise<ChatRow[] | null> {
    if (found.people && found.texts) {
      return this.named(account, filter, found, limit);
    }
    const match = {
      ids: [...(found.people ?? []), ...(found.texts ?? [])],
      people: found.people ? null : search,
      texts: found.texts ? null : search,
      portfolio: account.portfolio,
    };
    const rows = await this.chats.search(this.database, filter, match, limit, MAX_WALK);
    const isWhole = rows.length === limit || !(await this.chats.isBeyond(this.database, filter, MAX_WALK));
    return isWhole ? rows : null;
  }

  private named(account: Account, filter: ChatFilter, found: Candidates, limit: number): Promise<ChatRow[]> {
    const ids = [...new Set([...(found.people ?? []), ...(found.texts ?? [])])];
    return this.chats.search(
      this.database,
      filter,
      { ids, people: null, texts: null, portfolio: account.portfolio },
      limit,
      ids.length,
    );
  }
}
