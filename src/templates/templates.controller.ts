import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
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

@Controller('templates')
export class TemplatesController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly templates: TemplatesService,
    private readonly sync: TemplateSync,
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
    summary: 'Create a template',
    description: 'Makes a local DRAFT; Meta hears nothing of it yet.',
    answers: TemplateDto,
    status: 201,
    errors: ['template_exists'],
  })
  async create(@Body() body: CreateTemplateDto): Promise<TemplateDto> {
    const { id: accountId } = await this.accounts.current();
    return toTemplateDto(await this.templates.createDraft(accountId, toDraftInput(body)));
  }

  @Post('sync')
  @Operation({
    ...WRITE,
    id: 'syncTemplates',
    summary: 'Bring the templates from Meta',
    description:
      'Reads all pages. Templates that Meta no longer has get status DELETED and stay, because campaigns and messages ' +
      'name them. Local drafts stay as they are.',
    answers: TemplateSyncDto,
    errors: ['graph_error', 'account_credentials_missing'],
  })
  async syncAll(@Query() _query: AccountScopedDto): Promise<TemplateSyncDto> {
    return this.sync.run(await this.accounts.current());
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
    summary: 'Change a draft',
    description: 'Changes the given fields only, of a template that Meta does not have yet.',
    answers: TemplateDto,
    errors: ['template_not_found', 'template_exists', 'conflict'],
  })
  async update(@Param() { id }: IdParam, @Body() body: UpdateTemplateDto): Promise<TemplateDto> {
    const { id: accountId } = await this.accounts.current();
    return toTemplateDto(await this.templates.updateDraft(accountId, id, toDraftChanges(body)));
  }

  @Delete(':id')
  @Operation({
    ...WRITE,
    id: 'deleteTemplate',
    summary: 'Delete a template here',
    description: 'Meta keeps it; one that Meta has comes back with the next sync.',
    errors: ['template_not_found', 'template_in_use'],
  })
  async remove(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<void> {
    const { id: accountId } = await this.accounts.current();
    await this.templates.remove(accountId, id);
  }
}
