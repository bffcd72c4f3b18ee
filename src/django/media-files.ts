import { createReadStream } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { Injectable } from '@nestjs/common';
import { HEAD_BYTES, readMimeType } from '../media/media-kinds.js';
import { MediaStorage, newStorageKey } from '../media/storage/media-storage.js';

const MAX_BYTES = 100 * 1024 * 1024;

/** A file of Django's that is kept here now. */
export interface CopiedFile {
  /** Null in a dry run. */
  storageKey: string | null;
  size: number;
  sha256: string | null;
  mimeType: string;
  filename: string;
}

/** Django's MEDIA_ROOT, from which files are copied. */
@Injectable()
export class MediaFiles {
  constructor(private readonly storage: MediaStorage) {}

  /**
   * Copies a file into the store of this installation.
   * @param path below the root, as Django's columns have it
   * @returns null when there is no such file below the root, or it is larger than 100 MB
   */
  async copy(
    root: string,
    path: string,
    accountId: number,
    mimeType: string | null,
    isDry: boolean,
  ): Promise<CopiedFile | null> {
    const found = await locate(root, path);
    if (found === null || found.size > MAX_BYTES) {
      return null;
    }
    const filename = basename(path).slice(0, 255);
    const described = { filename, mimeType: await typeOf(found, { filename, mimeType }) };
    if (isDry) {
      return { ...described, storageKey: null, size: found.size, sha256: null };
    }
    const storageKey = newStorageKey(accountId);
    const { size, sha256 } = await this.storage.write(storageKey, createReadStream(found.path), MAX_BYTES);
    return { ...described, storageKey, size, sha256 };
  }
}

/** Neither `..` nor a link leads out of the root. */
async function locate(root: string, path: string): Promise<{ path: string; size: number } | null> {
  try {
    const real = await realpath(join(resolve(root), path));
    const inside = real.startsWith((await realpath(root)) + sep);
    const { size } = await stat(real);
    return inside && (await stat(real)).isFile() ? { path: real, size } : null;
  } catch {
    return null;
  }
}

async function typeOf(
  { path, size }: { path: string; size: number },
  declared: { filename: string; mimeType: string | null },
): Promise<string> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
    await file.read(head, 0, head.length, 0);
    return await readMimeType(head, size <= HEAD_BYTES, declared);
  } finally {
    await file.close();
  }
}
