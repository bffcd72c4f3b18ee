import { createHash, randomBytes } from 'node:crypto';
import { now } from './clock.js';

/** A file, uploaded by the business or sent by a customer. */
export interface StoredMedia {
  readonly id: string;
  readonly numberId: string;
  readonly mime: string;
  readonly bytes: Buffer;
  readonly sha256: Buffer;
}

/** A resumable upload under way. */
export interface UploadSession {
  readonly id: string;
  readonly mime: string;
  readonly length: number;
  bytes: Buffer;
}

const MAX_BYTES = 200 * 1024 * 1024;
const MAX_FILES = 50_000;
const MAX_SESSIONS = 100;
/** Meta: a media URL lives five minutes. */
const URL_LIFETIME_MS = 5 * 60 * 1000;

/** Files in memory, the oldest dropped above 200 MB. */
export class MediaStore {
  private readonly files = new Map<string, StoredMedia>();
  private readonly sessions = new Map<string, UploadSession>();
  private bytes = 0;
  private lastId = 600_000_000_000_000 + Math.floor(Math.random() * 99_000_000_000_000);

  add(numberId: string, mime: string, bytes: Buffer): StoredMedia {
    const id = String(++this.lastId);
    const file = { id, numberId, mime, bytes, sha256: createHash('sha256').update(bytes).digest() };
    this.files.set(id, file);
    this.bytes += bytes.length;
    while (this.bytes > MAX_BYTES || this.files.size > MAX_FILES) {
      this.remove(this.files.keys().next().value as string);
    }
    return file;
  }

  find(id: string): StoredMedia | undefined {
    return this.files.get(id);
  }

  remove(id: string): boolean {
    this.bytes -= this.files.get(id)?.bytes.length ?? 0;
    return this.files.delete(id);
  }

  /** Path and query under which a file can be fetched for five minutes. */
  path(file: StoredMedia): string {
    const expires = Math.floor((now() + URL_LIFETIME_MS) / 1000);
    return `/whatsapp_business/attachments/?mid=${file.id}&ext=${expires}&hash=${tokenFor(file, expires)}`;
  }

  /** The file a URL made by `path` points to, while it lives. */
  atUrl(query: URLSearchParams): StoredMedia | undefined {
    const file = this.files.get(query.get('mid') ?? '');
    const expires = Number(query.get('ext'));
    const isValid = file !== undefined && expires * 1000 > now() && query.get('hash') === tokenFor(file, expires);
    return isValid ? file : undefined;
  }

  startUpload(mime: string, length: number): UploadSession {
    const session = {
      id: `upload:${randomBytes(24).toString('base64url')}`,
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
    const file = this.add('', session.mime, session.bytes);
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
