import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import { Id, Int, ListOf, OptionalText, Text, Timestamp } from '../http/fields.js';
import type { LabelRow } from './labels.repository.js';
import { MAX_LABEL_NAME } from './labels.service.js';

const NAMES =
  'slate|gray|zinc|neutral|stone|red|orange|amber|yellow|lime|green|emerald|teal|cyan|sky|blue|indigo|violet|purple|fuchsia|pink|rose';
const COLOR = {
  max: 20,
  pattern: new RegExp(`^(${NAMES}|#[0-9A-Fa-f]{6})$`),
  patternHint: 'must be the name of a Tailwind color or #rrggbb',
  description: 'A Tailwind name, or `#rrggbb`.',
  example: 'amber',
};

export class CreateLabelDto extends AccountScopedDto {
  @Text({ max: MAX_LABEL_NAME, description: 'One whatever its case.', example: 'VIP' })
  name: string;

  @Text({ ...COLOR, optional: true, default: 'gray' })
  color?: string;
}

/** Changes the given fields only. */
export class UpdateLabelDto extends AccountScopedDto {
  @Text({ max: MAX_LABEL_NAME, optional: true, example: 'VIP' })
  name?: string;

  @Text({ ...COLOR, optional: true })
  color?: string;
}

export class ListLabelsQuery extends PageQuery {
  @OptionalText({ max: MAX_LABEL_NAME, description: 'Part of the name.', example: 'vip' })
  q?: string;
}

/** A tag for contacts and conversations. */
export class LabelDto {
  @Id()
  id: number;

  @Text({ max: MAX_LABEL_NAME, example: 'VIP' })
  name: string;

  @Text({ max: 20, description: COLOR.description, example: 'amber' })
  color: string;

  @Int({ description: 'Contacts and conversations that have it, of those the key may see.', example: 12 })
  usage_count: number;

  @Timestamp()
  created_at: string;
}

export class LabelListDto {
  @ListOf(() => LabelDto)
  labels: LabelDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toLabelDto(row: LabelRow): LabelDto {
  const { id, name, color, usage_count, created_at } = row;
  return { id, name, color, usage_count, created_at: created_at.toISOString() };
}
