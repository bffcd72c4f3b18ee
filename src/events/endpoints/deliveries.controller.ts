import { Controller, Get, Param, Post, Query, Req } from '@nestjs/common';
import { AccountResolver } from '../../accounts/account-resolver.js';
import { AccountScopedDto, IdParam } from '../../http/common.dto.js';
import { Operation } from '../../http/operation.js';
import type { ParleyRequest } from '../../http/principal.js';
import { DeliveriesService } from './deliveries.service.js';
import { DeliveryDetailDto, toDeliveryDetailDto } from './delivery.dto.js';
import { viewOf } from './endpoint-view.js';

const COMMON = { tag: 'Webhook endpoints', accountScoped: false } as const;

@Controller('deliveries')
export class DeliveriesController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly deliveries: DeliveriesService,
  ) {}

  @Get(':id')
  @Operation({
    ...COMMON,
    id: 'getDelivery',
    summary: 'Get a delivery with what was asked and answered',
    scope: 'webhooks:read',
    answers: DeliveryDetailDto,
    errors: ['not_found', 'account_not_found'],
  })
  async get(
    @Param() { id }: IdParam,
    @Query() _query: AccountScopedDto,
    @Req() request: ParleyRequest,
  ): Promise<DeliveryDetailDto> {
    const view = await viewOf(request, this.accounts);
    return toDeliveryDetailDto(await this.deliveries.get(this.accounts.principal, view, id));
  }

  @Post(':id/retry')
  @Operation({
    ...COMMON,
    id: 'retryDelivery',
    summary: 'Tell a webhook endpoint again',
    description: 'Whatever became of it: its schedule begins anew, now.',
    scope: 'webhooks:write',
    answers: DeliveryDetailDto,
    errors: ['not_found', 'account_not_found', 'webhook_endpoint_disabled', 'event_gone'],
  })
  async retry(
    @Param() { id }: IdParam,
    @Query() _query: AccountScopedDto,
    @Req() request: ParleyRequest,
  ): Promise<DeliveryDetailDto> {
    const view = await viewOf(request, this.accounts);
    return toDeliveryDetailDto(await this.deliveries.retry(this.accounts.principal, view, id));
  }
}
