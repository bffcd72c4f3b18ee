import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Measured } from './measured.js';
import {
  checkStorageKey,
  FileMissing,
  MediaStorage,
  StorageError,
  type ByteRange,
  type StoredBytes,
} from './media-storage.js';

const REASONS: Record<string, string> = {
  ENOSPC: 'The media folder is full.',
  EDQUOT: 'The quota of the media folder is used up.',
  EROFS: 'The media folder is read-only.',
  EACCES: 'The media folder cannot be written or read by this process.',
  EPERM: 'The media folder cannot be written or read by this process.',
};

/** Files in a folder, which all processes must share. Nobody but their owner can read them. */
export class DirectoryStorage extends MediaStorage {
  private readonly root: string;

  constructor(directory: string) {
    super();
    this.root = resolve(directory);
  }

  /** Written beside its place, forced to the disk, then renamed: who finds a file finds all of it, power cut or not. */
  async write(key: string, source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<StoredBytes> {
    const measured = new Measured(source, maxBytes);
    const path = join(this.root, checkStorageKey(key));
    const unfinished = unfinishedOf(path);
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await this.assertInside(dirname(path));
      await pipeline(measured, createWriteStream(unfinished, { flags: 'w', mode: 0o600, flush: true }));
      await rename(unfinished, path);
      await syncFolder(dirname(path));
      return measured.result();
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined);
      throw measured.sourceError ?? asStorageError(error);
    }
  }

  async read(key: string, range: ByteRange | null): Promise<Readable> {
    const path = join(this.root, checkStorageKey(key));
    try {
      await this.assertInside(path);
      const stream = createReadStream(path, range ? { start: range.start, end: range.end } : {});
      await once(stream, 'open');
      return stream;
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? new FileMissing() : asStorageError(error);
    }
  }

  async delete(key: string): Promise<void> {
    const path = join(this.root, checkStorageKey(key));
    try {
      await rm(unfinishedOf(path), { force: true });
      await rm(path, { force: true });
    } catch (error) {
      throw asStorageError(error);
    }
  }

  /** A link that someone put into the folder must not lead out of it. */
  private async assertInside(path: string): Promise<void> {
    const [root, real] = await Promise.all([realpath(this.root), realpath(path)]);
    if (!real.startsWith(root + sep)) {
      throw new Error('A link leads out of the media folder');
    }
  }
}

function unfinishedOf(path: string): string {
  return `${path}.part`;
}

/** The new name is in the folder, so that is what must reach the disk too. Some systems cannot do it and need not. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    if (!['EINVAL', 'EISDIR', 'EPERM', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      throw error;
    }
  } finally {
    await folder.close();
  }
}

function asStorageError(error: unknown): StorageError {
  const { code } = error as NodeJS.ErrnoException;
  return new StorageError(REASONS[code ?? ''] ?? 'The media folder does not work.', error);
}
