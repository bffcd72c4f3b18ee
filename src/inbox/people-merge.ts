import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts, type Merge } from '../contacts/people-ports.js';
import type { Tx } from '../database/database.js';
import { ConversationEvents, type ConversationChange } from './conversation-events.js';
import { PeopleThreadsRepository, type MergedThread } from './people-threads.repository.js';

/** Two contacts become one: in each account their two threads become one, with every message. */
@Injectable()
export class PeopleMerge implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly threads: PeopleThreadsRepository,
    private readonly events: ConversationEvents,
  ) {}

  onModuleInit(): void {
    this.ports.onMerge((tx, act) => this.merge(tx, act));
    this.ports.onAcquaintance((tx, contactIds) => this.threads.acquaintances(tx, contactIds));
  }

  private async merge(tx: Tx, act: Merge): Promise<void> {
    await this.threads.moveMessages(tx, act);
    const before = await this.threads.lockThreads(tx, act);
    const after = await this.threads.moveThreads(tx, act);
    for (const thread of after) {
      const gone = before.find((one) => one.account_id === thread.account_id && one.contact_id === act.goneId);
      const kept = before.find((one) => one.id === thread.id);
      const account = { id: thread.account_id, portfolio: thread.portfolio };
      await this.events.updated(tx, account, thread.id, [], {
        changed: changesOf(kept, gone, thread),
        merged_contact_id: act.goneId,
        merged_conversation_id: gone && gone.id !== thread.id ? gone.id : null,
      });
    }
  }
}

/** @param kept the conversation before, if it was there; @param gone the one that was merged into it, if there was one */
function changesOf(
  kept: MergedThread | undefined,
  gone: MergedThread | undefined,
  now: MergedThread,
): (ConversationChange | 'contact')[] {
  if (!kept || !gone || kept.id === gone.id) {
    return ['contact'];
  }
  return [
    'messages',
    ...(kept.unread_count === now.unread_count ? [] : (['unread_count'] as const)),
    ...(kept.is_resolved === now.is_resolved ? [] : (['is_resolved'] as const)),
    ...(kept.assigned_to === now.assigned_to ? [] : (['assigned_to'] as const)),
    ...(kept.label_id === now.label_id ? [] : (['label'] as const)),
  ];
}
