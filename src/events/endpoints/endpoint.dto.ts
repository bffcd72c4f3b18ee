import { AccountScopedDto, NextCursor, PageQuery } from '../../http/common.dto.js';
import { Bool, Id, Int, ListOf, ListOfText, OneOf, OptionalText, Text, Timestamp } from '../../http/fields.js';
import { EVENT_TYPES, type EventType } from '../../outbox/outbox.js';
import { receivedTypes } from './endpoint-rights.js';
import type { Trial } from './endpoint-trial.service.js';
import type { DisabledReason, EndpointRow } from './endpoint.js';
import type { EndpointInput, EndpointPatch, IssuedEndpoint } from './webhook-endpoints.service.js';

const MAX_URL = 2_000;
const MAX_DESCRIPTION = 500;
const MAX_TYPE = 100;
const DAY_S = 86_400;

const Url = (options: { optional?: boolean } = {}): PropertyDecorator =>
  Text({
    ...options,
    max: MAX_URL,
    description: 'Public https address, port 443 or 8443, without user and password. Redirects are not followed.',
    example: 'https://shop.example/parley/events',
  });
const Description = (): PropertyDecorator => OptionalText({ max: MAX_DESCRIPTION, example: 'Order system' });
const Types = (description: string, options: { optional?: boolean } = {}): PropertyDecorator =>
  ListOfText({
    ...options,
    maxItems: EVENT_TYPES.length,
    max: MAX_TYPE,
    values: EVENT_TYPES,
    description,
    example: ['message.received', 'message.status'],
  });

export class ListWebhookEndpointsQuery extends PageQuery {}

export class CreateWebhookEndpointDto extends AccountScopedDto {
  @Url()
  url: string;

  @Description()
  description?: string;

  @Types('Only events of these types; none or empty: all that the key may read.', { optional: true })
  types?: EventType[];
}

export class UpdateWebhookEndpointDto extends AccountScopedDto {
  @Url({ optional: true })
  url?: string;

  @Description()
  description?: string;

  @Types('Only events of these types; empty: all that the key may read.', { optional: true })
  types?: EventType[];

  @Bool({
    optional: true,
    description: '`false`: what waits is cancelled. `true`: it is told of what happens from now on.',
  })
  is_active?: boolean;
}

export class RotateEndpointSecretDto extends AccountScopedDto {
  @Int({
    optional: true,
    max: 7 * DAY_S,
    default: DAY_S,
    description: 'Seconds for which deliveries carry signatures by both secrets.',
    example: DAY_S,
  })
  overlap_s: number = DAY_S;
}

export class TestWebhookEndpointDto extends AccountScopedDto {
  @OneOf(EVENT_TYPES, { optional: true, description: 'Of the sample; else the first that the endpoint receives.' })
  type?: EventType;
}

export class WebhookEndpointDto {
  @Id()
  id: number;

  @Id({ nullable: true, description: 'Null: events of all accounts, and of the installation.' })
  account_id: number | null;

  @Url()
  url: string;

  @Text({ min: 0, max: MAX_DESCRIPTION, example: 'Order system' })
  description: string;

  @Types('As asked for; empty: all.')
  types: string[];

  @Types('What it is told of: of `types`, those that the key which chose them could read.')
  receives: string[];

  @Bool({ example: true })
  is_active: boolean;

  @Timestamp({ nullable: true, example: null })
  disabled_at: Date | null;

  @OneOf(['requested', 'gone', 'failing'], {
    nullable: true,
    description: '`gone`: it answered 410. `failing`: no success for five days.',
    example: null,
  })
  disabled_reason: DisabledReason | null;

  @Timestamp({
    nullable: true,
    description: 'Since when every attempt has failed; null: the last went well.',
    example: null,
  })
  failing_since: Date | null;

  @Timestamp({ nullable: true })
  last_success_at: Date | null;

  @Timestamp({ nullable: true, description: 'Until when the secret before also signs.', example: null })
  previous_secret_until: Date | null;

  @Int({ min: 1, description: 'Form of the events it is told.', example: 1 })
  api_version: number;

  @Text({ max: 255, description: 'Name of the key that made it.', example: 'Order system' })
  created_by: string;

  @Timestamp()
  created_at: Date;

  @Timestamp()
  updated_at: Date;
}

export class WebhookEndpointListDto {
  @ListOf(() => WebhookEndpointDto)
  webhook_endpoints: WebhookEndpointDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class IssuedWebhookEndpointDto extends WebhookEndpointDto {
  @Text({
    max: 100,
    description: 'Signs deliveries (Standard Webhooks). Shown here only.',
    example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=',
  })
  secret: string;
}

export class EndpointTestDto {
  @Bool({ example: true, description: 'It answered 2xx.' })
  ok: boolean;

  @Int({ nullable: true, example: 200, description: 'Null: no complete answer within 15 seconds.' })
  status: number | null;

  @Text({ max: 100, nullable: true, example: null, description: '`no_answer`, whatever the reason.' })
  error: string | null;

  @Int({ nullable: true, example: 87, description: 'Milliseconds until the answer was complete.' })
  ms: number | null;

  @Text({ min: 0, max: 20_000, example: 'ok', description: 'What it answered, at most 16 kB.' })
  answer_body: string;

  @Text({ min: 0, max: 100_000, description: 'What it was told.', example: '{"type":"message.received"}' })
  request_body: string;
}

export function toEndpointDto(endpoint: EndpointRow): WebhookEndpointDto {
  return {
    id: endpoint.id,
    account_id: endpoint.accountId,
    url: endpoint.url,
    description: endpoint.description,
    types: endpoint.types,
    receives: receivedTypes(endpoint),
    is_active: endpoint.isActive,
    disabled_at: endpoint.disabledAt,
    disabled_reason: endpoint.disabledReason,
    failing_since: endpoint.failingSince,
    last_success_at: endpoint.lastSuccessAt,
    previous_secret_until: endpoint.previousSecretUntil,
    api_version: endpoint.apiVersion,
    created_by: endpoint.createdBy,
    created_at: endpoint.createdAt,
    updated_at: endpoint.updatedAt,
  };
}

export function toIssuedEndpointDto({ endpoint, secret }: IssuedEndpoint): IssuedWebhookEndpointDto {
  return { ...toEndpointDto(endpoint), secret: secret.reveal() };
}

export function toEndpointInput({ url, description = '', types = [] }: CreateWebhookEndpointDto): EndpointInput {
  return { url, description, types: [...new Set(types)] };
}

export function toEndpointPatch({ url, description, types, is_active }: UpdateWebhookEndpointDto): EndpointPatch {
  return {
    ...(url === undefined ? {} : { url }),
    ...(description === undefined ? {} : { description }),
    ...(types === undefined ? {} : { types: [...new Set(types)] }),
    isActive: is_active,
  };
}

export function toEndpointTestDto({ isSuccess, attempt, body }: Trial): EndpointTestDto {
  return {
    ok: isSuccess,
    status: attempt.status,
    error: attempt.error,
    ms: attempt.ms,
    answer_body: attempt.body,
    request_body: body,
  };
}
