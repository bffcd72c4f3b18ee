import { NextCursor, PageQuery } from '../http/common.dto.js';
import { Id, JsonObject, ListOf, OneOf, Text, Timestamp } from '../http/fields.js';
import { ACTOR_TYPES, type AuditRow } from './audit-log.repository.js';

export class ListAuditLogQuery extends PageQuery {
  @Text({ optional: true, max: 100, description: 'Exactly this action.', example: 'campaign.paused' })
  action?: string;

  @Text({ optional: true, max: 100, description: 'What it was done to.', example: 'campaign' })
  object_type?: string;

  @Text({ optional: true, max: 200, description: 'Which one; with object_type.', example: '42' })
  object_id?: string;

  @Id({ optional: true, description: 'The key that did it.' })
  actor_key_id?: number;

  @Timestamp({ optional: true, description: 'At or after.' })
  from?: string;

  @Timestamp({ optional: true, description: 'Before.' })
  to?: string;
}

/** Something that was done, by whom and from where. */
export class AuditEntryDto {
  @Id()
  id: number;

  @Timestamp()
  created_at: string;

  @OneOf(ACTOR_TYPES, {
    description:
      '`cli`: the operator at the command line; `system`: Parley itself, such as a schedule or a word of Meta’s.',
    example: 'api_key',
  })
  actor_type: string;

  @Id({ nullable: true, description: 'The key that did it, which may be gone.' })
  actor_key_id: number | null;

  @Text({
    max: 255,
    description: 'The name of the key as it was then, `cli` or `system`.',
    example: 'Production backend',
  })
  actor_name: string;

  @Text({ max: 100, nullable: true, description: 'Where the request came from.', example: '203.0.113.7' })
  ip: string | null;

  @Text({ max: 100, nullable: true, description: 'X-Request-Id of the request.', example: 'req_1b2c3d4e5f6a7b8c' })
  request_id: string | null;

  @Text({ max: 100, description: 'The kind of thing and what became of it.', example: 'campaign.paused' })
  action: string;

  @Text({ max: 100, example: 'campaign' })
  object_type: string;

  @Text({ max: 200, nullable: true, description: 'Null for what there is one of, or for many at once.', example: '42' })
  object_id: string | null;

  @Id({ nullable: true, description: 'Whose it is; null: the installation’s.' })
  account_id: number | null;

  @JsonObject({
    description:
      'What changed, as `{field: {from, to}}`, or facts of it. Never a secret, a text or a number of a person.',
    example: { status: { from: 'running', to: 'paused' } },
  })
  changes: Record<string, unknown>;
}

export class AuditLogDto {
  @ListOf(() => AuditEntryDto)
  audit_log: AuditEntryDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toAuditEntryDto({ created_at, ...row }: AuditRow): AuditEntryDto {
  return { ...row, created_at: created_at.toISOString() };
}
