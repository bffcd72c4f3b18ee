import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { Database } from '../database/database.js';
import type { UploadedFile } from '../http/uploaded-file.js';
import type { Media } from './media.entity.js';
import { MediaUploads } from './media-uploads.js';
import { MediaRepository } from './media.repository.js';
import { MediaService } from './media.service.js';
import type { OpenedMedia } from './opened-media.js';

const LIST = 'media';

export interface LibraryQuery {
  q?: string | undefined;
  mediaType?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** The files that an account has uploaded to send them often. */
@Injectable()
export class MediaLibrary {
  constructor(
    private readonly database: Database,
    private readonly repository: MediaRepository,
    private readonly uploads: MediaUploads,
    private readonly media: MediaService,
  ) {}

  async list(accountId: number, { limit, cursor, ...filter }: LibraryQuery): Promise<Page<Media>> {
    const beforeId = decodeIdCursor(LIST, cursor);
    const rows = await this.repository.listLibrary(this.database, { ...filter, accountId, beforeId }, limit + 1);
    return toPage(LIST, rows, limit, (row) => [row.id]);
  }

  /** @throws 404 */
  async get(accountId: number, id: number): Promise<Media> {
    const media = await this.repository.findInLibrary(this.database, accountId, id);
    if (!media) {
      throw new AppError('not_found', 'There is no such file in the media library.');
    }
    return media;
  }

  /** The same bytes again are the same file. */
  add(account: Account, file: UploadedFile): Promise<{ media: Media; isNew: boolean }> {
    return this.uploads.take(account, file, { origin: 'library' });
  }

  async open(account: Account, id: number, range: string | undefined): Promise<OpenedMedia> {
    await this.get(account.id, id);
    return this.media.open(account, id, range);
  }

  /** Gone at once from here; the worker deletes the bytes, and Meta's copy. */
  async remove(accountId: number, id: number): Promise<void> {
    await this.get(accountId, id);
    await this.database.transaction((tx) => this.media.remove(tx, [id]));
    await this.media.wake();
  }
}
