import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ContactsModule } from '../contacts/contacts.module.js';
import { InboxModule } from '../inbox/inbox.module.js';
import { TemplatesModule } from '../templates/templates.module.js';
import { AudiencePreset } from './audience/audience-preset.entity.js';
import { AudiencePresetsController } from './audience/audience-presets.controller.js';
import { AudiencePresetsRepository } from './audience/audience-presets.repository.js';
import { AudiencePresetsService } from './audience/audience-presets.service.js';
import { AudiencesController } from './audience/audiences.controller.js';
import { AudienceIntake } from './audience/audience-intake.js';
import { AudienceSources } from './audience/audience-sources.js';
import { AudienceRepository } from './audience/audience.repository.js';
import { CampaignAudience } from './audience/campaign-audience.js';
import { CampaignAudienceService } from './audience/campaign-audience.service.js';
import { CampaignMoves } from './campaign-moves.service.js';
import { CampaignProgress } from './campaign-progress.js';
import { CampaignRecipient } from './campaign-recipient.entity.js';
import { CampaignVariant } from './campaign-variant.entity.js';
import { Campaign } from './campaign.entity.js';
import { CampaignsController } from './campaigns.controller.js';
import { CampaignsRepository } from './campaigns.repository.js';
import { CampaignsWebhook } from './campaigns.webhook.js';
import { CampaignsService } from './campaigns.service.js';
import { CampaignOutcome } from './outcome/campaign-outcome.service.js';
import { OutcomesRepository } from './outcome/outcomes.repository.js';
import { RecipientListRepository } from './outcome/recipient-list.repository.js';
import { CampaignPreflightController } from './preflight/campaign-preflight.controller.js';
import { CampaignTest } from './preflight/campaign-test.service.js';
import { PreflightSource } from './preflight/preflight-source.js';
import { PreflightRepository } from './preflight/preflight.repository.js';
import { PreflightService } from './preflight/preflight.service.js';
import { CampaignCosts } from './pricing/campaign-costs.js';
import { CostsRepository } from './pricing/costs.repository.js';
import { MessagePricer } from './pricing/message-pricer.js';
import { RateTableController } from './pricing/rate-table.controller.js';
import { RatesRepository } from './pricing/rates.repository.js';
import { RatesService } from './pricing/rates.service.js';
import { CampaignPauses } from './reactions/campaign-pauses.service.js';
import { CampaignReactions } from './reactions/campaign-reactions.service.js';
import { CooldownPeople } from './reactions/cooldown-people.js';
import { CooldownsRepository } from './cooldowns.repository.js';
import { ReactionsRepository } from './reactions/reactions.repository.js';
import { RecipientPeople } from './recipient-people.js';
import { RecipientPeopleRepository } from './recipient-people.repository.js';
import { RecipientsController } from './recipients.controller.js';
import { RecipientsRepository } from './recipients.repository.js';
import { RecipientsService } from './recipients.service.js';
import { TimingRepository } from './timing/timing.repository.js';
import { Trials } from './timing/trials.service.js';
import { UnknownPolicy } from './timing/unknown-policy.js';
import { SendingLease } from './sending/sending-lease.entity.js';

/** Bulk sends: drafts, audiences, moves and counts. The sending itself is in the worker module. */
@Module({
  imports: [
    TypeOrmModule.forFeature([AudiencePreset, Campaign, CampaignRecipient, CampaignVariant, SendingLease]),
    ContactsModule,
    InboxModule,
    TemplatesModule,
  ],
  controllers: [
    AudiencePresetsController,
    AudiencesController,
    CampaignsController,
    CampaignPreflightController,
    RateTableController,
    RecipientsController,
  ],
  providers: [
    AudienceIntake,
    AudiencePresetsRepository,
    AudiencePresetsService,
    AudienceRepository,
    AudienceSources,
    CampaignAudience,
    CampaignAudienceService,
    CampaignCosts,
    CampaignMoves,
    CampaignOutcome,
    CampaignPauses,
    CampaignProgress,
    CampaignReactions,
    CampaignTest,
    CampaignsRepository,
    CampaignsService,
    CampaignsWebhook,
    CooldownPeople,
    CooldownsRepository,
    CostsRepository,
    MessagePricer,
    OutcomesRepository,
    PreflightRepository,
    PreflightService,
    PreflightSource,
    RatesRepository,
    RatesService,
    ReactionsRepository,
    RecipientListRepository,
    RecipientPeople,
    RecipientPeopleRepository,
    RecipientsRepository,
    RecipientsService,
    TimingRepository,
    Trials,
    UnknownPolicy,
  ],
  exports: [
    AudienceIntake,
    AudienceRepository,
    AudienceSources,
    CampaignAudience,
    CampaignCosts,
    CampaignMoves,
    CampaignOutcome,
    CampaignPauses,
    CampaignProgress,
    CooldownsRepository,
    CampaignsRepository,
    CampaignsService,
    CampaignsWebhook,
    RecipientsRepository,
    TimingRepository,
    Trials,
    UnknownPolicy,
  ],
})
export class CampaignsModule {}
