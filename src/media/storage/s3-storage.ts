import { Readable } from 'node:stream';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import type { Config } from '../../config/config.js';
import { Measured } from './measured.js';
import {
  checkStorageKey,
  FileMissing,
  MediaStorage,
  StorageError,
  type ByteRange,
  type StoredBytes,
} from './media-storage.js';

export type S3Settings = NonNullable<Config['media']['s3']>;

/** Smallest part S3 takes; this much of a file is in memory at a time. */
const PART_BYTES = 5 * 1024 * 1024;
const CONNECT_MS = 3_000;
const SILENCE_MS = 15_000;

/** Files in a bucket of S3 or of a server that speaks as it does. */
export class S3Storage extends MediaStorage {
  private client: Promise<S3Client> | null = null;

  constructor(private readonly settings: S3Settings) {
    super();
  }

  /** A large file goes in parts, and none is there before all are. */
  async write(key: string, source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<StoredBytes> {
    const measured = new Measured(source, maxBytes);
    try {
      const [{ Upload }, client] = await Promise.all([import('@aws-sdk/lib-storage'), this.connected()]);
      await new Upload({
        client,
        partSize: PART_BYTES,
        queueSize: 1,
        params: {
          Bucket: this.settings.bucket,
          Key: checkStorageKey(key),
          // Never shown from the bucket: the type that is served is decided by Parley.
          ContentType: 'application/octet-stream',
          Body: Readable.from(measured, { objectMode: false }),
        },
      }).done();
      return measured.result();
    } catch (error) {
      throw measured.sourceError ?? asStorageError(error);
    }
  }

  async read(key: string, range: ByteRange | null): Promise<Readable> {
    try {
      const [{ GetObjectCommand }, client] = await this.library();
      const { Body } = await client.send(
        new GetObjectCommand({
          Bucket: this.settings.bucket,
          Key: checkStorageKey(key),
          ...(range ? { Range: `bytes=${range.start}-${range.end}` } : {}),
        }),
      );
      return Body as Readable;
    } catch (error) {
      throw isMissing(error) ? new FileMissing() : asStorageError(error);
    }
  }

  async delete(key: string): Promise<void> {
    try {
      const [{ DeleteObjectCommand }, client] = await this.library();
      await client.send(new DeleteObjectCommand({ Bucket: this.settings.bucket, Key: checkStorageKey(key) }));
    } catch (error) {
      if (!isMissing(error)) {
        throw asStorageError(error);
      }
    }
  }

  private library(): Promise<[typeof import('@aws-sdk/client-s3'), S3Client]> {
    return Promise.all([import('@aws-sdk/client-s3'), this.connected()]);
  }

  /** Loaded when it is needed: it is large, and most installations keep files in a folder. */
  private connected(): Promise<S3Client> {
    this.client ??= import('@aws-sdk/client-s3').then(({ S3Client }) => new S3Client(clientConfig(this.settings)));
    return this.client;
  }
}

function clientConfig({ endpoint, region, credentials }: S3Settings): S3ClientConfig {
  return {
    region,
    // Servers other than Amazon's rarely have a name per bucket, and not all know the newer checksums.
    ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 2,
    // Without keys the SDK looks where Amazon's machines keep them.
    ...(credentials === null
      ? {}
      : {
          credentials: {
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: credentials.secretAccessKey.reveal(),
          },
        }),
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
  };
}

function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  return name === 'NoSuchKey' || $metadata?.httpStatusCode === 404;
}

function asStorageError(error: unknown): StorageError {
  const { name } = error as { name?: string };
  return new StorageError(`The media bucket does not work (${name ?? 'unknown'}).`, error);
}
