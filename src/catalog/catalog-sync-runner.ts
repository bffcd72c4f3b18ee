import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import { LOGGER } from '../config/logger.module.js';
import { Database, type Tx } from '../database/database.js';
import { CatalogApi, type CatalogPage } from '../meta/api/catalog.js';
import type { GraphFailure } from '../meta/graph-error.js';
import { CatalogSyncsRepository, type ClaimedSync, type SyncError } from './catalog-syncs.repository.js';
import { readProduct, type SyncedProduct } from './product-reading.js';
import { decide, MAX_ATTEMPTS } from './sync-decision.js';
import { SyncedProductsRepository } from './synced-products.repository.js';

/** Longer than a page takes to be read and written: whoever has not come back by then is dead. */
export const LEASE_S = 20;
/** So many pages in a row that name only what was seen before are a list that does not end. */
const MAX_STALE_PAGES = 20;

/** Somebody else has the sync by now: what this one was about to write is undone. */
class LeaseLost extends Error {}

/** Reads catalogs page by page. Whoever runs it, and however often it is killed, each product is counted once. */
@Injectable()
export class CatalogSyncRunner {
  constructor(
    private readonly database: Database,
    private readonly syncs: CatalogSyncsRepository,
    private readonly products: SyncedProductsRepository,
    private readonly accounts: AccountsService,
    private readonly api: CatalogApi,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Works on a sync until it is over, has to wait, or the signal says to stop; then the next may go on at once. */
  async run(claimed: ClaimedSync, signal: AbortSignal): Promise<void> {
    try {
      const account = await this.accountOf(claimed);
      if (!account?.isActive) {
        await this.fail(claimed, { message: 'The account is inactive, or has no access token.', failure: null });
        return;
      }
      await this.read(account, claimed, signal);
    } catch (error) {
      if (!(error instanceof LeaseLost)) {
        this.logger.error({ context: 'CatalogSyncRunner', sync: claimed.id, err: error }, 'a catalog sync failed');
        await this.retryLater(claimed, { message: 'Reading the catalog failed on our side.', failure: null });
      }
    }
  }

  /** What we know of accounts may be a second old: one that is not there may just have been added. */
  private async accountOf({ accountId }: ClaimedSync): Promise<Account | null> {
    const known = await this.accounts.find(accountId);
    return known ?? (await this.accounts.freshSnapshot()).find(({ id }) => id === accountId) ?? null;
  }

  private async read(account: Account, claimed: ClaimedSync, signal: AbortSignal): Promise<void> {
    let sync = claimed;
    let stalePages = 0;
    const cursors = new Set<string>();
    while (!signal.aborted) {
      const answer = await this.api.products(account, sync.catalogId, {
        after: sync.afterCursor,
        limit: sync.pageSize,
      });
      if (!answer.ok) {
        if (!(await this.react(sync, answer.failure))) {
          return;
        }
        cursors.clear();
        sync = { ...sync, afterCursor: null, attempts: 0, restarts: sync.restarts + 1 };
        continue;
      }
      const page = answer.body;
      const seen = await this.write(sync, page);
      if (page.after === null && !page.isCut) {
        return;
      }
      stalePages = seen > 0 ? 0 : stalePages + 1;
      if (page.after === null || cursors.has(page.after) || stalePages > MAX_STALE_PAGES) {
        await this.fail(sync, { message: 'Meta’s list of products does not end.', failure: null });
        return;
      }
      cursors.add(page.after);
      sync = { ...sync, afterCursor: page.after, attempts: 0 };
    }
    await this.syncs.postpone(this.database, sync, 0, sync);
  }

  /** One page in one transaction, with the end of the sync when it is the last. @returns products not seen before */
  private write(sync: ClaimedSync, page: CatalogPage): Promise<number> {
    const read = page.products.map(readProduct);
    const products = distinct(read.filter((product) => product !== null));
    return this.database.transaction(async (tx) => {
      const { seen, created, updated } = await this.products.writePage(tx, sync, products);
      const isOurs = await this.syncs.advance(tx, sync, LEASE_S, {
        afterCursor: page.after,
        synced: seen,
        created,
        updated,
        skipped: read.filter((product) => product === null).length,
      });
      if (!isOurs) {
        throw new LeaseLost();
      }
      if (page.after === null && !page.isCut) {
        await this.complete(tx, sync);
      }
      return seen;
    });
  }

  private async complete(tx: Tx, sync: ClaimedSync): Promise<void> {
    const removed = await this.products.markGone(tx, sync);
    await this.products.forgetSeen(tx, sync.id);
    if (!(await this.syncs.complete(tx, sync, removed))) {
      throw new LeaseLost();
    }
  }

  /** @returns true to read on from the first page; otherwise the sync is over, or waits */
  private async react(sync: ClaimedSync, failure: GraphFailure): Promise<boolean> {
    const decision = decide(sync, failure);
    switch (decision.kind) {
      case 'restart':
        await this.database.transaction(async (tx) => {
          await this.products.forgetSeen(tx, sync.id);
          if (!(await this.syncs.restart(tx, sync))) {
            throw new LeaseLost();
          }
        });
        return true;
      case 'wait':
        await this.syncs.postpone(this.database, sync, decision.waitS, decision);
        return false;
      case 'fail':
        await this.fail(sync, { message: failure.details, failure });
        return false;
    }
  }

  /** Something of ours went wrong: again soon, and not for ever. */
  private async retryLater(sync: ClaimedSync, error: SyncError): Promise<void> {
    if (sync.attempts + 1 >= MAX_ATTEMPTS) {
      await this.fail(sync, error);
      return;
    }
    await this.syncs.postpone(this.database, sync, 2 ** sync.attempts, {
      attempts: sync.attempts + 1,
      pageSize: sync.pageSize,
    });
  }

  /** What was read is true and stays; nothing is taken for gone. */
  private async fail(sync: ClaimedSync, error: SyncError): Promise<void> {
    await this.database.transaction(async (tx) => {
      if (await this.syncs.fail(tx, sync, error)) {
        await this.products.forgetSeen(tx, sync.id);
      }
    });
  }
}

/** A list that moves while it is paged may name a product twice; one statement can write a row once. */
function distinct(products: readonly SyncedProduct[]): SyncedProduct[] {
  return [...new Map(products.map((product) => [product.retailerId, product])).values()];
}
