import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError } from '../common/app-error.js';
import { Database } from '../database/database.js';
import type { Principal } from '../http/principal.js';
import { Enqueue } from '../queues/enqueue.js';
import type { WebhookLogRow } from './webhook-logs.repository.js';
import { noSuchLog, visibleTo, WebhookLogsService, type WebhookLogQuery } from './webhook-logs.service.js';
import { WebhookReplaysRepository, type ReplayPreview, type WebhookReplay } from './webhook-replays.repository.js';

/** Most bodies of one replay; whoever has more asks again. */
export const MAX_REPLAYED = 100_000;
/** Of one statement, so that none runs into the longest that a statement may take. */
const BATCH = 10_000;

/** What a replay takes, or, when it was only asked for, would take. */
export interface Replayed {
  /** Null: nothing was done, or there was nothing to do. */
  replayId: number | null;
  preview: ReplayPreview;
  /** The filter means more than one replay takes: the oldest were taken. */
  hasMore: boolean;
}

/** Lets bodies have their effects again. Safe any number of times: effects are idempotent. */
@Injectable()
export class WebhookReplaysService {
  constructor(
    private readonly database: Database,
    private readonly logs: WebhookLogsService,
    private readonly replays: WebhookReplaysRepository,
    private readonly audit: AuditTrail,
    private readonly enqueue: Enqueue,
  ) {}

  /**
   * One body, before all that wait.
   * @throws `404 not_found` when it is missing or not the key's to see
   */
  async replayOne(principal: Principal, id: number): Promise<WebhookLogRow> {
    await this.database.transaction(async (tx) => {
      const found = await this.replays.requeueOne(tx, id, visibleTo(principal));
      if (!found) {
        throw noSuchLog();
      }
      const [accountId = null, other] = found.accountIds;
      await this.audit.append(tx, [
        {
          action: 'webhook_log.replayed',
          objectType: 'webhook_log',
          objectId: id,
          accountId: other === undefined ? accountId : null,
        },
      ]);
    });
    await this.hint();
    return this.logs.get(principal, id);
  }

  /**
   * All bodies of a filter, oldest first, behind what is live. Only bodies all of whose accounts the key may use.
   * @param isDryRun only says what it would take
   */
  async replay(principal: Principal, query: WebhookLogQuery, isDryRun: boolean): Promise<Replayed> {
    const filter = await this.logs.filterOf(principal, query);
    const replayed = await this.database.transaction(async (tx): Promise<Replayed> => {
      const seen = await this.replays.preview(tx, filter, MAX_REPLAYED + 1);
      const hasMore = seen.count > MAX_REPLAYED;
      const preview = hasMore ? await this.replays.preview(tx, filter, MAX_REPLAYED) : seen;
      if (isDryRun || preview.count === 0) {
        return { replayId: null, preview, hasMore };
      }
      const { visibleTo: accountIds, ...asked } = filter;
      const replayId = await this.replays.create(tx, accountIds, asked);
      let count = 0;
      for (let taken = BATCH; taken === BATCH && count < MAX_REPLAYED; count += taken) {
        taken = await this.replays.requeue(tx, replayId, filter, Math.min(BATCH, MAX_REPLAYED - count));
      }
      await this.audit.append(tx, [
        {
          action: 'webhook_log.replayed',
          objectType: 'webhook_replay',
          objectId: replayId,
          accountId: accountIds?.length === 1 ? (accountIds[0] ?? null) : (filter.accountId ?? null),
          changes: { count, filter: asked },
        },
      ]);
      return { replayId, preview: { ...preview, count }, hasMore };
    });
    if (replayed.replayId !== null) {
      await this.hint();
    }
    return replayed;
  }

  /**
   * How far a replay is.
   * @throws `404 not_found` when it is missing or not the key's to see
   */
  async get(principal: Principal, id: number): Promise<WebhookReplay> {
    const replay = await this.replays.find(this.database, id, visibleTo(principal));
    if (!replay) {
      throw new AppError('not_found', 'There is no such replay.');
    }
    return replay;
  }

  private async hint(): Promise<void> {
    await this.enqueue.enqueue('webhook-drain', {}, { key: 'webhook-drain' });
  }
}
