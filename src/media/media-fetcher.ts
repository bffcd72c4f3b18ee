import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { AccountsService } from '../accounts/accounts.service.js';
import { counter, histogram } from '../common/metrics.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { isConnectionLoss } from '../database/pg-error.js';
import { ifExpired, nextStep, NO_ACCOUNT, type FetchOutcome, type FetchStep } from './fetch-decision.js';
import { MediaDownloader } from './media-downloader.js';
import { MediaFetchesRepository, type FetchClaim } from './media-fetches.repository.js';
import { SettledFiles } from './settled-files.js';
import { MediaStorage } from './storage/media-storage.js';

/** Files that one process fetches at once. */
const CONCURRENCY = 8;
/** A fetcher that has not said for so long that it lives counts as dead; one that was wrongly taken so hears of it, and stops. */
const LEASE_S = 60;
const RENEW_MS = 20_000;
/** A file that was given up is not asked for again by everyone who looks. */
const REST_S = 10;
/** While the store does not work nothing new is begun, in ms. */
const STORE_REST_MS = 15_000;

const fetched = counter('parley_media_fetched_total', 'Files of customers, by what an attempt came to', ['outcome']);
const fetchedBytes = counter('parley_media_fetched_bytes_total', 'Bytes of customers’ files that are kept');
const seconds = histogram(
  'parley_media_fetch_seconds',
  'Time of one attempt to fetch a file',
  [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300],
);

/** Fetches files from Meta under leases in PostgreSQL: any number of processes, and each file by one at a time. */
@Injectable()
export class MediaFetcher implements BeforeApplicationShutdown {
  private isStopping = false;
  private readonly running = new Map<FetchClaim, { work: Promise<FetchStep>; abort: AbortController }>();
  private heartbeat: NodeJS.Timeout | null = null;
  private restUntil = 0;

  constructor(
    private readonly database: Database,
    private readonly fetches: MediaFetchesRepository,
    private readonly downloader: MediaDownloader,
    private readonly storage: MediaStorage,
    private readonly accounts: AccountsService,
    private readonly settled: SettledFiles,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Begins as many due files as there is room for.
   * @param onEnd told of each that ends: there is room again
   * @returns how many were begun
   */
  async begin(onEnd: () => void): Promise<number> {
    const room = CONCURRENCY - this.running.size;
    if (room <= 0 || this.isStopping || Date.now() < this.restUntil) {
      return 0;
    }
    const claims = await this.database.transaction((tx) => this.fetches.claimDue(tx, room, LEASE_S));
    for (const claim of claims) {
      this.run(claim, true).then(onEnd, (error: unknown) => {
        this.logger.error({ context: 'MediaFetcher', err: error, media_file_id: claim.id }, 'a fetch was left undone');
        onEnd();
      });
    }
    return claims.length;
  }

  /**
   * Fetches one file now, because somebody wants it.
   * @returns null when somebody else is at it, or gave it up just before
   */
  async fetchNow(accountId: number, id: number): Promise<FetchStep | null> {
    const claim = await this.database.transaction((tx) => this.fetches.claimOne(tx, accountId, id, LEASE_S, REST_S));
    return claim && this.run(claim, false);
  }

  /** Lets go what is under way; somebody else begins it anew. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    const running = [...this.running.values()];
    running.forEach(({ abort }) => abort.abort());
    await Promise.allSettled(running.map(({ work }) => work));
  }

  private async run(claim: FetchClaim, counts: boolean): Promise<FetchStep> {
    const abort = new AbortController();
    const work = this.attempt(claim, counts, abort.signal);
    this.running.set(claim, { work, abort });
    this.heartbeat ??= setInterval(() => void this.renew(), RENEW_MS).unref();
    try {
      return await work;
    } finally {
      this.running.delete(claim);
      if (this.running.size === 0 && this.heartbeat) {
        clearInterval(this.heartbeat);
        this.heartbeat = null;
      }
    }
  }

  private async renew(): Promise<void> {
    const claims = [...this.running];
    try {
      const kept = await this.fetches.renew(
        this.database,
        claims.map(([claim]) => claim),
        LEASE_S,
      );
      for (const [claim, { abort }] of claims) {
        if (!kept.has(claim.storageKey)) {
          abort.abort();
        }
      }
    } catch (error) {
      this.logger.warn({ context: 'MediaFetcher', err: error }, 'leases could not be renewed');
    }
  }

  private async attempt(claim: FetchClaim, counts: boolean, signal: AbortSignal): Promise<FetchStep> {
    const startedAt = performance.now();
    const outcome = await this.outcomeOf(claim, signal);
    seconds.observe((performance.now() - startedAt) / 1_000);
    fetched.inc({ outcome: outcome.kind });
    const step = nextStep(outcome, claim.attempts, counts);
    try {
      await this.settle(claim, step);
      return step;
    } catch (error) {
      if (step.kind !== 'store' || isConnectionLoss(error)) {
        throw error;
      }
      // Whoever was told could not take it: as any other failure, not once a minute for ever.
      this.logger.error({ context: 'MediaFetcher', err: error, media_file_id: claim.id }, 'a file was not taken over');
      const later = nextStep({ kind: 'again', reason: 'The file could not be taken over.' }, claim.attempts, counts);
      await this.settle(claim, later);
      return later;
    }
  }

  private async outcomeOf(claim: FetchClaim, signal: AbortSignal): Promise<FetchOutcome> {
    if (claim.previousKey !== null) {
      // Its fetcher died, perhaps between the bytes and the row.
      await this.storage.delete(claim.previousKey).catch(() => undefined);
    }
    const account = await this.accounts.find(claim.accountId);
    if (!account?.isActive) {
      return ifExpired(NO_ACCOUNT, claim.mediaIdExpiresAt);
    }
    const outcome = await this.downloader.attempt(account, claim, signal);
    if (outcome.kind !== 'stored' && signal.aborted) {
      return { kind: 'wait', reason: 'The fetcher was stopped.', forMs: 0 };
    }
    if (outcome.kind === 'wait' && outcome.isStoreDown) {
      this.restUntil = Date.now() + STORE_REST_MS;
    }
    return ifExpired(outcome, claim.mediaIdExpiresAt);
  }

  private async settle(claim: FetchClaim, step: FetchStep): Promise<void> {
    const about = { context: 'MediaFetcher', media_file_id: claim.id, account_id: claim.accountId };
    switch (step.kind) {
      case 'store': {
        const isOurs = await this.keep(claim, step);
        if (isOurs) {
          fetchedBytes.inc(step.bytes.size);
          this.logger.debug({ ...about, bytes: step.bytes.size }, 'a file was fetched');
        }
        return;
      }
      case 'postpone':
        await this.fetches.postpone(this.database, claim, step.reason, step.attempts, step.afterMs);
        this.logger.info(
          { ...about, reason: step.reason, attempts: step.attempts, after_ms: step.afterMs },
          'a file is fetched later',
        );
        return;
      case 'fail':
        await this.database.transaction(async (tx) => {
          const isOurs = await this.fetches.settleFailed(tx, claim, step.reason);
          // Whoever waits was told when it failed first.
          if (isOurs && !claim.wasFailed) {
            await this.settled.tell(tx, [{ id: claim.id, accountId: claim.accountId, state: 'failed' }]);
          }
        });
        this.logger.warn({ ...about, reason: step.reason, attempts: claim.attempts }, 'a file was given up');
    }
  }

  /** @returns false when the claim was lost meanwhile, or the file removed */
  private async keep(claim: FetchClaim, step: FetchStep & { kind: 'store' }): Promise<boolean> {
    try {
      const isOurs = await this.database.transaction(async (tx) => {
        if (!(await this.fetches.settleStored(tx, claim, step.bytes))) {
          return false;
        }
        await this.settled.tell(tx, [{ id: claim.id, accountId: claim.accountId, state: 'stored' }]);
        return true;
      });
      if (!isOurs) {
        await this.storage.delete(claim.storageKey);
      }
      return isOurs;
    } catch (error) {
      if (!isConnectionLoss(error)) {
        // Only then is it sure that nothing was committed.
        await this.storage.delete(claim.storageKey).catch(() => undefined);
      }
      throw error;
    }
  }
}
