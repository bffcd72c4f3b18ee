import { Process, Processor } from '@nestjs/bull';
import { Module } from '@nestjs/common';
import type { Job } from 'bull';
import { ContactsModule } from '../contacts/contacts.module.js';
import { InboxModule } from '../inbox/inbox.module.js';
import { QUEUES, type QueuePayloads } from '../queues/queues.js';
import { TemplatesModule } from '../templates/templates.module.js';
import { AudienceMaterialiser } from './audience/audience-materialiser.js';
import { CampaignSweeper } from './campaign-sweeper.js';
import { CampaignsModule } from './campaigns.module.js';
import { CampaignProgressTicker } from './outcome/campaign-progress-ticker.js';
import { ProgressRepository } from './outcome/progress.repository.js';
import { CampaignMessages } from './sending/campaign-messages.js';
import { CampaignScheduler } from './timing/campaign-scheduler.js';
import { CampaignSender } from './sending/campaign-sender.js';
import { DeliveryDesk } from './sending/delivery-desk.js';
import { LeasesRepository } from './sending/leases.repository.js';
import { RecipientPreparer } from './sending/recipient-preparer.js';
import { SendingLimitsRepository } from './sending/sending-limits.repository.js';

@Processor('campaign-drain')
export class CampaignDrainProcessor {
  constructor(private readonly sender: CampaignSender) {}

  /** Only wakes the drain and returns: the lease in PostgreSQL decides who sends, and for how long. */
  @Process({ concurrency: QUEUES['campaign-drain'].concurrency })
  wake(job: Job<QueuePayloads['campaign-drain']>): void {
    this.sender.wake(job.data.accountId);
  }
}

@Module({
  imports: [CampaignsModule, ContactsModule, InboxModule, TemplatesModule],
  providers: [
    AudienceMaterialiser,
    CampaignDrainProcessor,
    CampaignMessages,
    CampaignScheduler,
    CampaignProgressTicker,
    CampaignSender,
    CampaignSweeper,
    DeliveryDesk,
    LeasesRepository,
    RecipientPreparer,
    SendingLimitsRepository,
    ProgressRepository,
  ],
})
export class CampaignsWorkerModule {}
