import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { MediaService } from '../media/media.service.js';
import { Outbox } from '../outbox/outbox.js';
import {
  MessageChangesRepository,
  type MessageLook,
  type MessageName,
  type RecordedChange,
} from './message-changes.repository.js';

/** Reactions, edits, revokes and files that were fetched: what happened to messages, and how they look since. */
@Injectable()
export class MessageChanges implements OnModuleInit {
  constructor(
    private readonly repository: MessageChangesRepository,
    private readonly media: MediaService,
    private readonly outbox: Outbox,
  ) {}

  onModuleInit(): void {
    this.media.onSettled(async (tx, files) => {
      const fileIds = files.map((file) => file.id);
      await this.tell(tx, await this.repository.findByFiles(tx, fileIds));
    });
  }

  /** Applies changes, in any order and any number of times. @returns the wamids of the changes that are new */
  async apply(tx: Tx, changes: readonly RecordedChange[]): Promise<Set<string>> {
    if (changes.length === 0) {
      return new Set();
    }
    const added = await this.repository.record(tx, changes);
    const fresh = changes.filter((change) => added.has(change.changeId));
    if (fresh.length > 0) {
      const names = fresh.map((change) => ({ accountId: change.accountId, wamid: change.targetId }));
      await this.tell(tx, await this.repository.fold(tx, names));
    }
    return added;
  }

  /** Changes that came before their message: these messages are there now. */
  async applyWaiting(tx: Tx, messages: readonly MessageName[]): Promise<void> {
    if (messages.length > 0) {
      await this.tell(tx, await this.repository.fold(tx, messages));
    }
  }

  private async tell(tx: Tx, looks: readonly MessageLook[]): Promise<void> {
    await this.outbox.append(
      tx,
      looks.map(({ account_id, edited_at, reactions, ...look }) => ({
        type: 'message.status' as const,
        accountId: account_id,
        subjectId: look.conversation_id,
        payload: { ...look, reactions: reactions ?? [], edited_at: edited_at?.toISOString() ?? null },
      })),
    );
  }
}
