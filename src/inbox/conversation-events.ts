import { Injectable } from '@nestjs/common';
import type { AccountScope } from '../contacts/person.js';
import type { Tx } from '../database/database.js';
import { Outbox, type OutboxEvent } from '../outbox/outbox.js';
import { ConversationsRepository, type ConversationState } from './conversations.repository.js';

/** What of a conversation may change; `messages`: one of them was hidden. */
export type ConversationChange = 'label' | 'is_resolved' | 'assigned_to' | 'unread_count' | 'messages' | 'is_blocked';

/** Tells the world that a conversation is not as it was. */
@Injectable()
export class ConversationEvents {
  constructor(
    private readonly conversations: ConversationsRepository,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Appends `conversation.updated`, with the conversation as it stands in the caller's transaction. Call it only when
   * something changed.
   * @param more further members of the payload
   */
  async updated(
    tx: Tx,
    account: AccountScope,
    conversationId: number,
    changed: readonly ConversationChange[],
    more: Record<string, unknown> = {},
  ): Promise<void> {
    const state = await this.conversations.findState(tx, account, conversationId);
    if (!state) {
      return;
    }
    await this.outbox.append(tx, [toEvent(account.id, state, { changed, ...more })]);
  }

  /** The same of all conversations that the account has with these people, in two statements. */
  async updatedWith(
    tx: Tx,
    accountId: number,
    contactIds: readonly number[],
    changed: readonly ConversationChange[],
  ): Promise<void> {
    const states = await this.conversations.findStatesWith(tx, accountId, contactIds);
    await this.outbox.append(
      tx,
      states.map((state) => toEvent(accountId, state, { changed })),
    );
  }
}

function toEvent(accountId: number, state: ConversationState, more: Record<string, unknown>): OutboxEvent {
  return { type: 'conversation.updated', accountId, subjectId: state.id, payload: { ...state, ...more } };
}
