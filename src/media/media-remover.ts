import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { AccountsService } from '../accounts/accounts.service.js';
import { counter } from '../common/metrics.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import { MediaApi } from '../meta/api/media.js';
import type { Media } from './media.entity.js';
import { MediaRepository } from './media.repository.js';
import { MediaStorage } from './storage/media-storage.js';

const BATCH = 50;
/** Longer than the deletion of a batch takes. */
const LEASE_S = 300;
const MAX_PAUSE_S = 3_600;

const removed = counter('parley_media_removed_total', 'Files deleted', ['outcome']);

/** Deletes what is to vanish: the bytes, until they are gone, and Meta's copy, if Meta lets us. */
@Injectable()
export class MediaRemover {
  constructor(
    private readonly database: Database,
    private readonly repository: MediaRepository,
    private readonly storage: MediaStorage,
    private readonly api: MediaApi,
    private readonly accounts: AccountsService,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @returns how many were looked at */
  async run(signal: AbortSignal): Promise<number> {
    const doomed = await this.repository.claimDoomed(this.database, BATCH, LEASE_S);
    for (const media of doomed) {
      if (signal.aborted) {
        break;
      }
      await this.delete(media);
    }
    return doomed.length;
  }

  private async delete(media: Media): Promise<void> {
    try {
      if (media.storageKey !== null) {
        await this.storage.delete(media.storageKey);
      }
      await this.deleteAtMeta(media);
      await this.repository.forget(this.database, media.id);
      removed.inc({ outcome: 'removed' });
    } catch (error) {
      removed.inc({ outcome: 'failed' });
      this.logger.warn({ context: 'MediaRemover', err: error, media_file_id: media.id }, 'a file was not deleted yet');
      await this.repository.postponeRemoval(this.database, media.id, Math.min(10 * 2 ** media.attempts, MAX_PAUSE_S));
    }
  }

  /** Once: Meta forgets it by itself. */
  private async deleteAtMeta({ accountId, mediaId, mediaIdExpiresAt }: Media): Promise<void> {
    const account = await this.accounts.find(accountId);
    if (account?.isActive && mediaId !== null && (mediaIdExpiresAt?.getTime() ?? 0) > Date.now()) {
      await this.api.delete(account, mediaId);
    }
  }
}
