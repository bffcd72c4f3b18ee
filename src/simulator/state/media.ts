import { createHash, randomBytes } from 'node:crypto';
import { now } from './clock.js';
import type { SimulatorConfig } from './config.js';

/** Where a file came from: that decides how long its id lives. */
export type MediaSource = 'upload' | 'webhook' | 'handle';

/** A file, uploaded by the business or sent by a customer. */
export interface StoredMedia {
  readonly id: string;
  readonly numberId: string;
  readonly mime: string;
  readonly bytes: Buffer;
  readonly sha256: Buffer;
  readonly source: MediaSource;
  readonly createdAt: number;
  expiresAt: number;
  downloads: number;
}

/** A resumable upload under way. */
export interface UploadSession {
  readonly id: string;
  /** Stands in the query of the session's address. */
  readonly signature: string;
  readonly mime: string;
  readonly length: number;
  bytes: Buffer;
}

const MAX_BYTES = 200 * 1024 * 1024;
const MAX_FILES = 50_000;
const MAX_SESSIONS = 100;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Meta: uploaded ids live 30 days, those of webhooks 7. */
const LIFETIMES: Record<MediaSource, number> = { upload: 30 * DAY_MS, webhook: 7 * DAY_MS, handle: 30 * DAY_MS };

/** Files in memory, the oldest dropped above 200 MB. */
export class MediaStore {
  private readonly files = new Map<string, StoredMedia>();
  private readonly sessions = new Map<string, UploadSession>();
  private bytes = 0;
  private lastId = 600_000_000_000_000 + Math.floor(Math.random() * 99_000_000_000_000);

  constructor(private readonly config: Pick<SimulatorConfig, 'media'>) {}

  add(numberId: string, mime: string, bytes: Buffer, source: MediaSource): StoredMedia {
    const id = String(++this.lastId);
    const sha256 = createHash('sha256').update(bytes).digest();
    const createdAt = now();
    const expiresAt = createdAt + LIFETIMES[source];
    const file: StoredMedia = { id, numberId, mime, bytes, sha256, source, createdAt, expiresAt, downloads: 0 };
    this.files.set(id, file);
    this.bytes += bytes.length;
    while (this.bytes > MAX_BYTES || this.files.size > MAX_FILES) {
      this.remove(this.files.keys().next().value as string);
    }
    return file;
  }

  /** A file whose id still lives. */
  find(id: string): StoredMedia | undefined {
    const file = this.files.get(id);
    return file === undefined || this.isExpired(file) ? undefined : file;
  }

  /** Every file there is, expired or not, the oldest first. */
  all(): StoredMedia[] {
    return [...this.files.values()];
  }

  isExpired(file: StoredMedia): boolean {
    return this.config.media.expire_ids || file.expiresAt <= now();
  }

  /** Lets an id expire; false when there is no such file. */
  expire(id: string): boolean {
    const file = this.files.get(id);
    if (file !== undefined) {
      file.expiresAt = now();
    }
    return file !== undefined;
  }

  remove(id: string): boolean {
    this.bytes -= this.files.get(id)?.bytes.length ?? 0;
    return this.files.delete(id);
  }

  /** What metadata and webhooks say the hash is. */
  announcedSha256(file: StoredMedia): Buffer {
    return this.config.media.wrong_sha256 ? createHash('sha256').update(file.sha256).digest() : file.sha256;
  }

  /** Where a file can be fetched while the URL lives. */
  url(file: StoredMedia, ownUrl: string): string {
    const { url_host, url_ttl_s } = this.config.media;
    const host = url_host === '' ? ownUrl : url_host.includes('://') ? url_host : `https://${url_host}`;
    const expires = Math.floor(now() + url_ttl_s * 1000);
    return (
      `${host}/whatsapp_business/attachments/?mid=${file.id}&ext=${Math.floor(expires / 1000)}` +
      `&oe=${expires.toString(16)}&hash=${tokenFor(file, expires)}`
    );
  }

  /** The file a URL made by `url` points to, while it and the id live. */
  atUrl(query: URLSearchParams): StoredMedia | undefined {
    const file = this.find(query.get('mid') ?? '');
    const expires = parseInt(query.get('oe') ?? '', 16);
    const isValid = file !== undefined && expires > now() && query.get('hash') === tokenFor(file, expires);
    return isValid ? file : undefined;
  }

  startUpload(mime: string, length: number): UploadSession {
    const session = {
      id: `upload:${randomBytes(24).toString('base64url')}`,
      signature: `AR${randomBytes(12).toString('base64url')}`,
      mime,
      length,
      bytes: Buffer.alloc(0),
    };
    this.sessions.set(session.id, session);
    if (this.sessions.size > MAX_SESSIONS) {
      this.sessions.delete(this.sessions.keys().next().value as string);
    }
    return session;
  }

  upload(id: string): UploadSession | undefined {
    return this.sessions.get(id);
  }

  /** Ends an upload and answers the handle that stands for its file. */
  finishUpload(session: UploadSession): string {
    this.sessions.delete(session.id);
    const file = this.add('', session.mime, session.bytes, 'handle');
    const part = (text: string): string => Buffer.from(text).toString('base64');
    return `4::${part(session.mime)}:${part(file.id)}:${file.sha256.toString('base64url')}`;
  }

  /** The file behind a handle; undefined for any other text. */
  byHandle(handle: string): StoredMedia | undefined {
    const id = /^4::[^:]+:([^:]+):/.exec(handle)?.[1];
    return id === undefined ? undefined : this.files.get(Buffer.from(id, 'base64').toString());
  }
}

function tokenFor(file: StoredMedia, expires: number): string {
  return createHash('sha256').update(`${file.id}.${expires}.`).update(file.sha256).digest('base64url');
}
