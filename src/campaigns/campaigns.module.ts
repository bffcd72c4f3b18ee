import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ContactsModule } from '../contacts/contacts.module.js';
import { InboxModule } from '../inbox/inbox.module.js';
import { TemplatesModule } from '../templates/templates.module.js';
import { CampaignAudienceService } from './campaign-audience.service.js';
import { CampaignProgress } from './campaign-progress.js';
import { CampaignRecipient } from './campaign-recipient.entity.js';
import { Campaign } from './campaign.entity.js';
import { CampaignsController } from './campaigns.controller.js';
import { CampaignsRepository } from './campaigns.repository.js';
import { CampaignsService } from './campaigns.service.js';
import { RecipientPeople } from './recipient-people.js';
import { RecipientPeopleRepository } from './recipient-people.repository.js';
import { RecipientsRepository } from './recipients.repository.js';
import { SendingLease } from './sending/sending-lease.entity.js';

/** Bulk sends: drafts, audiences, moves and counts. The sending itself is in the worker module. */
@Module({
  imports: [
    TypeOrmModule.forFeature([Campaign, CampaignRecipient, SendingLease]),
    ContactsModule,
    InboxModule,
    TemplatesModule,
  ],
  controllers: [CampaignsController],
  providers: [
    CampaignAudienceService,
    CampaignProgress,
    CampaignsRepository,
    CampaignsService,
    RecipientPeople,
    RecipientPeopleRepository,
    RecipientsRepository,
  ],
  exports: [CampaignProgress, CampaignsRepository, CampaignsService, RecipientsRepository],
})
export class CampaignsModule {}
