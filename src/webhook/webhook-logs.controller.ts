import { Body, Controller, Get, Param, Post, Query, Req } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Config } from '../config/config.js';
import { IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import type { ParleyRequest } from '../http/principal.js';
import {
  ListWebhookLogsQuery,
  logQueryOf,
  replayQueryOf,
  ReplayWebhookLogsDto,
  toReplayResultDto,
  toWebhookLogDetailDto,
  toWebhookLogDto,
  toWebhookReplayDto,
  WebhookLogDetailDto,
  WebhookLogDto,
  WebhookLogListDto,
  WebhookReplayDto,
  WebhookReplayResultDto,
} from './webhook-log.dto.js';
import { WebhookLogsService } from './webhook-logs.service.js';
import { WebhookReplaysService } from './webhook-replays.service.js';

const TAG = 'Webhook log';

const OfAccount = (): MethodDecorator =>
  ApiHeader({
    name: 'X-Account-Id',
    required: false,
    description: 'Only bodies of this account; else of all that the key may use.',
    schema: { type: 'integer', minimum: 1 },
  });

@Controller()
export class WebhookLogsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly logs: WebhookLogsService,
    private readonly replays: WebhookReplaysService,
    private readonly config: Config,
  ) {}

  @Get('webhook-logs')
  @OfAccount()
  @Operation({
    id: 'listWebhookLogs',
    summary: 'List what Meta posted, the newest first',
    description:
      'Dead letters are `has_error=true&processed=false`. A key that is tied to accounts sees the bodies all of whose ' +
      'accounts it may use.',
    tag: TAG,
    scope: 'webhooks:read',
    accountScoped: false,
    answers: WebhookLogListDto,
    errors: ['bad_cursor', 'account_not_found'],
  })
  async list(@Req() request: ParleyRequest, @Query() query: ListWebhookLogsQuery): Promise<WebhookLogListDto> {
    const accountId = await this.namedAccountId(query, request);
    const page = await this.logs.list(this.accounts.principal, logQueryOf(query, accountId));
    return { webhook_logs: page.rows.map(toWebhookLogDto), next_cursor: page.nextCursor };
  }

  @Post('webhook-logs/replay')
  @OfAccount()
  @Operation({
    id: 'replayWebhookLogs',
    summary: 'Process the webhook bodies of a filter again',
    description:
      'Effects are idempotent: a body that was applied already changes nothing. What is replayed stands behind what comes ' +
      'in now. Bodies that wait for their first attempt are left alone.',
    tag: TAG,
    scope: 'webhooks:write',
    accountScoped: false,
    answers: WebhookReplayResultDto,
    status: 202,
    errors: ['account_not_found'],
  })
  async replayMany(@Req() request: ParleyRequest, @Body() body: ReplayWebhookLogsDto): Promise<WebhookReplayResultDto> {
    const accountId = await this.namedAccountId(body, request);
    const isDryRun = body.dry_run === true;
    return toReplayResultDto(
      await this.replays.replay(this.accounts.principal, replayQueryOf(body, accountId), isDryRun),
      isDryRun,
    );
  }

  @Get('webhook-replays/:id')
  @Operation({
    id: 'getWebhookReplay',
    summary: 'How far is a replay?',
    tag: TAG,
    scope: 'webhooks:read',
    accountScoped: false,
    answers: WebhookReplayDto,
    errors: ['not_found'],
  })
  async getReplay(@Param() { id }: IdParam): Promise<WebhookReplayDto> {
    return toWebhookReplayDto(await this.replays.get(this.accounts.principal, id));
  }

  @Get('webhook-logs/:id')
  @Operation({
    id: 'getWebhookLog',
    summary: 'Get a webhook body with its payload',
    tag: TAG,
    scope: 'webhooks:read',
    accountScoped: false,
    answers: WebhookLogDetailDto,
    errors: ['not_found'],
  })
  async get(@Param() { id }: IdParam): Promise<WebhookLogDetailDto> {
    return toWebhookLogDetailDto(await this.logs.get(this.accounts.principal, id), this.config.webhook.redactsText);
  }

  @Post('webhook-logs/:id/replay')
  @Operation({
    id: 'replayWebhookLog',
    summary: 'Process a webhook body again',
    description: 'At once. Effects are idempotent: a body that was applied already changes nothing.',
    tag: TAG,
    scope: 'webhooks:write',
    accountScoped: false,
    answers: WebhookLogDto,
    errors: ['not_found'],
  })
  async replay(@Param() { id }: IdParam): Promise<WebhookLogDto> {
    return toWebhookLogDto(await this.replays.replayOne(this.accounts.principal, id));
  }

  /** Undefined when the request names none: as with events, no account stands in for it. */
  private async namedAccountId(given: { account_id?: number }, request: ParleyRequest): Promise<number | undefined> {
    const isNamed = request.headers['x-account-id'] !== undefined || given.account_id !== undefined;
    return isNamed ? (await this.accounts.current()).id : undefined;
  }
}
