import { Controller, Get, Param, Post, Query, Req } from '@nestjs/common';
import { IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { principalOf, type ParleyRequest } from '../http/principal.js';
import {
  ListWebhookLogsQuery,
  toWebhookLogDetailDto,
  toWebhookLogDto,
  WebhookLogDetailDto,
  WebhookLogDto,
  WebhookLogListDto,
} from './webhook-log.dto.js';
import { WebhookLogsService } from './webhook-logs.service.js';

const TAG = 'Webhook log';

@Controller('webhook-logs')
export class WebhookLogsController {
  constructor(private readonly logs: WebhookLogsService) {}

  @Get()
  @Operation({
    id: 'listWebhookLogs',
    summary: 'List what Meta posted, the newest first',
    tag: TAG,
    scope: 'webhooks:read',
    accountScoped: false,
    answers: WebhookLogListDto,
    errors: ['bad_cursor'],
  })
  async list(@Req() request: ParleyRequest, @Query() query: ListWebhookLogsQuery): Promise<WebhookLogListDto> {
    const page = await this.logs.list(principalOf(request), query);
    return { webhook_logs: page.rows.map(toWebhookLogDto), next_cursor: page.nextCursor };
  }

  @Get(':id')
  @Operation({
    id: 'getWebhookLog',
    summary: 'Get a webhook body with its payload',
    tag: TAG,
    scope: 'webhooks:read',
    accountScoped: false,
    answers: WebhookLogDetailDto,
    errors: ['not_found'],
  })
  async get(@Req() request: ParleyRequest, @Param() { id }: IdParam): Promise<WebhookLogDetailDto> {
    return toWebhookLogDetailDto(await this.logs.get(principalOf(request), id));
  }

  @Post(':id/replay')
  @Operation({
    id: 'replayWebhookLog',
    summary: 'Process a webhook body again',
    description: 'Effects are idempotent: a body that was applied already changes nothing.',
    tag: TAG,
    scope: 'webhooks:write',
    accountScoped: false,
    answers: WebhookLogDto,
    errors: ['not_found'],
  })
  async replay(@Req() request: ParleyRequest, @Param() { id }: IdParam): Promise<WebhookLogDto> {
    return toWebhookLogDto(await this.logs.replay(principalOf(request), id));
  }
}
