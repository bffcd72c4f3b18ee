import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import { Bool, Id, Int, JsonObject, ListOf, OneOf, OptionalText, Text, Timestamp } from '../http/fields.js';
import type { FlowResponseQuery } from './flow-responses.service.js';
import type { FlowResponseRow } from './flow-responses.repository.js';

const PROCESSED = { optional: true, description: 'Those that somebody has dealt with, or has not.' };
const Q = { max: 100, description: 'Part of the phone or of what was answered.', example: '98765' };
const FROM = { optional: true, description: 'Answered then or later.' };
const TO = { optional: true, description: 'Answered before.' };

export class FlowResponseFilterQuery extends AccountScopedDto {
  @Bool(PROCESSED)
  processed?: boolean;

  @OptionalText(Q)
  q?: string;

  @Id({ optional: true, description: 'Only those of this contact.' })
  contact_id?: number;

  @Timestamp(FROM)
  from?: string;

  @Timestamp(TO)
  to?: string;
}

export class ListFlowResponsesQuery extends PageQuery {
  @Bool(PROCESSED)
  processed?: boolean;

  @OptionalText(Q)
  q?: string;

  @Id({ optional: true, description: 'Only those of this contact.' })
  contact_id?: number;

  @Timestamp(FROM)
  from?: string;

  @Timestamp(TO)
  to?: string;
}

export class ListAllFlowResponsesQuery extends ListFlowResponsesQuery {
  @Bool({ optional: true, description: 'Only those whose flow is not known here.' })
  unmatched?: boolean;
}

export class FlowResponseParams {
  @Id({ description: 'Of the flow.' })
  id: number;

  @Id({ description: 'Of the answer.' })
  response_id: number;
}

export class UnmatchedResponseParam {
  @Id({ description: 'Of the answer.' })
  response_id: number;
}

export class UpdateFlowResponseDto extends AccountScopedDto {
  @Bool({ optional: true, description: 'Somebody has dealt with it.' })
  processed?: boolean;
}

export class FlowResponseDto {
  @Id()
  id: number;

  @Id()
  account_id: number;

  @Id({ nullable: true, description: 'Null: neither token nor quoted message says which flow it answers.' })
  flow_id: number | null;

  @Text({ max: 255, nullable: true, example: 'Book an appointment' })
  flow_name: string | null;

  @Text({ max: 512, nullable: true, description: 'Also of a flow that is not known here.', example: '662000000000001' })
  meta_flow_id: string | null;

  @Id()
  conversation_id: number;

  @Id()
  contact_id: number;

  @Text({ max: 32, nullable: true, example: '+919876500001' })
  phone_number: string | null;

  @Text({ max: 512, description: 'wamid of the answer.', example: 'wamid.HBgLMTIwMjU1NTAxNzE' })
  message_id: string;

  @Text({ max: 1_024, min: 0, example: 'b5a3c1f0-5d6e-4a53-9f5e-0a4f6f1f2d3c' })
  flow_token: string;

  @OneOf(['token', 'quote'], {
    nullable: true,
    description:
      'How the flow was found: by the token it was sent with to this person, or by the message that is quoted.',
  })
  matched_by: string | null;

  @JsonObject({
    description: 'What was answered. What was no JSON object stands as text in `response_json`.',
    example: { rating: '5', comments: 'Lovely' },
  })
  response_data: Record<string, unknown>;

  @Bool()
  processed: boolean;

  @JsonObject({ nullable: true, description: 'The message object of the webhook, as it came.' })
  raw_payload: Record<string, unknown> | null;

  @Timestamp()
  completed_at: string;
}

export class FlowResponseListDto {
  @ListOf(() => FlowResponseDto)
  responses: FlowResponseDto[];

  @NextCursor()
  next_cursor: string | null;
}

/** Answers of one flow, with its numbers. */
export class FlowResponsesDto extends FlowResponseListDto {
  @Int({ description: 'Answers that are kept here.', example: 10 })
  total: number;

  @Int({ example: 4 })
  unprocessed: number;

  @Int({ description: 'As sent_count of the flow.', example: 40 })
  sent: number;

  @Int({
    description: 'As completion_count of the flow: also answers of people who were forgotten since.',
    example: 10,
  })
  completed: number;
}

export function toFlowResponseQuery(query: FlowResponseFilterQuery): FlowResponseQuery {
  return {
    processed: query.processed,
    q: query.q,
    contactId: query.contact_id,
    from: query.from === undefined ? undefined : new Date(query.from),
    to: query.to === undefined ? undefined : new Date(query.to),
  };
}

export function toFlowResponseDto(row: FlowResponseRow): FlowResponseDto {
  return {
    id: row.id,
    account_id: row.accountId,
    flow_id: row.flowId,
    flow_name: row.flowName,
    meta_flow_id: row.metaFlowId,
    conversation_id: row.conversationId,
    contact_id: row.contactId,
    phone_number: row.phoneNumber,
    message_id: row.messageId,
    flow_token: row.flowToken,
    matched_by: row.matchedBy,
    response_data: row.responseData,
    processed: row.processed,
    raw_payload: row.rawPayload,
    completed_at: row.completedAt.toISOString(),
  };
}
