import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import { Bool, Id, Int, JsonObject, ListOf, Nested, OneOf, Text, Timestamp } from '../http/fields.js';
import type { SyncRow } from './catalog-syncs.repository.js';
import type { ConnectedCatalog } from './catalog-syncs.service.js';
import { CatalogId } from './product.dto.js';

export class SyncCatalogDto extends AccountScopedDto {
  @CatalogId({
    optional: true,
    description: 'Default: `default_catalog_id` of the account, else the one catalog of its WABA.',
  })
  catalog_id?: string;
}

export class ListCatalogSyncsQuery extends PageQuery {
  @CatalogId({ optional: true, description: 'Only those of this catalog.' })
  catalog_id?: string;
}

export class CatalogSyncErrorDto {
  @Text({ max: 1_000, example: 'Too many calls to this WhatsApp Business account' })
  message: string;

  @JsonObject({ nullable: true, description: 'Meta’s refusal, as in problems; null: it was not Meta.', example: null })
  graph: Record<string, unknown> | null;
}

/** A reading of a catalog, and how far it is. */
export class CatalogSyncDto {
  @Id()
  id: number;

  @CatalogId()
  catalog_id: string;

  @OneOf(['running', 'completed', 'failed'], { example: 'completed' })
  status: string;

  @Int({ description: 'Products of Meta’s that are here as Meta has them.', example: 25_000 })
  synced: number;

  @Int({ example: 12 })
  created: number;

  @Int({ description: 'Those that differed, and those that came back.', example: 250 })
  updated: number;

  @Int({ description: 'Those that Meta has no longer; they stay, and are not active.', example: 3 })
  removed: number;

  @Int({ description: 'Products of Meta’s that no message could name, for they have no retailer_id.', example: 0 })
  skipped: number;

  @Int({
    nullable: true,
    description: 'While it runs: how many there may be, by what is known from before. Null: nothing is.',
    example: null,
  })
  expected: number | null;

  @Nested(() => CatalogSyncErrorDto, { nullable: true, description: 'Why it failed. What was read stays.' })
  error: CatalogSyncErrorDto | null;

  @Timestamp()
  started_at: string;

  @Timestamp({ nullable: true })
  finished_at: string | null;
}

export class CatalogSyncListDto {
  @ListOf(() => CatalogSyncDto)
  syncs: CatalogSyncDto[];

  @NextCursor()
  next_cursor: string | null;
}

export class CatalogDto {
  @CatalogId({ description: 'Meta’s id of it.' })
  catalog_id: string;

  @Text({ min: 0, max: 500, example: 'Autumn' })
  name: string;

  @Bool({ description: 'It is `default_catalog_id` of the account.', example: true })
  is_default: boolean;

  @Int({ description: 'Products that are here of it.', example: 25_000 })
  product_count: number;

  @Int({ example: 24_750 })
  active_count: number;

  @Timestamp({ nullable: true, description: 'When the last complete sync began.' })
  synced_at: string | null;
}

export class CatalogListDto {
  @ListOf(() => CatalogDto)
  catalogs: CatalogDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toCatalogSyncDto(row: SyncRow): CatalogSyncDto {
  const failure = row.error?.failure ?? null;
  return {
    id: row.id,
    catalog_id: row.catalog_id,
    status: row.status,
    synced: row.synced,
    created: row.created,
    updated: row.updated,
    removed: row.removed,
    skipped: row.skipped,
    expected: row.status === 'running' && row.known > 0 ? Math.max(row.known, row.synced) : null,
    error: row.error && {
      message: row.error.message,
      graph: failure && {
        code: failure.code,
        subcode: failure.subcode,
        title: failure.title,
        details: failure.details,
        kind: failure.kind,
        fbtrace_id: failure.fbtraceId,
        retryable: failure.retryable,
      },
    },
    started_at: row.started_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}

export function toCatalogDto(catalog: ConnectedCatalog): CatalogDto {
  return {
    catalog_id: catalog.catalogId,
    name: catalog.name,
    is_default: catalog.isDefault,
    product_count: catalog.productCount,
    active_count: catalog.activeCount,
    synced_at: catalog.syncedAt?.toISOString() ?? null,
  };
}
