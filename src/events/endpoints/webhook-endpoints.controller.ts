import { Body, Controller, Delete, Get, Header, Param, Patch, Post, Query, Req } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { AccountResolver } from '../../accounts/account-resolver.js';
import { AccountScopedDto, IdParam } from '../../http/common.dto.js';
import { Operation } from '../../http/operation.js';
import type { ParleyRequest } from '../../http/principal.js';
import { DeliveriesService } from './deliveries.service.js';
import {
  DeliveryListDto,
  ListDeliveriesQuery,
  momentOf,
  RetriedDeliveriesDto,
  RetryDeliveriesDto,
  toDeliveryDto,
  toRetryFilter,
} from './delivery.dto.js';
import { EndpointTrial } from './endpoint-trial.service.js';
import {
  CreateWebhookEndpointDto,
  EndpointTestDto,
  IssuedWebhookEndpointDto,
  ListWebhookEndpointsQuery,
  RotateEndpointSecretDto,
  TestWebhookEndpointDto,
  toEndpointDto,
  toEndpointInput,
  toEndpointPatch,
  toEndpointTestDto,
  toIssuedEndpointDto,
  UpdateWebhookEndpointDto,
  WebhookEndpointDto,
  WebhookEndpointListDto,
} from './endpoint.dto.js';
import { namesAccount, viewOf } from './endpoint-view.js';
import { WebhookEndpointsService } from './webhook-endpoints.service.js';

const COMMON = { tag: 'Webhook endpoints', accountScoped: false } as const;
const READ = { ...COMMON, scope: 'webhooks:read' } as const;
const WRITE = { ...COMMON, scope: 'webhooks:write' } as const;
/** Unlike elsewhere, no account stands in for one that is not named. */
const NamedAccount = (): MethodDecorator & ClassDecorator =>
  ApiHeader({
    name: 'X-Account-Id',
    required: false,
    description: 'Only endpoints of this account; else those of all accounts that the key may use.',
    schema: { type: 'integer', minimum: 1 },
  });

@Controller('webhook-endpoints')
export class WebhookEndpointsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly endpoints: WebhookEndpointsService,
    private readonly deliveries: DeliveriesService,
    private readonly trial: EndpointTrial,
  ) {}

  @Get()
  @NamedAccount()
  @Operation({
    ...READ,
    id: 'listWebhookEndpoints',
    summary: 'List webhook endpoints',
    answers: WebhookEndpointListDto,
    errors: ['bad_cursor', 'account_not_found'],
  })
  async list(
    @Query() { limit, cursor }: ListWebhookEndpointsQuery,
    @Req() request: ParleyRequest,
  ): Promise<WebhookEndpointListDto> {
    const page = await this.endpoints.list(await viewOf(request, this.accounts), { limit, cursor });
    return { webhook_endpoints: page.rows.map(toEndpointDto), next_cursor: page.nextCursor };
  }

  @Post()
  @NamedAccount()
  @Header('cache-control', 'no-store')
  @Operation({
    ...WRITE,
    id: 'createWebhookEndpoint',
    summary: 'Have events sent to an address',
    description:
      'Events from now on, signed as Standard Webhooks has it; the answer is the only place where the secret can be read. ' +
      'It is told of the account that is named. Without one, a key that may use all accounts makes an endpoint for all of ' +
      'them, and any other key one for its default account. No endpoint is told of types that the key which made it may ' +
      'not read.',
    answers: IssuedWebhookEndpointDto,
    status: 201,
    errors: ['account_not_found', 'webhook_endpoint_limit'],
  })
  async create(
    @Body() body: CreateWebhookEndpointDto,
    @Query() _query: AccountScopedDto,
    @Req() request: ParleyRequest,
  ): Promise<IssuedWebhookEndpointDto> {
    const { principal } = this.accounts;
    const isOfOne = principal.accountIds.length > 0 || namesAccount(request);
    const accountId = isOfOne ? (await this.accounts.current()).id : null;
    return toIssuedEndpointDto(await this.endpoints.create(principal, accountId, toEndpointInput(body)));
  }

  @Get(':id')
  @NamedAccount()
  @Operation({
    ...READ,
    id: 'getWebhookEndpoint',
    summary: 'Get a webhook endpoint',
    answers: WebhookEndpointDto,
    errors: ['not_found', 'account_not_found'],
  })
  async get(
    @Param() { id }: IdParam,
    @Query() _query: AccountScopedDto,
    @Req() request: ParleyRequest,
  ): Promise<WebhookEndpointDto> {
    return toEndpointDto(await this.endpoints.get(await viewOf(request, this.accounts), id));
  }

  @Patch(':id')
  @NamedAccount()
  @Operation({
    ...WRITE,
    id: 'updateWebhookEndpoint',
    summary: 'Change a webhook endpoint',
    description:
      'Changes the given fields only. Needs a key that may read everything the endpoint is told of. While it is disabled ' +
      'nothing is put by for it.',
    answers: WebhookEndpointDto,
    errors: ['not_found', 'account_not_found'],
  })
  async update(
    @Param() { id }: IdParam,
    @Body() body: UpdateWebhookEndpointDto,
    @Req() request: ParleyRequest,
  ): Promise<WebhookEndpointDto> {
    const view = await viewOf(request, this.accounts);
    return toEndpointDto(await this.endpoints.update(this.accounts.principal, view, id, toEndpointPatch(body)));
  }

  @Delete(':id')
  @NamedAccount()
  @Operation({
    ...WRITE,
    id: 'deleteWebhookEndpoint',
    summary: 'Delete a webhook endpoint',
    description: 'Nothing is sent to it any more, and its deliveries cannot be seen any more.',
    errors: ['not_found', 'account_not_found'],
  })
  async remove(
    @Param() { id }: IdParam,
    @Query() _query: AccountScopedDto,
    @Req() request: ParleyRequest,
  ): Promise<void> {
    await this.endpoints.remove(this.accounts.principal, await viewOf(request, this.accounts), id);
  }

  @Post(':id/rotate-secret')
  @NamedAccount()
  @Header('cache-control', 'no-store')
  @Operation({
    ...WRITE,
    id: 'rotateWebhookEndpointSecret',
    summary: 'Give a webhook endpoint another secret',
    description:
      'For `overlap_s` seconds deliveries are signed with both. The answer is the only place where it can be read.',
    answers: IssuedWebhookEndpointDto,
    errors: ['not_found', 'account_not_found'],
  })
  async rotateSecret(
    @Param() { id }: IdParam,
    @Body() { overlap_s }: RotateEndpointSecretDto,
    @Req() request: ParleyRequest,
  ): Promise<IssuedWebhookEndpointDto> {
    const view = await viewOf(request, this.accounts);
    return toIssuedEndpointDto(await this.endpoints.rotateSecret(this.accounts.principal, view, id, overlap_s));
  }

  @Post(':id/test')
  @NamedAccount()
  @Operation({
    ...WRITE,
    id: 'testWebhookEndpoint',
    summary: 'Send a sample to a webhook endpoint',
    description:
      'Signed like any event, once, whether or not the endpoint is active; the answer waits for its answer. The sample’s ' +
      '`webhook-id` begins with `test_`. It is no delivery.',
    answers: EndpointTestDto,
    errors: ['not_found', 'account_not_found'],
  })
  async test(
    @Param() { id }: IdParam,
    @Body() { type }: TestWebhookEndpointDto,
    @Req() request: ParleyRequest,
  ): Promise<EndpointTestDto> {
    const view = await viewOf(request, this.accounts);
    return toEndpointTestDto(await this.trial.run(this.accounts.principal, view, id, type));
  }

  @Get(':id/deliveries')
  @NamedAccount()
  @Operation({
    ...READ,
    id: 'listDeliveries',
    summary: 'List what a webhook endpoint was told, the newest first',
    answers: DeliveryListDto,
    errors: ['not_found', 'bad_cursor', 'account_not_found'],
  })
  async listDeliveries(
    @Param() { id }: IdParam,
    @Query() { limit, cursor, status, type, from, to }: ListDeliveriesQuery,
    @Req() request: ParleyRequest,
  ): Promise<DeliveryListDto> {
    const filter = { limit, cursor, status, type, from: momentOf('from', from), to: momentOf('to', to) };
    const page = await this.deliveries.list(await viewOf(request, this.accounts), id, filter);
    return { deliveries: page.rows.map(toDeliveryDto), next_cursor: page.nextCursor };
  }

  @Post(':id/retry')
  @NamedAccount()
  @Operation({
    ...WRITE,
    id: 'retryDeliveries',
    summary: 'Tell a webhook endpoint again what it missed',
    description:
      'All deliveries of these statuses, of this type and time begin their schedule anew, now, in the order of events; ' +
      'those whose event is not kept any more are left out.',
    answers: RetriedDeliveriesDto,
    errors: ['not_found', 'account_not_found', 'webhook_endpoint_disabled'],
  })
  async retry(
    @Param() { id }: IdParam,
    @Body() body: RetryDeliveriesDto,
    @Req() request: ParleyRequest,
  ): Promise<RetriedDeliveriesDto> {
    const view = await viewOf(request, this.accounts);
    return { count: await this.deliveries.retryMatching(view, id, toRetryFilter(body)) };
  }
}
