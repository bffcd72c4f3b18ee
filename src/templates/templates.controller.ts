import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import {
  DeleteTemplateQuery,
  PreviewTemplateDto,
  readPreviewParams,
  TemplatePreviewDto,
} from './template-actions.dto.js';
import { TemplateDeletionService } from './template-deletion.service.js';
import { TemplatePushService } from './template-push.service.js';
import { TemplateSync } from './template-sync.js';
import {
  CreateTemplateDto,
  ListTemplatesQuery,
  TemplateDto,
  TemplateListDto,
  TemplateSyncDto,
  toDraftChanges,
  toDraftInput,
  toTemplateDto,
  UpdateTemplateDto,
} from './template.dto.js';
import { TemplatesService } from './templates.service.js';

const READ = { tag: 'Templates', scope: 'templates:read' } as const;
const WRITE = { tag: 'Templates', scope: 'templates:write' } as const;
const META_ERRORS = ['graph_error', 'graph_outcome_unknown', 'account_credentials_missing'] as const;

@Controller('templates')
export class TemplatesController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly templates: TemplatesService,
    private readonly sync: TemplateSync,
    private readonly pushes: TemplatePushService,
    private readonly deletions: TemplateDeletionService,
  ) {}

  @Get()
  @Operation({
    ...READ,
    id: 'listTemplates',
    summary: 'List templates, the newest first',
    answers: TemplateListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ListTemplatesQuery): Promise<TemplateListDto> {
    const { id: accountId } = await this.accounts.current();
    const { q, status, category, language, limit, cursor } = query;
    const page = await this.templates.list(accountId, {
      q,
      status: status?.toUpperCase(),
      category: category?.toUpperCase(),
      language,
      limit,
      cursor,
    });
    return { templates: page.rows.map(toTemplateDto), next_cursor: page.nextCursor };
  }

  @Post()
  @Operation({
    ...WRITE,
    id: 'createTemplate',
    example: {
      name: 'order_shipped',
      category: 'UTILITY',
      language: 'en',
      body_text: 'Hello {{1}}, your order {{2}} is on its way.',
      examples: { body: ['Asha', 'ORD-1042'] },
    },
    summary: 'Create a template',
    description: 'Makes a local DRAFT; Meta hears nothing of it yet.',
    answers: TemplateDto,
    status: 201,
    errors: ['template_exists'],
  })
  async create(@Body() body: CreateTemplateDto): Promise<TemplateDto> {
    return toTemplateDto(await this.templates.createDraft(await this.accounts.current(), toDraftInput(body)));
  }

  @Post('sync')
  @Operation({
    ...WRITE,
    id: 'syncTemplates',
    summary: 'Bring the templates from Meta',
    description:
      'Reads all pages. Templates that Meta no longer has get status DELETED and stay, because campaigns and messages ' +
      'name them. Local drafts stay as they are, and `skipped_names` tells which; one that was pushed without an answer ' +
      'becomes what Meta has.',
    answers: TemplateSyncDto,
    errors: ['graph_error', 'account_credentials_missing'],
  })
  async syncAll(@Query() _query: AccountScopedDto): Promise<TemplateSyncDto> {
    const { skippedNames, ...counts } = await this.sync.run(await this.accounts.current());
    return { ...counts, skipped_names: skippedNames };
  }

  @Get(':id')
  @Operation({
    ...READ,
    id: 'getTemplate',
    summary: 'Get a template',
    answers: TemplateDto,
    errors: ['template_not_found'],
  })
  async get(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<TemplateDto> {
    const { id: accountId } = await this.accounts.current();
    return toTemplateDto(await this.templates.read(accountId, id));
  }

  @Patch(':id')
  @Operation({
    ...WRITE,
    id: 'updateTemplate',
    example: { body_text: 'Hello {{1}}, your order {{2}} left today.', examples: { body: ['Asha', 'ORD-1042'] } },
    summary: 'Change a template',
    description:
      'Changes the given fields only. A draft changes here; one that Meta has (APPROVED, REJECTED or PAUSED) changes at ' +
      'Meta in the same call and is reviewed again, or nothing changes. Meta fixes name, language and parameter_format, ' +
      'and the category while it is approved.',
    answers: TemplateDto,
    errors: ['template_not_found', 'template_exists', 'conflict', ...META_ERRORS],
  })
  async update(@Param() { id }: IdParam, @Body() body: UpdateTemplateDto): Promise<TemplateDto> {
    return toTemplateDto(await this.pushes.change(await this.accounts.current(), id, toDraftChanges(body)));
  }

  @Post(':id/push')
  @Operation({
    ...WRITE,
    id: 'pushTemplate',
    summary: 'Submit a template to Meta',
    description:
      'Checks it by Meta’s rules, uploads the samples of media headers, and creates it at Meta; one that Meta has is ' +
      'submitted again. Status and category are what Meta makes of them. After `graph_outcome_unknown`, push again or sync: ' +
      'what Meta has is found, and no second one is made.',
    answers: TemplateDto,
    errors: ['template_not_found', 'conflict', 'media_gone', ...META_ERRORS],
  })
  async push(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<TemplateDto> {
    return toTemplateDto(await this.pushes.push(await this.accounts.current(), id));
  }

  @Post(':id/unpause')
  @Operation({
    ...WRITE,
    id: 'unpauseTemplate',
    summary: 'End the pause of a template',
    description: 'Pauses for low quality end by themselves; those of template pacing do not.',
    answers: TemplateDto,
    errors: ['template_not_found', 'conflict', ...META_ERRORS],
  })
  async unpause(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<TemplateDto> {
    return toTemplateDto(await this.pushes.unpause(await this.accounts.current(), id));
  }

  @Post(':id/preview')
  @Operation({
    ...READ,
    id: 'previewTemplate',
    example: { params: { body: ['Asha', 'ORD-1042'] } },
    summary: 'Show what a person would get',
    description:
      'Renders header, body, footer, buttons and cards with the given values; `missing` names what has none.',
    answers: TemplatePreviewDto,
    errors: ['template_not_found'],
  })
  async preview(@Param() { id }: IdParam, @Body() body: PreviewTemplateDto): Promise<TemplatePreviewDto> {
    const { id: accountId } = await this.accounts.current();
    return this.templates.preview(accountId, id, readPreviewParams(body));
  }

  @Delete(':id')
  @Operation({
    ...WRITE,
    id: 'deleteTemplate',
    summary: 'Delete a template',
    description:
      'Here alone: Meta keeps it, and it comes back with the next sync. With `on_meta=true` at Meta too: this language, or ' +
      'with `all_languages=true` every one that Meta has of the name; what campaigns name stays here as DELETED.',
    errors: ['template_not_found', 'template_in_use', 'conflict', ...META_ERRORS],
  })
  async remove(@Param() { id }: IdParam, @Query() query: DeleteTemplateQuery): Promise<void> {
    await this.deletions.remove(await this.accounts.current(), id, {
      onMeta: query.on_meta ?? false,
      allLanguages: query.all_languages ?? false,
    });
  }
}
