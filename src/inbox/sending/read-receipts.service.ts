import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AppError } from '../../common/app-error.js';
import { PeopleService } from '../../contacts/people.service.js';
import { Database } from '../../database/database.js';
import { MessagesApi } from '../../meta/api/messages.js';
import type { Address } from '../address.js';
import { ConversationEvents } from '../conversation-events.js';
import { InboxRepository } from '../inbox.repository.js';
import { InboxService } from '../inbox.service.js';
import { ReadReceiptsRepository } from './read-receipts.repository.js';

/** What became of the receipt at Meta; `none`: there is nothing of the customer's to be read. */
export interface ReadReceipt {
  status: 'sent' | 'failed' | 'none';
  error: { code: number | null; title: string; details: string } | null;
}

export interface ReadChat {
  chat: Awaited<ReturnType<InboxService['getChat']>>;
  receipt: ReadReceipt;
}

/** An agent has seen a conversation: here, and on the customer's phone. */
@Injectable()
export class ReadReceipts {
  constructor(
    private readonly database: Database,
    private readonly people: PeopleService,
    private readonly inbox: InboxRepository,
    private readonly chats: InboxService,
    private readonly repository: ReadReceiptsRepository,
    private readonly messagesApi: MessagesApi,
    private readonly events: ConversationEvents,
  ) {}

  /** @param options typing: shows the customer for up to 25 s that somebody is typing */
  async markRead(account: Account, address: Address, options: { typing?: boolean | undefined }): Promise<ReadChat> {
    const wamid = await this.clear(account, address);
    const receipt = wamid === null ? NONE : await this.tellMeta(account, wamid, options.typing ?? false);
    return { chat: await this.chats.getChat(account, address), receipt };
  }

  /** @returns wamid of what is read now, with all before it */
  private clear(account: Account, address: Address): Promise<string | null> {
    return this.database.transaction(async (tx) => {
      const person = await this.people.findByAddress(tx, account, address);
      const id = person && (await this.inbox.findConversation(tx, account.id, person.contactId));
      if (!person || !id) {
        throw new AppError('not_found', 'There is no conversation with this person.');
      }
      if (await this.repository.clearUnread(tx, account.id, id)) {
        await this.events.updated(tx, account, id, ['unread_count']);
      }
      return this.repository.findNewestInbound(tx, account.id, id);
    });
  }

  private async tellMeta(account: Account, wamid: string, typing: boolean): Promise<ReadReceipt> {
    const answer = await this.messagesApi.markRead(account, { wamid, typing });
    if (answer.ok) {
      return { status: 'sent', error: null };
    }
    const { code, title, details } = answer.failure;
    return { status: 'failed', error: { code, title, details } };
  }
}

const NONE: ReadReceipt = { status: 'none', error: null };
