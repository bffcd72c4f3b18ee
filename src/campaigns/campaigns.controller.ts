import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes } from '@nestjs/swagger';
import { AccountResolver } from '../accounts/account-resolver.js';
import type { ErrorCode } from '../common/app-error.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { uploadedFile } from '../http/upload.js';
import { Operation } from '../http/operation.js';
import { principalOf, type ParleyRequest } from '../http/principal.js';
import { CampaignAudienceService } from './campaign-audience.service.js';
import {
  AudienceUploadDto,
  CampaignDto,
  CampaignListDto,
  CreateCampaignDto,
  ListCampaignsQuery,
  ListRecipientsQuery,
  QueuedCampaignDto,
  RecipientListDto,
  toCampaignDto,
  toRecipientDto,
  UpdateCampaignDto,
} from './campaign.dto.js';
import { CampaignsService, type Visibility } from './campaigns.service.js';

const TAG = 'Campaigns';
const RUN_ERRORS: ErrorCode[] = ['not_found', 'template_not_approved', 'account_inactive', 'audience_empty'];

@Controller('campaigns')
export class CampaignsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly campaigns: CampaignsService,
    private readonly audience: CampaignAudienceService,
  ) {}

  @Get()
  @Operation({
    id: 'listCampaigns',
    summary: 'List campaigns, the newest first',
    tag: TAG,
    scope: 'campaigns:read',
    answers: CampaignListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ListCampaignsQuery): Promise<CampaignListDto> {
    const page = await this.campaigns.list(await this.accounts.current(), query);
    return { campaigns: page.rows.map((row) => toCampaignDto(row)), next_cursor: page.nextCursor };
  }

  @Post()
  @Operation({
    id: 'createCampaign',
    summary: 'Create a campaign, as a draft',
    tag: TAG,
    scope: 'campaigns:write',
    status: 201,
    answers: CampaignDto,
  })
  async create(@Req() request: ParleyRequest, @Body() body: CreateCampaignDto): Promise<CampaignDto> {
    return toCampaignDto(await this.campaigns.create(await this.accounts.current(), visibleTo(request), body));
  }

  @Get(':id')
  @Operation({
    id: 'getCampaign',
    summary: 'Get a campaign with its counts and progress',
    tag: TAG,
    scope: 'campaigns:read',
    answers: CampaignDto,
    errors: ['not_found'],
  })
  async get(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<CampaignDto> {
    return toCampaignDto(await this.campaigns.get(await this.accounts.current(), id));
  }

  @Patch(':id')
  @Operation({
    id: 'updateCampaign',
    summary: 'Change a draft',
    description: 'The name can be changed at any time, everything else before it runs.',
    tag: TAG,
    scope: 'campaigns:write',
    answers: CampaignDto,
    errors: [
      'not_found',
      'campaign_running',
      'campaign_paused',
      'campaign_completed',
      'campaign_failed',
      'campaign_cancelled',
    ],
  })
  async update(
    @Req() request: ParleyRequest,
    @Param() { id }: IdParam,
    @Body() body: UpdateCampaignDto,
  ): Promise<CampaignDto> {
    return toCampaignDto(await this.campaigns.update(await this.accounts.current(), visibleTo(request), id, body));
  }

  @Delete(':id')
  @Operation({
    id: 'deleteCampaign',
    summary: 'Delete a campaign and its recipients',
    description: 'Messages that were sent stay in the inbox.',
    tag: TAG,
    scope: 'campaigns:write',
    errors: ['not_found', 'campaign_running'],
  })
  async delete(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<void> {
    await this.campaigns.delete(await this.accounts.current(), id);
  }

  @Post(':id/csv')
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: { type: 'object', required: ['file'], properties: { file: { type: 'string', format: 'binary' } } },
  })
  @Operation({
    id: 'uploadCampaignCsv',
    summary: 'Upload the recipients as CSV',
    description:
      'The first line names the columns, one of them phone. Comma, semicolon and tab are understood, a BOM too. ' +
      'Replaces a file that was uploaded before. At most 100 MB.',
    tag: TAG,
    scope: 'campaigns:write',
    answers: AudienceUploadDto,
    errors: [
      'not_found',
      'payload_too_large',
      'unsupported_media_type',
      'campaign_running',
      'campaign_paused',
      'campaign_completed',
      'campaign_failed',
      'campaign_cancelled',
    ],
  })
  async uploadCsv(
    @Req() request: ParleyRequest,
    @Param() { id }: IdParam,
    @Query() _query: AccountScopedDto,
  ): Promise<AudienceUploadDto> {
    const account = await this.accounts.current();
    const file = await uploadedFile(request);
    return this.audience.upload(account, id, file.stream);
  }

  @Post(':id/run')
  @Operation({
    id: 'runCampaign',
    summary: 'Start sending',
    description: 'Answers at once; the counts tell how it goes on.',
    tag: TAG,
    scope: 'campaigns:write',
    status: 202,
    answers: QueuedCampaignDto,
    errors: [...RUN_ERRORS, 'campaign_running', 'campaign_paused', 'campaign_completed', 'campaign_cancelled'],
  })
  async run(
    @Req() request: ParleyRequest,
    @Param() { id }: IdParam,
    @Query() _query: AccountScopedDto,
  ): Promise<QueuedCampaignDto> {
    const row = await this.campaigns.run(await this.accounts.current(), visibleTo(request), id);
    return { queued: true, campaign: toCampaignDto(row) };
  }

  @Post(':id/pause')
  @Operation({
    id: 'pauseCampaign',
    summary: 'Pause; what is on its way to Meta still goes out',
    tag: TAG,
    scope: 'campaigns:write',
    answers: CampaignDto,
    errors: [
      'not_found',
      'campaign_draft',
      'campaign_scheduled',
      'campaign_paused',
      'campaign_completed',
      'campaign_failed',
      'campaign_cancelled',
    ],
  })
  async pause(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<CampaignDto> {
    return toCampaignDto(await this.campaigns.pause(await this.accounts.current(), id));
  }

  @Post(':id/resume')
  @Operation({
    id: 'resumeCampaign',
    summary: 'Go on where it was paused',
    tag: TAG,
    scope: 'campaigns:write',
    answers: CampaignDto,
    errors: [
      ...RUN_ERRORS,
      'campaign_draft',
      'campaign_scheduled',
      'campaign_running',
      'campaign_completed',
      'campaign_failed',
      'campaign_cancelled',
    ],
  })
  async resume(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<CampaignDto> {
    return toCampaignDto(await this.campaigns.resume(await this.accounts.current(), id));
  }

  @Post(':id/cancel')
  @Operation({
    id: 'cancelCampaign',
    summary: 'End it for good; whoever was not messaged yet will not be',
    tag: TAG,
    scope: 'campaigns:write',
    answers: CampaignDto,
    errors: ['not_found', 'campaign_draft', 'campaign_completed', 'campaign_failed', 'campaign_cancelled'],
  })
  async cancel(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<CampaignDto> {
    return toCampaignDto(await this.campaigns.cancel(await this.accounts.current(), id));
  }

  @Get(':id/recipients')
  @Operation({
    id: 'listCampaignRecipients',
    summary: 'List the recipients of a campaign and what became of each',
    tag: TAG,
    scope: 'campaigns:read',
    answers: RecipientListDto,
    errors: ['not_found', 'bad_cursor'],
  })
  async listRecipients(@Param() { id }: IdParam, @Query() query: ListRecipientsQuery): Promise<RecipientListDto> {
    const page = await this.campaigns.listRecipients(await this.accounts.current(), id, query);
    return { recipients: page.rows.map(toRecipientDto), next_cursor: page.nextCursor };
  }
}

function visibleTo(request: ParleyRequest): Visibility {
  const { accountIds } = principalOf(request);
  return accountIds.length === 0 ? null : accountIds;
}
