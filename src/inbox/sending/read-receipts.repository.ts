import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';

@Injectable()
export class ReadReceiptsRepository {
  /**
   * Nothing of the conversation is unread any more. What comes in at the same moment waits for the row and is counted
   * afterwards, or was here before and is read: {@link findNewestInbound} in the same transaction sees exactly the latter.
   * @returns whether anything was unread
   */
  async clearUnread(tx: Tx, accountId: number, conversationId: number): Promise<boolean> {
    const [row] = await tx.query<{ unread_count: number }>(
      'select unread_count from conversations where account_id = $1 and id = $2 for no key update',
      [accountId, conversationId],
    );
    if (!row?.unread_count) {
      return false;
    }
    await tx.query('update conversations set unread_count = 0, updated_at = now() where account_id = $1 and id = $2', [
      accountId,
      conversationId,
    ]);
    return true;
  }

  /** wamid of the newest message that the customer wrote, or null. */
  async findNewestInbound(tx: Tx, accountId: number, conversationId: number): Promise<string | null> {
    const [row] = await tx.query<{ message_id: string }>(
      `select message_id from messages
       where account_id = $1 and conversation_id = $2 and direction = 'inbound' and message_type <> 'system'
         and message_id is not null
       order by timestamp desc, id desc limit 1`,
      [accountId, conversationId],
    );
    return row?.message_id ?? null;
  }
}
