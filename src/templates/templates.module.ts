import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MediaModule } from '../media/media.module.js';
import { TemplateDeletionService } from './template-deletion.service.js';
import { TemplateEventsRepository } from './template-events.repository.js';
import { TemplateLeases } from './template-leases.js';
import { TemplateMedia } from './template-media.service.js';
import { TemplateNews } from './template-news.js';
import { TemplatePushService } from './template-push.service.js';
import { TemplateSamples } from './template-samples.js';
import { TemplateStore } from './template-store.js';
import { TemplateSyncRepository } from './template-sync.repository.js';
import { TemplateSync } from './template-sync.js';
import { TemplateRecord } from './template.entity.js';
import { TemplatesController } from './templates.controller.js';
import { TemplatesRepository } from './templates.repository.js';
import { TemplatesService } from './templates.service.js';
import { TemplatesWebhook } from './templates.webhook.js';

/** Message templates: drafts of ours, and what Meta has. */
@Module({
  imports: [TypeOrmModule.forFeature([TemplateRecord]), MediaModule],
  controllers: [TemplatesController],
  providers: [
    TemplateDeletionService,
    TemplateEventsRepository,
    TemplateLeases,
    TemplateMedia,
    TemplateNews,
    TemplatePushService,
    TemplateSamples,
    TemplatesRepository,
    TemplatesService,
    TemplatesWebhook,
    TemplateStore,
    TemplateSync,
    TemplateSyncRepository,
  ],
  exports: [TemplateMedia, TemplateNews, TemplatesService, TemplatesWebhook, TemplateSync],
})
export class TemplatesModule {}
