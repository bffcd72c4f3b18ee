import { AccountScopedDto, NextCursor } from '../../http/common.dto.js';
import { Id, JsonObject, ListOf, OneOf, Text, Timestamp } from '../../http/fields.js';
import type { PresetRow } from './audience-presets.repository.js';

export const AUDIENCE_KINDS = ['contacts', 'csv', 'code', 'endpoint'] as const;

/** What audience_type may name. */
export class AudienceDto {
  @Text({ max: 50, example: 'contacts' })
  name: string;

  @OneOf(AUDIENCE_KINDS, { description: 'code and endpoint: added by whoever runs this installation.' })
  kind: string;

  @Text({ max: 500, min: 0 })
  description: string;
}

export class AudienceListDto {
  @ListOf(() => AudienceDto)
  audiences: AudienceDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class CreateAudiencePresetDto extends AccountScopedDto {
  @Text({ max: 100, description: 'One whatever its case.', example: 'VIPs in Delhi' })
  name: string;

  @Text({ optional: true, max: 50, default: 'contacts', description: 'contacts, or the name of an audience.' })
  audience_type: string = 'contacts';

  @JsonObject({ optional: true, example: { labels__name: 'VIP' } })
  audience_filters?: Record<string, unknown>;
}

export class AudiencePresetDto {
  @Id()
  id: number;

  @Text({ max: 100, example: 'VIPs in Delhi' })
  name: string;

  @Text({ max: 50, example: 'contacts' })
  audience_type: string;

  @JsonObject({ example: { labels__name: 'VIP' } })
  audience_filters: Record<string, unknown>;

  @Timestamp()
  created_at: string;
}

export class AudiencePresetListDto {
  @ListOf(() => AudiencePresetDto)
  audience_presets: AudiencePresetDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toAudiencePresetDto({ sort_key: _sortKey, created_at, ...row }: PresetRow): AudiencePresetDto {
  return { ...row, created_at: created_at.toISOString() };
}
