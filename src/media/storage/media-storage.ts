import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';

/** First and last byte of a part of a file. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface StoredBytes {
  size: number;
  /** In hex. */
  sha256: string;
}

/** Where the bytes of files are kept, by a key that says nothing of the file. */
export abstract class MediaStorage {
  /**
   * Keeps what the source gives, all of it or nothing: a source that fails, a limit that is passed and a process that dies
   * leave no file under the key.
   * @throws what the source throws; {@link FileTooLarge}; {@link StorageError}
   */
  abstract write(key: string, source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<StoredBytes>;

  /**
   * Opens a kept file, or a part of it.
   * @throws {@link FileMissing} when there is none; {@link StorageError}
   */
  abstract read(key: string, range: ByteRange | null): Promise<Readable>;

  /** Removes a file and what an interrupted write left of it. One that is not there is no error. */
  abstract delete(key: string): Promise<void>;
}

/** The source has more bytes than it may. */
export class FileTooLarge extends Error {
  constructor(readonly maxBytes: number) {
    super(`The file has more than ${maxBytes} bytes`);
    this.name = 'FileTooLarge';
  }
}

export class FileMissing extends Error {
  constructor() {
    super('The kept file is not there');
    this.name = 'FileMissing';
  }
}

/** The store itself fails: full, read-only, not reachable. The file is not to blame, and later it may work. */
export class StorageError extends Error {
  constructor(
    /** For people, without a path or an address. */
    message: string,
    cause: unknown,
  ) {
    super(message, { cause });
    this.name = 'StorageError';
  }
}

const KEY = /^[1-9]\d{0,15}\/[0-9a-f]{2}\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A key that nobody can guess, below a folder of its account. */
export function newStorageKey(accountId: number): string {
  const uuid = randomUUID();
  return `${accountId}/${uuid.slice(0, 2)}/${uuid}`;
}

/** No text from outside is ever a key; this holds even if some day one gets here. */
export function checkStorageKey(key: string): string {
  if (!KEY.test(key)) {
    throw new Error('Not a key of the media store');
  }
  return key;
}
