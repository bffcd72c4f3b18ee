import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AddressInfo } from 'node:net';
import S3rver from '@20minutes/s3rver';
import { Secret } from '../../src/common/secret.js';
import { DirectoryStorage } from '../../src/media/storage/directory-storage.js';
import {
  FileMissing,
  FileTooLarge,
  newStorageKey,
  StorageError,
  type MediaStorage,
} from '../../src/media/storage/media-storage.js';
import { S3Storage } from '../../src/media/storage/s3-storage.js';

const MB = 1024 * 1024;

/** `size` bytes that differ from place to place, in pieces. */
function* bytes(size: number): Generator<Buffer> {
  for (let at = 0; at < size; at += 65_536) {
    yield Buffer.alloc(Math.min(65_536, size - at), at / 65_536 + 1);
  }
}

async function* source(size: number): AsyncGenerator<Buffer> {
  yield* bytes(size);
}

async function* failing(size: number): AsyncGenerator<Buffer> {
  yield* bytes(size);
  throw new Error('the other side went away');
}

function sha256Of(size: number): string {
  const hash = createHash('sha256');
  for (const chunk of bytes(size)) {
    hash.update(chunk);
  }
  return hash.digest('hex');
}

async function contentOf(storage: MediaStorage, key: string, range?: { start: number; end: number }): Promise<Buffer> {
  return Buffer.concat(await (await storage.read(key, range ?? null)).toArray());
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

describe('the media store', () => {
  let folder: string;
  let s3: S3rver;
  let s3Settings: ConstructorParameters<typeof S3Storage>[0];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parley-media-'));
    await mkdir(join(folder, 's3'));
    s3 = new S3rver({
      port: 0,
      address: '127.0.0.1',
      silent: true,
      directory: join(folder, 's3'),
      configureBuckets: [{ name: 'media' }],
    });
    const { port } = await s3.run();
    s3Settings = {
      endpoint: `http://127.0.0.1:${port}`,
      bucket: 'media',
      region: 'us-east-1',
      credentials: { accessKeyId: 'S3RVER', secretAccessKey: new Secret('S3RVER') },
    };
  });
  afterAll(async () => {
    await s3.close();
    await rm(folder, { recursive: true });
  });

  describe.each([
    ['folder', (): MediaStorage => new DirectoryStorage(join(folder, 'deep', 'down')), 'deep'],
    ['bucket', (): MediaStorage => new S3Storage(s3Settings), 's3'],
  ])('in a %s', (_name, create, place) => {
    let storage: MediaStorage;
    beforeAll(() => {
      storage = create();
    });

    it.each([1, 1_000, 5 * MB, 17 * MB + 3])('keeps %i bytes and gives them back', async (size) => {
      const key = newStorageKey(1);
      expect(await storage.write(key, source(size), size)).toEqual({ size, sha256: sha256Of(size) });
      const content = await contentOf(storage, key);
      expect(content.length).toBe(size);
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256Of(size));
    });

    it('gives parts', async () => {
      const key = newStorageKey(1);
      await storage.write(key, source(200_000), MB);
      const whole = await contentOf(storage, key);
      for (const range of [
        // Not 0 to 0, of which the S3 double makes the whole file.
        { start: 0, end: 1 },
        { start: 65_530, end: 65_540 },
        { start: 199_999, end: 199_999 },
      ]) {
        const part = await contentOf(storage, key, range);
        expect([range, part.toString('hex')]).toEqual([range, whole.toString('hex', range.start, range.end + 1)]);
      }
    });

    it.each([100_000, 7 * MB])('keeps nothing of a file that has more than %i bytes', async (maxBytes) => {
      const key = newStorageKey(2);
      await expect(storage.write(key, source(maxBytes + 1), maxBytes)).rejects.toThrow(FileTooLarge);
      await expect(storage.read(key, null)).rejects.toThrow(FileMissing);
    });

    it.each([100_000, 7 * MB])('keeps nothing when the sender goes away after %i bytes', async (size) => {
      const key = newStorageKey(2);
      await expect(storage.write(key, failing(size), 50 * MB)).rejects.toThrow('the other side went away');
      await expect(storage.read(key, null)).rejects.toThrow(FileMissing);
    });

    it('deletes, also what is not there', async () => {
      const key = newStorageKey(3);
      await storage.write(key, source(10), 10);
      await storage.delete(key);
      await storage.delete(key);
      await expect(storage.read(key, null)).rejects.toThrow(FileMissing);
    });

    it('takes no key from outside', async () => {
      for (const key of ['../../etc/passwd', '1/aa/../../../x', '/etc/passwd']) {
        await expect(storage.read(key, null)).rejects.toThrow();
        await expect(storage.write(key, source(1), 1)).rejects.toThrow();
        await expect(storage.delete(key)).rejects.toThrow();
      }
    });

    it('left no half file anywhere', async () => {
      const names = await filesBelow(join(folder, place));
      expect(names.length).toBeGreaterThan(0);
      expect(names.filter((name) => name.endsWith('.part'))).toEqual([]);
      // Two tests wrote for account 2, and none of it was to stay.
      expect(
        existsSync(join(folder, 'deep', 'down', '2')) ? await filesBelow(join(folder, 'deep/down/2')) : [],
      ).toEqual([]);
    });
  });

  describe('in a folder that does not work', () => {
    const keyIn = async (root: string): Promise<{ key: string; path: string }> => {
      const key = newStorageKey(9);
      await mkdir(dirname(join(root, key)), { recursive: true });
      return { key, path: join(root, key) };
    };

    it('says that the disk is full, and leaves no half file', async () => {
      const root = join(folder, 'full');
      const { key, path } = await keyIn(root);
      // A device on which no byte fits.
      await symlink('/dev/full', `${path}.part`);
      const failure = await new DirectoryStorage(root).write(key, source(MB), MB).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StorageError);
      expect((failure as Error).message).toBe('The media folder is full.');
      expect(await readdir(dirname(path))).toEqual([]);
    });

    it('says so without a path when it cannot be a folder at all', async () => {
      const file = join(folder, 'a-file');
      await writeFile(file, 'x');
      const storage = new DirectoryStorage(join(file, 'media'));
      const failure = await storage.write(newStorageKey(9), source(1), 1).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StorageError);
      expect((failure as Error).message).not.toContain(folder);
    });

    it('does not follow a link out of it', async () => {
      const root = join(folder, 'links');
      const { key, path } = await keyIn(root);
      await writeFile(join(folder, 'secret'), 'secret');
      await symlink(join(folder, 'secret'), path);
      await expect(new DirectoryStorage(root).read(key, null)).rejects.toThrow(StorageError);
      const outside = newStorageKey(10);
      await mkdir(join(folder, 'elsewhere'));
      await symlink(join(folder, 'elsewhere'), join(root, '10'));
      await expect(new DirectoryStorage(root).write(outside, source(1), 1)).rejects.toThrow(StorageError);
      expect(await filesBelow(join(folder, 'elsewhere'))).toEqual([]);
    });

    it('clears away what a killed process left half done', async () => {
      const root = join(folder, 'killed');
      const { key, path } = await keyIn(root);
      await writeFile(`${path}.part`, 'half');
      await new DirectoryStorage(root).delete(key);
      expect(await readdir(dirname(path))).toEqual([]);
    });

    it('lets nobody else read', async () => {
      const root = join(folder, 'private');
      await mkdir(root);
      await chmod(root, 0o755);
      const key = newStorageKey(9);
      await new DirectoryStorage(root).write(key, source(1), 1);
      expect((await stat(join(root, key))).mode & 0o777).toBe(0o600);
      expect((await stat(dirname(join(root, key)))).mode & 0o777).toBe(0o700);
      expect(await readFile(join(root, key))).toEqual(Buffer.from([1]));
    });
  });

  describe('in a bucket that does not work', () => {
    let server: Server;
    afterEach(() => new Promise((resolve) => server.close(resolve)));

    it('says so without an address or a key', async () => {
      server = createServer((_request, response) => response.writeHead(403).end()).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as AddressInfo;
      const storage = new S3Storage({ ...s3Settings, endpoint: `http://127.0.0.1:${port}` });
      for (const work of [
        (): Promise<unknown> => storage.write(newStorageKey(1), source(10), 10),
        (): Promise<unknown> => storage.read(newStorageKey(1), null),
        (): Promise<unknown> => storage.delete(newStorageKey(1)),
      ]) {
        const failure = await work().catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(StorageError);
        expect((failure as Error).message).toMatch(/^The media bucket does not work \(\w+\)\.$/);
      }
    });
  });
});
