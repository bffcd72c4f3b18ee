import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { MediaApi, type MetaMedia } from '../meta/api/media.js';
import { nameOf } from '../meta/graph-downloads.js';
import { hurried, peek, TooSlow, type Patience } from './byte-source.js';
import { outcomeOfFailure, storeDown, type FetchOutcome } from './fetch-decision.js';
import type { FetchClaim } from './media-fetches.repository.js';
import { HEAD_BYTES, MAX_INBOUND_BYTES, readMimeType } from './media-kinds.js';
import { readSha256 } from './sha256-text.js';
import { FileTooLarge, MediaStorage, StorageError } from './storage/media-storage.js';

const TOO_LARGE = 'The file has more than 100 MB.';
const DIFFERS = 'sha256 differs: the bytes are not those that Meta announced.';
/** Longest a file may take, in ms. */
const DEADLINE_MS = 600_000;
const PATIENCE: Patience = { graceMs: 20_000, minBytesPerS: 16 * 1024 };

/** Brings the bytes of one file from Meta into the store. */
@Injectable()
export class MediaDownloader {
  /** Of slow downloads; a test has less. */
  patience = PATIENCE;

  constructor(
    private readonly api: MediaApi,
    private readonly storage: MediaStorage,
  ) {}

  /** One attempt. What it did not finish leaves nothing in the store. */
  async attempt(account: Account, claim: FetchClaim, signal: AbortSignal): Promise<FetchOutcome> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
    const first = await this.ask(account, claim, deadline);
    // The address lives five minutes, and Meta answers 404 for whatever is wrong with it: a new one may do.
    return first === 'address_expired' ? this.again(await this.ask(account, claim, deadline)) : first;
  }

  private again(outcome: FetchOutcome | 'address_expired'): FetchOutcome {
    return outcome === 'address_expired'
      ? { kind: 'again', reason: 'Meta has no file at the address it gave (404), twice.' }
      : outcome;
  }

  private async ask(
    account: Account,
    claim: FetchClaim,
    signal: AbortSignal,
  ): Promise<FetchOutcome | 'address_expired'> {
    const answer = await this.api.get(account, claim.mediaId);
    if (!answer.ok) {
      return outcomeOfFailure(answer.failure);
    }
    if (Number(answer.body.file_size ?? 0) > MAX_INBOUND_BYTES) {
      return { kind: 'gone', reason: TOO_LARGE };
    }
    if (typeof answer.body.url !== 'string') {
      return { kind: 'again', reason: 'Meta did not say where the file is.' };
    }
    const download = await this.api.download(account, answer.body.url, signal);
    switch (download.outcome) {
      case 'foreign':
        return { kind: 'gone', reason: `Meta's address is not on a host of Meta's that is known: ${download.host}.` };
      case 'unreachable':
        return { kind: 'again', reason: `Meta's media host could not be reached (${download.reason}).` };
      case 'refused':
        return download.httpStatus === 404
          ? 'address_expired'
          : { kind: 'again', reason: `Meta's media host answered HTTP ${download.httpStatus}.` };
      case 'opened':
        if ((download.size ?? 0) > MAX_INBOUND_BYTES) {
          download.stream.destroy();
          return { kind: 'gone', reason: TOO_LARGE };
        }
        try {
          return await this.keep(claim, answer.body, download.stream);
        } catch (error) {
          return outcomeOfError(error);
        } finally {
          download.stream.destroy();
        }
    }
  }

  private async keep(claim: FetchClaim, announced: MetaMedia, stream: Readable): Promise<FetchOutcome> {
    const { head, isWhole, all } = await peek(hurried(stream, this.patience), HEAD_BYTES);
    if (head.length === 0) {
      return { kind: 'again', reason: 'The file has no bytes.', maxAttempts: 3 };
    }
    const mimeType = await readMimeType(head, isWhole, { mimeType: claim.mimeType, filename: claim.filename });
    const { size, sha256 } = await this.storage.write(claim.storageKey, all, MAX_INBOUND_BYTES);
    const expected = [claim.expectedSha256, readSha256(announced.sha256)].filter((text) => text !== null);
    if (expected.some((text) => text !== sha256)) {
      await this.storage.delete(claim.storageKey);
      // Once may be a fault on the way; twice in a row is another file.
      return claim.error === DIFFERS ? { kind: 'gone', reason: DIFFERS } : { kind: 'again', reason: DIFFERS };
    }
    return { kind: 'stored', bytes: { size, sha256, mimeType } };
  }
}

function outcomeOfError(error: unknown): FetchOutcome {
  if (error instanceof FileTooLarge) {
    return { kind: 'gone', reason: TOO_LARGE };
  }
  if (error instanceof StorageError) {
    return storeDown(error.message);
  }
  if (error instanceof TooSlow) {
    return { kind: 'again', reason: 'The download was too slow.' };
  }
  return { kind: 'again', reason: `The download was cut off (${nameOf(error)}).` };
}
