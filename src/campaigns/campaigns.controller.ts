import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../accounts/account-resolver.js';
import type { ErrorCode } from '../common/app-error.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { withUploadedFile } from '../http/upload.js';
import { Operation } from '../http/operation.js';
import { IDEMPOTENCY_KEY } from '../http/idempotency-key.js';
import { principalOf, type ParleyRequest } from '../http/principal.js';
import { CampaignAudienceService } from './audience/campaign-audience.service.js';
import {
  AudienceUploadDto,
  CampaignDto,
  CampaignListDto,
  CampaignOutcomeDto,
  CreateCampaignDto,
  ListCampaignsQuery,
  PickWinnerDto,
  QueuedCampaignDto,
  ResolveUnknownDto,
  RunCampaignQuery,
  ScheduleCampaignDto,
  toCampaignDto,
  UpdateCampaignDto,
} from './campaign.dto.js';
import type { Visibility } from './audience/campaign-audience.js';
import { CampaignMoves } from './campaign-moves.service.js';
import type { CampaignRow } from './campaigns.repository.js';
import { CampaignsService } from './campaigns.service.js';
import { Trials } from './timing/trials.service.js';

const TAG = 'Campaigns';
const RUN_ERRORS: ErrorCode[] = [
  'not_found',
  'template_not_approved',
  'account_inactive',
  'audience_empty',
  'audience_failed',
  'campaign_expired',
];

@Controller('campaigns')
export class CampaignsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly campaigns: CampaignsService,
    private readonly moves: CampaignMoves,
    private readonly trials: Trials,
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
    example: {
      name: 'Diwali offers',
      template_id: 1,
      audience_type: 'contacts',
      audience_filters: { labels__name: 'VIP' },
      parameter_mappings: { '1': 'name', '2': 'email' },
      missing_variables: 'default',
      default_value: 'friend',
    },
    summary: 'Create a campaign, as a draft',
    tag: TAG,
    scope: 'campaigns:write',
    status: 201,
    answers: CampaignDto,
  })
  async create(@Req() request: ParleyRequest, @Body() body: CreateCampaignDto): Promise<CampaignDto> {
    const made = await this.campaigns.create(await this.accounts.current(), visibleTo(request), body);
    return toCampaignDto(made.campaign, made.variants);
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
    const { campaign, variants } = await this.campaigns.get(await this.accounts.current(), id);
    return toCampaignDto(campaign, variants);
  }

  @Patch(':id')
  @Operation({
    id: 'updateCampaign',
    example: { name: 'Diwali offers, evening' },
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
    const account = await this.accounts.current();
    const { campaign, variants } = await this.campaigns.update(account, visibleTo(request), id, body);
    return toCampaignDto(campaign, variants);
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
      'The first line names the columns, one of them `phone` (or `user_id`). Comma, semicolon and tab are understood, a ' +
      'BOM too. Replaces a file that was uploaded before. At most 100 MB.',
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
    return withUploadedFile(request, async (file) => this.audience.upload(await this.accounts.current(), id, file));
  }

  @Post(':id/run')
  @Operation({
    id: 'runCampaign',
    summary: 'Start sending',
    description:
      'Answers at once; the counts tell how it goes on. With `wait=true` it answers 200 when the campaign has ended or was ' +
      'paused, with `{"sent": N, "failed": N}`. With an Idempotency-Key too, who was cut off may ask again until it has ended.',
    tag: TAG,
    scope: 'campaigns:write',
    status: 202,
    answers: QueuedCampaignDto,
    errors: [
      ...RUN_ERRORS,
      'conflict',
      'campaign_running',
      'campaign_paused',
      'campaign_completed',
      'campaign_cancelled',
    ],
  })
  @ApiResponse({ status: 200, description: 'With `wait=true`: it has ended.', type: CampaignOutcomeDto })
  async run(
    @Req() request: ParleyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() { id }: IdParam,
    @Query() { wait }: RunCampaignQuery,
  ): Promise<QueuedCampaignDto | CampaignOutcomeDto> {
    const account = await this.accounts.current();
    const row = await this.moves.run(account, visibleTo(request), id);
    if (!wait) {
      return { queued: true, campaign: await this.shown(row) };
    }
    // With a key the answer is kept for whoever asks again, so it is waited for though the caller is gone.
    const isKept = request.headers[IDEMPOTENCY_KEY] !== undefined;
    const ended = await this.campaigns.ended(account, id, () => !isKept && request.raw.socket.destroyed);
    reply.status(200);
    return { sent: ended.sent_count, failed: ended.failed_count };
  }

  @Post(':id/schedule')
  @Operation({
    id: 'scheduleCampaign',
    example: { scheduled_at: '2030-11-21T09:30:00.000Z', time_zone: 'Asia/Kolkata' },
    summary: 'Start it later, or take it off the schedule',
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
  async schedule(
    @Req() request: ParleyRequest,
    @Param() { id }: IdParam,
    @Body() body: ScheduleCampaignDto,
  ): Promise<CampaignDto> {
    const account = await this.accounts.current();
    return this.shown(await this.moves.schedule(account, visibleTo(request), id, body));
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
    return this.shown(await this.moves.pause(await this.accounts.current(), id));
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
    return this.shown(await this.moves.resume(await this.accounts.current(), id));
  }

  @Post(':id/winner')
  @Operation({
    id: 'pickCampaignWinner',
    example: { variant_id: 1 },
    summary: 'Choose the variant that the rest of the audience gets',
    description:
      'Before the trial is over; otherwise the metric of `ab_test` decides. All who still wait get its message.',
    tag: TAG,
    scope: 'campaigns:write',
    answers: CampaignDto,
    errors: [
      'not_found',
      'conflict',
      'campaign_draft',
      'campaign_scheduled',
      'campaign_completed',
      'campaign_failed',
      'campaign_cancelled',
    ],
  })
  async pickWinner(@Param() { id }: IdParam, @Body() body: PickWinnerDto): Promise<CampaignDto> {
    return this.shown(await this.trials.pick(await this.accounts.current(), id, body.variant_id));
  }

  @Post(':id/retry-failed')
  @Operation({
    id: 'retryFailedRecipients',
    summary: 'Try those who failed again',
    description:
      'Only those who were not reached; each gets a message of its own. Those who opted out are left in peace.',
    tag: TAG,
    scope: 'campaigns:write',
    answers: CampaignDto,
    errors: [
      ...RUN_ERRORS,
      'nothing_to_retry',
      'campaign_draft',
      'campaign_scheduled',
      'campaign_running',
      'campaign_paused',
      'campaign_cancelled',
    ],
  })
  async retryFailed(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<CampaignDto> {
    return this.shown(await this.moves.retryFailed(await this.accounts.current(), id));
  }

  @Post(':id/resolve-unknown')
  @Operation({
    id: 'resolveUnknownRecipients',
    summary: 'Decide about those whose outcome is not known',
    description:
      'For sends whose answer was lost and of which no status has told anything since. Evidence that comes later still counts.',
    tag: TAG,
    scope: 'campaigns:write',
    answers: CampaignDto,
    errors: [...RUN_ERRORS, 'nothing_to_retry', 'campaign_draft', 'campaign_scheduled', 'campaign_cancelled'],
  })
  async resolveUnknown(@Param() { id }: IdParam, @Body() body: ResolveUnknownDto): Promise<CampaignDto> {
    return this.shown(await this.moves.resolveUnknown(await this.accounts.current(), id, body.action));
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
    return this.shown(await this.moves.cancel(await this.accounts.current(), id));
  }

  /** A campaign as a move left it. */
  private async shown(row: CampaignRow): Promise<CampaignDto> {
    return toCampaignDto(row, await this.campaigns.variantsOf(row.id));
  }
}

function visibleTo(request: ParleyRequest): Visibility {
  const { accountIds } = principalOf(request);
  return accountIds.length === 0 ? null : accountIds;
}
