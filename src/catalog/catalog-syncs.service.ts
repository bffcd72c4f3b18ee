import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { requireWaba } from '../accounts/require-waba.js';
import { AppError, invalidField } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { sleep } from '../common/sleep.js';
import { Database } from '../database/database.js';
import { CatalogApi, type MetaCatalog } from '../meta/api/catalog.js';
import { graphProblem, readingProblem } from '../meta/graph-problem.js';
import { Enqueue } from '../queues/enqueue.js';
import { CatalogSyncsRepository, type SyncRow } from './catalog-syncs.repository.js';
import { ProductsRepository, type CatalogFacts } from './products.repository.js';
import { PAGE_SIZE } from './sync-decision.js';

const LIST = 'catalog_syncs';
/** Longest that an answer waits for a sync; after that one looks for it. */
const AT_ONCE_MS = 20_000;
const LOOK_EVERY_MS = 100;

/** A catalog of the WABA, and what is here of it. */
export interface ConnectedCatalog extends CatalogFacts {
  catalogId: string;
  name: string;
  isDefault: boolean;
}

/** Syncs of catalogs: asked for here, done by the worker. */
@Injectable()
export class CatalogSyncsService {
  constructor(
    private readonly database: Database,
    private readonly repository: CatalogSyncsRepository,
    private readonly products: ProductsRepository,
    private readonly accounts: AccountsService,
    private readonly api: CatalogApi,
    private readonly enqueue: Enqueue,
  ) {}

  /**
   * Brings the products of a catalog from Meta, and waits for it a while: the answer may still be running, also because no
   * worker lives. Who asks while one runs joins it.
   * @param given null: the account's default, else the one catalog of its WABA
   * @throws `400 validation_failed` of `catalog_id` when there is none to take; `graph_error` with Meta's words
   */
  async run(account: Account, given: string | null): Promise<SyncRow> {
    const catalogId = given ?? (await this.catalogOf(account));
    const { id } = await this.database.transaction((tx) => this.repository.begin(tx, account.id, catalogId, PAGE_SIZE));
    await this.enqueue.enqueue('catalog-sync', {}, { key: 'catalog-sync' });
    const deadline = Date.now() + AT_ONCE_MS;
    while (Date.now() < deadline && (await this.repository.isRunning(this.database, id))) {
      await sleep(LOOK_EVERY_MS);
    }
    const sync = await this.get(account.id, id);
    if (sync.status === 'failed') {
      throw failed(sync);
    }
    return sync;
  }

  /** @throws `not_found` */
  async get(accountId: number, id: number): Promise<SyncRow> {
    const row = await this.repository.find(this.database, accountId, id);
    if (!row) {
      throw new AppError('not_found', 'There is no such sync.');
    }
    return row;
  }

  /** The newest first. */
  async list(
    accountId: number,
    { catalogId, limit, cursor }: { catalogId: string | null; limit: number; cursor?: string | undefined },
  ): Promise<Page<SyncRow>> {
    const beforeId = decodeIdCursor(LIST, cursor);
    const rows = await this.repository.list(this.database, accountId, { catalogId, beforeId, limit: limit + 1 });
    return toPage(LIST, rows, limit, (row) => [row.id]);
  }

  /** The catalogs that Meta has for the WABA, as they are now. */
  async catalogs(account: Account): Promise<ConnectedCatalog[]> {
    const catalogs = await this.ask(account);
    const defaultId = await this.defaultOf(account);
    const facts = await this.products.countByCatalog(
      this.database,
      account.id,
      catalogs.map(({ id }) => id),
    );
    return catalogs.map(({ id, name }) => ({
      catalogId: id,
      name: typeof name === 'string' ? name : '',
      isDefault: id === defaultId,
      productCount: facts.get(id)?.productCount ?? 0,
      activeCount: facts.get(id)?.activeCount ?? 0,
      syncedAt: facts.get(id)?.syncedAt ?? null,
    }));
  }

  private async catalogOf(account: Account): Promise<string> {
    const chosen = await this.defaultOf(account);
    if (chosen) {
      return chosen;
    }
    const none = 'Name the catalog in catalog_id, or set default_catalog_id of the account';
    if (account.wabaId === null) {
      throw invalidField('catalog_id', 'required', `${none}.`);
    }
    const [first, ...others] = await this.ask(account);
    if (!first || others.length > 0) {
      const found = first ? 'Meta has several for its WABA' : 'Meta has none for its WABA';
      throw invalidField('catalog_id', 'required', `${none}; ${found}.`);
    }
    return first.id;
  }

  private async defaultOf(account: Account): Promise<string | null> {
    return (await this.accounts.get(account.id, null)).defaultCatalogId;
  }

  private async ask(account: Account): Promise<MetaCatalog[]> {
    const answer = await this.api.catalogs(requireWaba(account, 'catalogs are connected to the WABA'));
    if (!answer.ok) {
      throw readingProblem(answer.failure);
    }
    return answer.body;
  }
}

/** What a sync failed with, to the one who waits for it. */
function failed({ id, error }: SyncRow): AppError {
  const failure = error?.failure;
  if (!failure) {
    return new AppError('graph_error', error?.message, { extra: { sync_id: id } });
  }
  const kind = failure.kind === 'ambiguous' ? 'transient' : failure.kind;
  return graphProblem({ ...failure, kind }, { sync_id: id });
}
