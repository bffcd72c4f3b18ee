import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError, invalidField } from '../common/app-error.js';
import { sleep } from '../common/sleep.js';
import { Database, type Tx } from '../database/database.js';
import type { UploadedFile } from '../http/uploaded-file.js';
import { Enqueue } from '../queues/enqueue.js';
import { parseRange } from './byte-range.js';
import { EXPIRED, type FetchStep } from './fetch-decision.js';
import { cleanFilename } from './filename.js';
import { MediaFetcher } from './media-fetcher.js';
import { normalizeMimeType } from './media-kinds.js';
import type { MediaType } from './media-state.js';
import { MediaUploads, type UploadOptions } from './media-uploads.js';
import type { Media } from './media.entity.js';
import { MediaRepository } from './media.repository.js';
import type { OpenedMedia } from './opened-media.js';
import { SettledFiles, type SettledHandler } from './settled-files.js';
import { readSha256 } from './sha256-text.js';
import { storeProblem } from './store-problem.js';
import { MediaStorage } from './storage/media-storage.js';

/** A file that a customer sent, as the webhook tells of it. */
export interface InboundFile {
  mediaId: string;
  mediaType: MediaType;
  mimeType: string | null;
  /** As Meta wrote it: base64 or hex. */
  sha256: string | null;
  filename: string | null;
  receivedAt: Date;
}

/** What a send needs to name a file. */
export interface SendableMedia {
  /** Our row; null for an id that Meta gave to somebody else than us. */
  fileId: number | null;
  /** Meta's. */
  mediaId: string;
  mediaType: MediaType;
  /** Empty when it is not known. */
  mimeType: string;
  filename: string | null;
}

/** Meta keeps what customers send for 7 days. */
const INBOUND_LIFETIME_MS = 7 * 24 * 3_600_000;
const MAX_MIME_TYPE = 200;
/** Meta's ids are far longer. */
const OWN_ID = /^[1-9]\d{0,8}$/;
/** How long a person who opens a file waits while it is fetched, in ms. */
const OPEN_WAIT_MS = 20_000;

/** Files, for the modules that send and receive them. */
@Injectable()
export class MediaService {
  constructor(
    private readonly database: Database,
    private readonly repository: MediaRepository,
    private readonly storage: MediaStorage,
    private readonly uploads: MediaUploads,
    private readonly fetcher: MediaFetcher,
    private readonly settled: SettledFiles,
    private readonly queue: Enqueue,
  ) {}

  /**
   * Remembers files that are to be fetched, in the caller's transaction. A media id that is there already is that row.
   * @returns row ids, in the order given
   */
  async announce(tx: Tx, accountId: number, files: readonly InboundFile[]): Promise<number[]> {
    if (files.length === 0) {
      return [];
    }
    const byMediaId = new Map(files.map((file) => [file.mediaId, file]));
    const ids = await this.repository.announce(
      tx,
      accountId,
      [...byMediaId.values()].map((file) => ({
        mediaId: file.mediaId,
        mediaIdExpiresAt: new Date(file.receivedAt.getTime() + INBOUND_LIFETIME_MS),
        mediaType: file.mediaType,
        mimeType: normalizeMimeType(file.mimeType ?? '').slice(0, MAX_MIME_TYPE),
        filename: cleanFilename(file.filename),
        expectedSha256: readSha256(file.sha256),
      })),
    );
    return files.map((file) => ids.get(file.mediaId) as number);
  }

  /** Hints the worker that files wait; call it after the commit. */
  async wake(): Promise<void> {
    await this.queue.enqueue('media-fetch', {}, { key: 'media-fetch' });
  }

  /**
   * Keeps an uploaded file and gives it to Meta.
   * @throws 400, 413 or 415 that names what is wrong with the file; `graph_error` when Meta refuses it
   */
  async upload(account: Account, file: UploadedFile, options: UploadOptions): Promise<SendableMedia> {
    return toSendable((await this.uploads.take(account, file, options)).media);
  }

  /**
   * A media id of Meta's for a send. One of ours that has expired is renewed by uploading the kept file again; one that we
   * do not know passes through.
   * @param field where the request says as what it is sent
   */
  async forSend(account: Account, mediaId: string, mediaType: MediaType, field = 'type'): Promise<SendableMedia> {
    const media = await this.findKept(account, mediaId);
    return media
      ? this.ready(account, media, mediaType, field)
      : { fileId: null, mediaId, mediaType, mimeType: '', filename: null };
  }

  /**
   * The same for a file that may also be named by our own id of it in the library.
   * @param field where the request names the file
   * @throws 400 for an id that can be none of Meta's, when the library has no such file (any more)
   */
  async namedForSend(account: Account, name: string, mediaType: MediaType, field: string): Promise<SendableMedia> {
    if (!OWN_ID.test(name)) {
      return this.forSend(account, name, mediaType, field);
    }
    return this.ready(account, await this.requireInLibrary(account, name, field), mediaType, field);
  }

  /** Throws what {@link namedForSend} would, as far as it can be known without asking Meta. */
  async requireNamed(account: Account, name: string, mediaType: MediaType, field: string): Promise<void> {
    const media = OWN_ID.test(name)
      ? await this.requireInLibrary(account, name, field)
      : await this.findKept(account, name);
    if (media) {
      requireType(media, mediaType, field);
    }
  }

  /**
   * For an id that Meta says it does not know: uploads the kept file again, however new the id.
   * @returns null when the file is not ours, or its bytes are not kept
   */
  async renew(account: Account, mediaId: string): Promise<SendableMedia | null> {
    const media = await this.findKept(account, mediaId);
    if (media?.state !== 'stored') {
      return null;
    }
    // Somebody renewed it since: the id that was asked about is an old one.
    return toSendable(media.mediaId === mediaId ? await this.uploads.renew(account, media) : media);
  }

  /**
   * The kept bytes; they are fetched now if they are not there yet.
   * @param range the request's `Range` header
   * @throws `409 media_not_ready` while it is being fetched; `410 media_gone` when it will never be had; `502
   *   media_fetch_failed` when Meta did not give it now
   */
  async open(account: Account, fileId: number, range?: string): Promise<OpenedMedia> {
    let media = await this.repository.find(this.database, account.id, fileId);
    if (media?.state === 'pending' || media?.state === 'failed') {
      await this.fetch(account, media);
      media = await this.repository.find(this.database, account.id, fileId);
    }
    if (!media) {
      throw new AppError('not_found', 'There is no such file.');
    }
    return this.opened(media, range);
  }

  /** In the caller's transaction: these files are to vanish; the worker deletes their bytes. */
  async remove(tx: Tx, fileIds: readonly number[]): Promise<void> {
    if (fileIds.length > 0) {
      await this.repository.remove(tx, fileIds);
    }
  }

  /** The handler is called in the transaction that stored or gave up files. Register when the module starts. */
  onSettled(handler: SettledHandler): void {
    this.settled.register(handler);
  }

  private async requireInLibrary(account: Account, name: string, field: string): Promise<Media> {
    const media = await this.repository.findInLibrary(this.database, account.id, Number(name));
    if (!media) {
      throw invalidField(field, 'not_found', `The media library has no file ${name}.`);
    }
    return media;
  }

  /** By the id Meta has given it, also by one that has been renewed since. */
  private async findKept(account: Account, mediaId: string): Promise<Media | null> {
    const media = await this.repository.findByMediaId(this.database, account.id, mediaId);
    if (media?.state !== 'deleted') {
      return media;
    }
    return media.sha256 === null
      ? null
      : this.repository.findSame(this.database, account.id, media.sha256, media.mediaType);
  }

  private async ready(account: Account, media: Media, mediaType: MediaType, field: string): Promise<SendableMedia> {
    requireType(media, mediaType, field);
    return toSendable(media.state === 'stored' ? await this.uploads.ensureName(account, media) : media);
  }

  private opened(media: Media, range: string | undefined): OpenedMedia {
    const { storageKey, fileSize: size, sha256 } = media;
    if (media.state === 'pending') {
      throw notReady();
    }
    if (media.state === 'failed') {
      throw new AppError('media_fetch_failed', media.error ?? undefined);
    }
    if (media.state !== 'stored' || storageKey === null || size === null || sha256 === null) {
      throw new AppError('media_gone', 'The file was deleted.');
    }
    return {
      mediaType: media.mediaType,
      mimeType: media.mimeType,
      filename: media.originalFilename,
      size,
      sha256,
      range: parseRange(range, size),
      read: async (part) => {
        try {
          return await this.storage.read(storageKey, part);
        } catch (error) {
          throw storeProblem(error);
        }
      },
    };
  }

  /** Tries once, now. Returns when the bytes may be there, throws when they will not be soon. */
  private async fetch(account: Account, media: Media): Promise<void> {
    if (media.state === 'failed' && (media.mediaIdExpiresAt?.getTime() ?? 0) < Date.now()) {
      throw new AppError('media_gone', media.error ?? EXPIRED);
    }
    const fetching = this.fetcher.fetchNow(account.id, media.id);
    // Who waits longer asks again, and finds it fetched meanwhile.
    fetching.catch(() => undefined);
    const step = await Promise.race([fetching, sleep(OPEN_WAIT_MS).then((): 'busy' => 'busy')]);
    if (step === 'busy') {
      throw notReady();
    }
    if (step === null) {
      // Somebody else is at it, or has just ended: the row tells.
      if (media.state === 'failed') {
        throw new AppError('media_fetch_failed', media.error ?? undefined);
      }
      return;
    }
    assertFetched(step);
  }
}

function requireType(media: Media, mediaType: MediaType, field: string): void {
  if (media.mediaType !== mediaType) {
    throw invalidField(field, 'media_type_mismatch', `This file is sent as ${media.mediaType}, not as ${mediaType}.`);
  }
}

function assertFetched(step: FetchStep): void {
  switch (step.kind) {
    case 'store':
      return;
    case 'postpone':
      throw new AppError('media_fetch_failed', step.reason, { retryAfterS: Math.ceil(step.afterMs / 1_000) });
    case 'fail':
      throw new AppError(step.isFinal ? 'media_gone' : 'media_fetch_failed', step.reason);
  }
}

function notReady(): AppError {
  return new AppError('media_not_ready', 'The file is being fetched from Meta. Ask again.', { retryAfterS: 2 });
}

function toSendable(media: Media): SendableMedia {
  return {
    fileId: media.id,
    mediaId: media.mediaId as string,
    mediaType: media.mediaType,
    mimeType: media.mimeType,
    filename: media.originalFilename,
  };
}
