import { Id, Int, ListOf, Nested, OneOf, Text, Timestamp } from '../../http/fields.js';
import type { ImportRow } from './imports.repository.js';

export class ContactImportErrorDto {
  @Int({ min: 1, description: 'Line of the file, the first is 1.', example: 17 })
  line: number;

  @Text({ max: 20, example: 'phone' })
  field: string;

  @Text({ max: 50, example: 'invalid_phone_number' })
  code: string;

  @Text({ min: 0, max: 100, example: '12' })
  value: string;
}

const ERRORS = { description: 'The first 1,000.', maxItems: 1_000 };

/** What an import came to. `created + updated + skipped` is the number of lines. */
export class ContactImportResultDto {
  @Int({ example: 240 })
  created: number;

  @Int({ description: 'Lines of people who were there, or came in a line before.', example: 12 })
  updated: number;

  @Int({ description: 'Lines that do not say whose they are.', example: 1 })
  skipped: number;

  @ListOf(() => ContactImportErrorDto, ERRORS)
  errors: ContactImportErrorDto[];

  @Int({ example: 1 })
  errors_total: number;
}

/** A large file on its way in. */
export class ContactImportDto extends ContactImportResultDto {
  @Id()
  id: number;

  @OneOf(['uploading', 'waiting', 'running', 'completed', 'failed'], { example: 'running' })
  status: string;

  @Int({ description: 'Lines of the file.', example: 100_000 })
  total: number;

  @Int({ example: 45_000 })
  processed: number;

  @Int({ nullable: true, description: 'Lines per second.', example: 6_200 })
  rate: number | null;

  @Int({ nullable: true, description: 'Until it is done, at this rate.', example: 9 })
  seconds_left: number | null;

  @Timestamp()
  created_at: string;

  @Timestamp({ nullable: true })
  started_at: string | null;

  @Timestamp({ nullable: true })
  completed_at: string | null;
}

export class StartedContactImportDto {
  @Nested(() => ContactImportDto)
  import: ContactImportDto;
}

export function toResultDto(row: ImportRow): ContactImportResultDto {
  return {
    created: row.created_count,
    updated: row.updated_count,
    skipped: row.skipped_count,
    errors: row.errors,
    errors_total: row.errors_total,
  };
}

export function toImportDto(row: ImportRow): ContactImportDto {
  const done = row.created_count + row.updated_count;
  const rate = row.worked_s > 0 && done > 0 ? done / row.worked_s : null;
  return {
    id: row.id,
    status: row.status,
    total: row.total_count,
    processed: row.processed_count,
    ...toResultDto(row),
    rate: rate && Math.round(rate),
    seconds_left: row.completed_at !== null ? 0 : rate && Math.ceil((row.total_count - row.processed_count) / rate),
    created_at: row.created_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    completed_at: row.completed_at?.toISOString() ?? null,
  };
}
