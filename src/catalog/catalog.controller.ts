import { Body, Controller, Get, HttpStatus, Param, Post, Query, Res } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../accounts/account-resolver.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import {
  CatalogListDto,
  CatalogSyncDto,
  CatalogSyncListDto,
  ListCatalogSyncsQuery,
  SyncCatalogDto,
  toCatalogDto,
  toCatalogSyncDto,
} from './catalog-sync.dto.js';
import { CatalogSyncsService } from './catalog-syncs.service.js';

const READ = { tag: 'Catalog', scope: 'catalog:read' } as const;
const WRITE = { tag: 'Catalog', scope: 'catalog:write' } as const;

@Controller('catalog')
export class CatalogController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly syncs: CatalogSyncsService,
  ) {}

  @Post('sync')
  @Operation({
    ...WRITE,
    id: 'syncCatalog',
    example: { catalog_id: '500000000000001' },
    summary: 'Bring the products of a catalog from Meta',
    description:
      'Reads all pages, in the background. Products that Meta no longer has are not active and stay; what was made here ' +
      'and never at Meta is left alone. Answers when it is done; after 20 seconds, or when no worker runs, 202 with the ' +
      'sync as it stands: `GET /catalog/syncs/{id}` tells how it goes on. While one of the catalog runs, a second call joins it.',
    answers: CatalogSyncDto,
    errors: ['graph_error', 'account_credentials_missing'],
  })
  @ApiResponse({ status: 202, description: 'It goes on: see `GET /catalog/syncs/{id}`.', type: CatalogSyncDto })
  async sync(
    @Body() { catalog_id: catalogId }: SyncCatalogDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CatalogSyncDto> {
    const sync = await this.syncs.run(await this.accounts.current(), catalogId ?? null);
    if (sync.status === 'running') {
      void reply.status(HttpStatus.ACCEPTED);
    }
    return toCatalogSyncDto(sync);
  }

  @Get('syncs')
  @Operation({
    ...READ,
    id: 'listCatalogSyncs',
    summary: 'List syncs of catalogs, the newest first',
    answers: CatalogSyncListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ListCatalogSyncsQuery): Promise<CatalogSyncListDto> {
    const { id: accountId } = await this.accounts.current();
    const { catalog_id: catalogId, limit, cursor } = query;
    const page = await this.syncs.list(accountId, { catalogId: catalogId ?? null, limit, cursor });
    return { syncs: page.rows.map(toCatalogSyncDto), next_cursor: page.nextCursor };
  }

  @Get('syncs/:id')
  @Operation({
    ...READ,
    id: 'getCatalogSync',
    summary: 'Get a sync and its progress',
    answers: CatalogSyncDto,
    errors: ['not_found'],
  })
  async get(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<CatalogSyncDto> {
    return toCatalogSyncDto(await this.syncs.get((await this.accounts.current()).id, id));
  }

  @Get('catalogs')
  @Operation({
    ...READ,
    id: 'listCatalogs',
    summary: 'List the catalogs that Meta has for the WABA',
    description: 'Asks Meta, and says what is here of each.',
    answers: CatalogListDto,
    errors: ['graph_error', 'account_credentials_missing'],
  })
  async catalogs(@Query() _query: AccountScopedDto): Promise<CatalogListDto> {
    const catalogs = await this.syncs.catalogs(await this.accounts.current());
    return { catalogs: catalogs.map(toCatalogDto), next_cursor: null };
  }
}
