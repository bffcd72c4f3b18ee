import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import {
  AnyJson,
  Bool,
  Decimal,
  Id,
  Int,
  JsonObject,
  ListOf,
  ListOfText,
  OneOf,
  OptionalText,
  Text,
  Timestamp,
} from '../http/fields.js';
import { ReplyDto } from '../inbox/send.dto.js';
import { allows, FLOW_CATEGORIES, FLOW_STATUSES } from './flow-status.js';
import type { FlowRow } from './flows.repository.js';
import type { CountedFlow } from './flows.service.js';
import { STARTER_FLOWS, STARTER_NAMES, type StarterName } from './starter-flows.js';

const NAME = { max: 255, description: 'Meta gives a name once in a WABA.', example: 'Book an appointment' };
const CATEGORIES = {
  maxItems: FLOW_CATEGORIES.length,
  max: 50,
  values: FLOW_CATEGORIES,
  description: 'What it is for: at least one.',
  example: ['APPOINTMENT_BOOKING'],
};
const FLOW_JSON = {
  description: 'The screens, as Meta’s Flow JSON reference says.',
  example: { version: '7.2', screens: [] },
};
const DYNAMIC = {
  optional: true,
  description: 'It asks an endpoint for what it shows. Given an endpoint_uri, it is.',
};
const ENDPOINT = {
  max: 2_000,
  description: 'Where Meta asks, encrypted. Empty: ours, which takes its answers from forward_url or from code.',
  example: '',
};
const FORWARD = {
  max: 2_000,
  description: 'Of a dynamic flow with our endpoint: your https address, which is asked in plain JSON, signed.',
  example: 'https://example.com/flows/appointments',
};

export class CreateFlowDto extends AccountScopedDto {
  @Text(NAME)
  name: string;

  @ListOfText({ ...CATEGORIES, optional: true, description: 'At least one; by default those of the starter.' })
  categories?: string[];

  @JsonObject({ ...FLOW_JSON, optional: true })
  flow_json?: Record<string, unknown>;

  @OneOf(STARTER_NAMES, { optional: true, description: 'A complete flow to begin with, instead of flow_json.' })
  starter?: StarterName;

  @Bool(DYNAMIC)
  is_dynamic?: boolean;

  @OptionalText(ENDPOINT)
  endpoint_uri?: string;

  @OptionalText(FORWARD)
  forward_url?: string;
}

export class UpdateFlowDto extends AccountScopedDto {
  @Text({ ...NAME, optional: true })
  name?: string;

  @ListOfText({ ...CATEGORIES, optional: true })
  categories?: string[];

  @Bool(DYNAMIC)
  is_dynamic?: boolean;

  @OptionalText(ENDPOINT)
  endpoint_uri?: string;

  @OptionalText(FORWARD)
  forward_url?: string;
}

export class UploadFlowDto extends AccountScopedDto {
  @JsonObject(FLOW_JSON)
  flow_json: Record<string, unknown>;
}

export class CloneFlowDto extends AccountScopedDto {
  @Text({ ...NAME, optional: true, description: 'By default that of the other, and that it is a copy.' })
  name?: string;
}

export class PreviewFlowQuery extends AccountScopedDto {
  @Bool({ optional: true, description: 'Makes a new address; older ones end.' })
  renew?: boolean;
}

export class ListFlowsQuery extends PageQuery {
  @OptionalText({ max: 255, description: 'Part of the name, or Meta’s id.', example: 'appointment' })
  q?: string;

  @OneOf(FLOW_STATUSES, { optional: true, description: 'Only those with this status.' })
  status?: string;
}

/** A flow to somebody. */
export class SendFlowDto extends ReplyDto {
  @Text({ max: 30, description: 'What the button says. No emoji.', example: 'Book now' })
  cta: string;

  @Text({ max: 1_024, example: 'When would you like to come?' })
  body: string;

  @OptionalText({ max: 60, example: 'Your appointment' })
  header?: string;

  @OptionalText({ max: 60, example: 'It takes a minute' })
  footer?: string;

  @Text({
    max: 200,
    optional: true,
    description: 'The screen to begin with; by default the first. Without it a dynamic flow asks its endpoint.',
    example: 'BOOKING_SCREEN',
  })
  screen?: string;

  @JsonObject({ optional: true, description: 'What the first screen is given.', example: { name: 'Asha' } })
  data?: Record<string, unknown>;

  @Text({ max: 512, optional: true, description: 'Comes back with the answer. Made here when it is left out.' })
  flow_token?: string;
}

export class FlowDto {
  @Id()
  id: number;

  @Id()
  account_id: number;

  @Text({ max: 255, example: 'Book an appointment' })
  name: string;

  @Text({ max: 512, nullable: true, example: '662000000000001', description: 'Null: Meta has not got it.' })
  meta_flow_id: string | null;

  @ListOfText({ maxItems: 100, max: 50, example: ['APPOINTMENT_BOOKING'] })
  categories: string[];

  @JsonObject({ nullable: true, description: 'The screens. Null in lists.', example: { version: '7.2', screens: [] } })
  flow_json: Record<string, unknown> | null;

  @Text({ max: 50, nullable: true, example: '7.2', description: 'The version of the JSON, as Meta says.' })
  json_version: string | null;

  @Bool()
  is_dynamic: boolean;

  @Text({ max: 2_000, min: 0, description: 'Where Meta asks, of a dynamic flow.', example: '' })
  endpoint_uri: string;

  @Text({ max: 2_000, min: 0, description: 'Where our endpoint gets its answers from.', example: '' })
  forward_url: string;

  @Bool()
  has_forward_secret: boolean;

  @Text({
    max: 200,
    nullable: true,
    description: 'Signs what forward_url is asked (Standard Webhooks). Shown once: when it is made.',
    example: null,
  })
  forward_secret: string | null;

  @Text({ max: 50, example: 'DRAFT', description: 'Meta’s word: DRAFT, PUBLISHED, DEPRECATED, BLOCKED, THROTTLED.' })
  status: string;

  @AnyJson({
    schema: { type: 'array', items: { type: 'object', additionalProperties: true } } as never,
    description: 'Faults that Meta found in the JSON, in its own words and by line. With any, it cannot be published.',
    example: [],
  })
  validation_errors: Record<string, unknown>[];

  @Bool({ description: 'Meta has the JSON as it is here.' })
  is_uploaded: boolean;

  @JsonObject({
    nullable: true,
    description:
      '`alerts`: the newest of Meta’s alerts of each kind, with its time; `sending`: whether Meta sends it, and what stands ' +
      'in the way.',
    example: { alerts: { ENDPOINT_LATENCY: { alert_state: 'ACTIVATED', p90_latency: 8000 } } },
  })
  health: object | null;

  @Text({ max: 2_000, min: 0, description: 'As it was asked for last; `GET /flows/{id}/preview` asks Meta.' })
  preview_url: string;

  @Timestamp({ nullable: true })
  preview_expires_at: string | null;

  @Int({ description: 'Messages with it that Meta took, or may have taken. Not those of campaigns.', example: 40 })
  sent_count: number;

  @Int({ description: 'Answers to it.', example: 10 })
  completion_count: number;

  @Decimal({
    min: 0,
    max: 1,
    nullable: true,
    description: 'Answers of those sent; null: none was sent.',
    example: 0.25,
  })
  completion_rate: number | null;

  @Bool()
  can_upload: boolean;

  @Bool()
  can_publish: boolean;

  @Bool()
  can_deprecate: boolean;

  @Bool()
  can_delete: boolean;

  @Timestamp({ nullable: true })
  synced_at: string | null;

  @Timestamp()
  created_at: string;

  @Timestamp()
  updated_at: string;
}

export class FlowListDto {
  @ListOf(() => FlowDto)
  flows: FlowDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class FlowSyncDto {
  @Int({ description: 'Flows that are as Meta has them now.', example: 12 })
  synced: number;

  @Int({ example: 2 })
  created: number;

  @Int({ example: 1 })
  updated: number;

  @Int({ description: 'Drafts that Meta has no longer: they stay here.', example: 0 })
  removed: number;
}

export class FlowPreviewDto {
  @Text({ max: 2_000, example: 'https://business.facebook.com/wa/manage/flows/662000000000001/preview/?token=…' })
  preview_url: string;

  @Timestamp({ nullable: true })
  expires_at: string | null;
}

export class StarterFlowDto {
  @OneOf(STARTER_NAMES)
  name: string;

  @Text({ max: 500, example: 'A rating from 1 to 5, and a comment.' })
  description: string;

  @ListOfText({ maxItems: 10, max: 50, example: ['CUSTOMER_SUPPORT'] })
  categories: string[];

  @JsonObject(FLOW_JSON)
  flow_json: Record<string, unknown>;
}

export class StarterFlowListDto {
  @ListOf(() => StarterFlowDto)
  starters: StarterFlowDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toStarters(): StarterFlowDto[] {
  return STARTER_NAMES.map((name) => {
    const { description, categories, flowJson } = STARTER_FLOWS[name];
    return { name, description, categories: [...categories], flow_json: flowJson };
  });
}

/** @param secrets what can be shown this once */
export function toFlowDto(
  flow: CountedFlow<FlowRow> & { flowJson?: Record<string, unknown> },
  secrets: { forwardSecret: string | null } = { forwardSecret: null },
): FlowDto {
  const { status, sentCount, completionCount } = flow;
  return {
    id: flow.id,
    account_id: flow.accountId,
    name: flow.name,
    meta_flow_id: flow.metaFlowId,
    categories: flow.categories,
    flow_json: flow.flowJson ?? null,
    json_version: flow.jsonVersion,
    is_dynamic: flow.isDynamic,
    endpoint_uri: flow.endpointUri,
    forward_url: flow.forwardUrl,
    has_forward_secret: flow.forwardSecret !== null,
    forward_secret: secrets.forwardSecret,
    status,
    validation_errors: flow.validationErrors,
    is_uploaded: flow.uploadedAt !== null,
    health: flow.health,
    preview_url: flow.previewUrl,
    preview_expires_at: flow.previewExpiresAt?.toISOString() ?? null,
    sent_count: sentCount,
    completion_count: completionCount,
    completion_rate: rateOf(completionCount, sentCount),
    can_upload: allows(status, 'upload'),
    can_publish: allows(status, 'publish') && flow.metaFlowId !== null,
    can_deprecate: allows(status, 'deprecate'),
    can_delete: allows(status, 'delete'),
    synced_at: flow.syncedAt?.toISOString() ?? null,
    created_at: flow.createdAt.toISOString(),
    updated_at: flow.updatedAt.toISOString(),
  };
}

/** Campaigns are not counted among the sent, and theirs are answered too: never more than all. */
function rateOf(completed: number, sent: number): number | null {
  return sent === 0 ? null : Math.min(1, Math.round((completed / sent) * 10_000) / 10_000);
}
