import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { TemplateSync } from './template-sync.js';
import { TemplateRecord } from './template.entity.js';
import { TemplatesController } from './templates.controller.js';
import { TemplatesRepository } from './templates.repository.js';
import { TemplatesService } from './templates.service.js';

/** Message templates: drafts of ours, and what Meta has. */
@Module({
  imports: [TypeOrmModule.forFeature([TemplateRecord])],
  controllers: [TemplatesController],
  providers: [TemplatesRepository, TemplatesService, TemplateSync],
  exports: [TemplatesService, TemplateSync],
})
export class TemplatesModule {}
