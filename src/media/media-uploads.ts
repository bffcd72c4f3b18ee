import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Account } from '../accounts/account.js';
import { AppError, invalidField } from '../common/app-error.js';
import { counter } from '../common/metrics.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from '../database/database.js';
import type { UploadedFile } from '../http/uploaded-file.js';
import { MediaApi } from '../meta/api/media.js';
import { readingProblem } from '../meta/graph-problem.js';
import { peek } from './byte-source.js';
import { cleanFilename } from './filename.js';
import { HEAD_BYTES, readMimeType, UPLOAD_TYPES, uploadRuleOf, type UploadRule } from './media-kinds.js';
import type { MediaType } from './media-state.js';
import type { Media } from './media.entity.js';
import { MediaRepository, type KeptBytes, type MetaName } from './media.repository.js';
import { fromSender } from '../http/sender-problem.js';
import { storeProblem } from './store-problem.js';
import { FileTooLarge, MediaStorage, newStorageKey, StorageError } from './storage/media-storage.js';

export interface UploadOptions {
  origin: 'library' | 'outbound';
  /** As what it is to be sent; a file of another kind is refused. */
  mediaType?: MediaType | undefined;
}

/** Longer than a request may take, and Meta after it. */
const RESERVED_S = 900;
/** Meta keeps what was uploaded for 30 days; the last one is left alone, so that no id expires on its way. */
const META_LIFETIME_MS = 29 * 24 * 3_600_000;

const uploads = counter('parley_media_uploads_total', 'Files given to Meta', ['origin', 'outcome']);

/** Takes files in: checks them, keeps them, gives them to Meta, and gives them again when Meta has forgotten them. */
@Injectable()
export class MediaUploads {
  /** Renewals under way in this process: a campaign asks for one expired id a hundred times at once. */
  private readonly renewals = new Map<number, Promise<Media>>();

  constructor(
    private readonly database: Database,
    private readonly repository: MediaRepository,
    private readonly storage: MediaStorage,
    private readonly api: MediaApi,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Keeps a file and gives it to Meta. The library keeps the same bytes once per account.
   * @throws 400, 413, 415 for what is wrong with the file; `graph_error`; `503 media_storage_failed`
   */
  async take(account: Account, file: UploadedFile, options: UploadOptions): Promise<{ media: Media; isNew: boolean }> {
    try {
      return await this.receive(account, file, options);
    } catch (error) {
      // The rest is read and dropped: who still sends may not hear an answer that comes before the end.
      await drained(file);
      throw error;
    }
  }

  /** The same file under a name that Meta knows: uploads the kept bytes again when the present one has expired. */
  async ensureName(account: Account, media: Media): Promise<Media> {
    const isAlive = media.mediaId !== null && (media.mediaIdExpiresAt?.getTime() ?? 0) > Date.now();
    return isAlive ? media : this.renew(account, media);
  }

  /** Gives the kept bytes to Meta again. Several at once are one. */
  async renew(account: Account, media: Media): Promise<Media> {
    const running = this.renewals.get(media.id);
    if (running) {
      return running;
    }
    const renewal = this.giveAgain(account, media).finally(() => this.renewals.delete(media.id));
    this.renewals.set(media.id, renewal);
    return renewal;
  }

  private async receive(
    account: Account,
    file: UploadedFile,
    { origin, mediaType }: UploadOptions,
  ): Promise<{ media: Media; isNew: boolean }> {
    const { head, isWhole, all } = await fromSender(peek(bytesOf(file), HEAD_BYTES));
    const filename = cleanFilename(file.filename);
    const mimeType = await typeToSend(head, isWhole, { mimeType: file.mimeType, filename });
    const rule = checkedRule(mimeType, head, mediaType);
    const storageKey = newStorageKey(account.id);
    const reserved = { accountId: account.id, origin, mediaType: rule.mediaType, mimeType, filename, storageKey };
    const id = await this.repository.reserve(this.database, reserved, RESERVED_S);
    try {
      const bytes = { ...(await this.write(storageKey, all, rule)), mimeType };
      const same = origin === 'library' ? await this.findSame(account, bytes, rule) : null;
      if (same) {
        return { media: await this.ensureName(account, same), isNew: false };
      }
      const name = await this.give(account, { storageKey, filename, id, ...bytes }, origin);
      return await this.settle(account, id, storageKey, bytes, name, { origin, mediaType: rule.mediaType });
    } finally {
      // Confirmed by now, or to be cleared away.
      await this.repository.abandon(this.database, id);
    }
  }

  private async write(
    storageKey: string,
    all: AsyncIterable<Uint8Array>,
    rule: UploadRule,
  ): Promise<Omit<KeptBytes, 'mimeType'>> {
    try {
      return await this.storage.write(storageKey, all, rule.maxBytes);
    } catch (error) {
      if (error instanceof FileTooLarge) {
        throw new AppError('payload_too_large', rule.limit);
      }
      if (error instanceof StorageError) {
        throw storeProblem(error);
      }
      return await fromSender(Promise.reject(error as Error));
    }
  }

  private findSame(account: Account, bytes: KeptBytes, rule: UploadRule): Promise<Media | null> {
    return this.repository.findSame(this.database, account.id, bytes.sha256, rule.mediaType);
  }

  /** Of two who upload the same bytes at once, the second gets what the first made. */
  private async settle(
    account: Account,
    id: number,
    storageKey: string,
    bytes: KeptBytes,
    name: MetaName,
    { origin, mediaType }: { origin: string; mediaType: MediaType },
  ): Promise<{ media: Media; isNew: boolean }> {
    const settled = await this.database.transaction(async (tx) => {
      if (origin === 'library') {
        await this.repository.lockContent(tx, account.id, bytes.sha256);
        const same = await this.repository.findSame(tx, account.id, bytes.sha256, mediaType);
        if (same) {
          return { media: same, isNew: false };
        }
      }
      const media = await this.repository.confirm(tx, id, storageKey, bytes, name);
      return media && { media, isNew: true };
    });
    if (!settled?.isNew) {
      await this.forgetAtMeta(account, name.mediaId);
    }
    if (!settled) {
      throw new AppError('unavailable', 'The upload took too long. Send the file again.', { retryAfterS: 1 });
    }
    return settled;
  }

  /** @throws `graph_error` */
  private async give(
    account: Account,
    file: { id: number; storageKey: string; size: number; mimeType: string; filename: string | null },
    origin: string,
  ): Promise<MetaName> {
    const stream = await this.storage.read(file.storageKey, null).catch(rethrowStoreProblem);
    const startedAt = Date.now();
    const answer = await this.api
      .upload(account, {
        stream,
        size: file.size,
        mimeType: file.mimeType,
        filename: file.filename ?? `file-${file.id}`,
      })
      .catch(rethrowStoreProblem);
    uploads.inc({ origin, outcome: answer.ok ? 'ok' : answer.failure.kind });
    if (!answer.ok) {
      const { failure } = answer;
      // Nothing was sent to anyone, so an answer that got lost is no reason to be careful.
      throw readingProblem(failure);
    }
    return { mediaId: answer.body.id, expiresAt: new Date(startedAt + META_LIFETIME_MS) };
  }

  private async giveAgain(account: Account, media: Media): Promise<Media> {
    const { id, storageKey, fileSize, mimeType, originalFilename: filename } = media;
    if (storageKey === null || fileSize === null) {
      throw new AppError('media_gone', 'Meta has forgotten this file, and its bytes are not kept here.');
    }
    const name = await this.give(account, { id, storageKey, size: fileSize, mimeType, filename }, media.origin);
    const isOurs = await this.database.transaction((tx) => this.repository.rename(tx, media, name));
    if (!isOurs) {
      await this.forgetAtMeta(account, name.mediaId);
    }
    this.logger.info(
      { context: 'MediaUploads', media_file_id: id, account_id: account.id },
      'a file was given to Meta again',
    );
    const renewed = await this.repository.find(this.database, account.id, id);
    if (renewed?.state !== 'stored') {
      throw new AppError('media_gone', 'The file was deleted.');
    }
    return renewed;
  }

  /** A copy at Meta that nobody knows of costs nothing but is better gone; Meta forgets it in 30 days by itself. */
  private async forgetAtMeta(account: Account, mediaId: string): Promise<void> {
    await this.api.delete(account, mediaId);
  }
}

async function typeToSend(
  head: Buffer,
  isWhole: boolean,
  declared: { mimeType: string; filename: string | null },
): Promise<string> {
  const mimeType = await readMimeType(head, isWhole, declared);
  // To Meta every text is plain text; the file's name says the rest.
  return mimeType.startsWith('text/') ? 'text/plain' : mimeType;
}

function checkedRule(mimeType: string, head: Buffer, wanted: MediaType | undefined): UploadRule {
  if (head.length === 0) {
    throw invalidField('file', 'empty', 'The file is empty.');
  }
  const rule = uploadRuleOf(mimeType, head);
  if (!rule) {
    throw new AppError(
      'unsupported_media_type',
      `By its content the file is ${mimeType}, which Meta does not take. It takes ${UPLOAD_TYPES}.`,
    );
  }
  if (wanted !== undefined && wanted !== rule.mediaType) {
    throw new AppError(
      'unsupported_media_type',
      `By its content the file is ${mimeType}, which is sent as ${rule.mediaType}, not as ${wanted}.`,
    );
  }
  return rule;
}

function rethrowStoreProblem(error: unknown): never {
  throw storeProblem(error);
}

/** Not destroyed by whoever stops reading: what is left of a refused file has to be read too. */
function bytesOf({ stream }: UploadedFile): AsyncIterable<Uint8Array> {
  return stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
}

async function drained({ stream }: UploadedFile): Promise<void> {
  if (stream.destroyed || stream.readableEnded) {
    return;
  }
  await new Promise<void>((resolve) => {
    stream
      .once('close', resolve)
      .once('end', resolve)
      .once('error', () => resolve());
    stream.resume();
  });
}
