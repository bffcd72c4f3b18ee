import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import type { FoldedMessage } from '../inbox/deliveries.service.js';
import { RecipientsRepository } from './recipients.repository.js';

/** Keeps recipients in step with their messages: whatever a message became, by answer or by webhook, they become. */
@Injectable()
export class CampaignProgress {
  constructor(private readonly recipients: RecipientsRepository) {}

  /** Applies changed messages in the transaction that changed them; those of no campaign are passed over. */
  async applyDeliveries(tx: Tx, messages: readonly FoldedMessage[]): Promise<void> {
    const ours = messages.filter((message) => message.campaignRecipientId !== null);
    if (ours.length > 0) {
      await this.recipients.follow(tx, ours);
    }
  }
}
