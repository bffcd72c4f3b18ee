import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Queryable, Tx } from '../database/database.js';
import { isForeignKeyViolation } from '../database/pg-error.js';
import { columnsOf } from '../database/unnest.js';
import type { MediaType } from './media-state.js';
import { Media } from './media.entity.js';

/** A file to remember, with what was said of it already read. */
export interface AnnouncedFile {
  mediaId: string;
  mediaIdExpiresAt: Date;
  mediaType: MediaType;
  mimeType: string;
  filename: string | null;
  expectedSha256: string | null;
}

/** A place for a file that is being received. */
export interface Reservation {
  accountId: number;
  origin: 'library' | 'outbound';
  mediaType: MediaType;
  mimeType: string;
  filename: string | null;
  storageKey: string;
}

/** What is known of bytes once they are kept. */
export interface KeptBytes {
  size: number;
  sha256: string;
  mimeType: string;
}

/** Meta's name for a file, while it lives. */
export interface MetaName {
  mediaId: string;
  expiresAt: Date;
}

export interface LibraryFilter {
  accountId: number;
  /** Part of the file name. */
  q?: string | undefined;
  mediaType?: string | undefined;
  beforeId: number | null;
}

const COLUMNS = `m.id, m.account_id as "accountId", m.origin, m.media_id as "mediaId",
  m.media_id_expires_at as "mediaIdExpiresAt", m.media_type as "mediaType", m.mime_type as "mimeType",
  m.original_filename as "originalFilename", m.file_size as "fileSize", m.sha256, m.expected_sha256 as "expectedSha256",
  m.storage_key as "storageKey", m.state, m.error, m.attempts, m.next_attempt_at as "nextAttemptAt",
  m.created_at as "createdAt", m.updated_at as "updatedAt"`;

/** The rows of files: their names at Meta, where their bytes are, and the library's lists. */
@Injectable()
export class MediaRepository {
  async find(q: Queryable, accountId: number, id: number): Promise<Media | null> {
    const [row] = await q.query<Media>(`select ${COLUMNS} from media m where m.account_id = $1 and m.id = $2`, [
      accountId,
      id,
    ]);
    return row ?? null;
  }

  async findInLibrary(q: Queryable, accountId: number, id: number): Promise<Media | null> {
    const [row] = await q.query<Media>(
      `select ${COLUMNS} from media m
       where m.account_id = $1 and m.id = $2 and m.origin = 'library' and m.state = 'stored'`,
      [accountId, id],
    );
    return row ?? null;
  }

  async findByMediaId(q: Queryable, accountId: number, mediaId: string): Promise<Media | null> {
    const [row] = await q.query<Media>(`select ${COLUMNS} from media m where m.account_id = $1 and m.media_id = $2`, [
      accountId,
      mediaId,
    ]);
    return row ?? null;
  }

  /** The file of the library with these bytes. */
  async findSame(q: Queryable, accountId: number, sha256: string, mediaType: MediaType): Promise<Media | null> {
    const [row] = await q.query<Media>(
      `select ${COLUMNS} from media m
       where m.account_id = $1 and m.origin = 'library' and m.state = 'stored' and m.sha256 = $2 and m.media_type = $3
       order by m.id limit 1`,
      [accountId, sha256, mediaType],
    );
    return row ?? null;
  }

  async listLibrary(q: Queryable, filter: LibraryFilter, limit: number): Promise<Media[]> {
    const values: unknown[] = [filter.accountId, limit];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const where = [`m.account_id = $1 and m.origin = 'library' and m.state = 'stored'`];
    if (filter.q) {
      where.push(`m.original_filename ilike ${bind(containing(filter.q))}`);
    }
    if (filter.mediaType) {
      where.push(`m.media_type = ${bind(filter.mediaType)}`);
    }
    if (filter.beforeId !== null) {
      where.push(`m.id < ${bind(filter.beforeId)}`);
    }
    return q.queryDynamic<Media>(
      `select ${COLUMNS} from media m where ${where.join(' and ')} order by m.id desc limit $2`,
      values,
    );
  }

  /**
   * Remembers files; those whose media id is there already stay as they are, and are not locked, since whoever announces
   * may hold messages that the file's fetcher wants.
   * @param files each media id once
   * @returns row ids by media id
   */
  async announce(tx: Tx, accountId: number, files: readonly AnnouncedFile[]): Promise<Map<string, number>> {
    await tx.query(
      `insert into media (account_id, origin, state, next_attempt_at, media_id, media_id_expires_at, media_type, mime_type,
         original_filename, expected_sha256)
       select $1, 'inbound', 'pending', now(), u.*
       from unnest($2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])
         as u (media_id, media_id_expires_at, media_type, mime_type, original_filename, expected_sha256)
       order by u.media_id
       on conflict (account_id, media_id) where media_id is not null do nothing`,
      [
        accountId,
        ...columnsOf(
          files,
          (file) => file.mediaId,
          (file) => file.mediaIdExpiresAt,
          (file) => file.mediaType,
          (file) => file.mimeType,
          (file) => file.filename,
          (file) => file.expectedSha256,
        ),
      ],
    );
    const rows = await tx.query<{ id: number; mediaId: string }>(
      `select m.id, m.media_id as "mediaId" from media m where m.account_id = $1 and m.media_id = any($2::text[])`,
      [accountId, files.map((file) => file.mediaId)],
    );
    return new Map(rows.map((row) => [row.mediaId, row.id]));
  }

  /**
   * A row for bytes that are about to come. Until they are confirmed the row is one to delete, so that a process that dies
   * on the way leaves nothing behind.
   */
  async reserve(q: Queryable, { accountId, origin, ...file }: Reservation, forS: number): Promise<number> {
    const [row] = await q.query<{ id: number }>(
      `insert into media (account_id, origin, state, next_attempt_at, media_type, mime_type, original_filename, storage_key)
       values ($1, $2, 'deleted', now() + make_interval(secs => $3), $4, $5, $6, $7) returning id`,
      [accountId, origin, forS, file.mediaType, file.mimeType, file.filename, file.storageKey],
    );
    return (row as { id: number }).id;
  }

  /** The bytes are kept and Meta has them. Null when the reservation was over before. */
  async confirm(tx: Tx, id: number, storageKey: string, bytes: KeptBytes, name: MetaName): Promise<Media | null> {
    const [row] = await tx.query<Media>(
      `update media m set state = 'stored', next_attempt_at = null, file_size = $3, sha256 = $4, mime_type = $5,
         media_id = $6, media_id_expires_at = $7, updated_at = now()
       where m.id = $1 and m.state = 'deleted' and m.storage_key = $2
       returning ${COLUMNS}`,
      [id, storageKey, bytes.size, bytes.sha256, bytes.mimeType, name.mediaId, name.expiresAt],
    );
    return row ?? null;
  }

  /** Lets a reservation go now. */
  async abandon(q: Queryable, id: number): Promise<void> {
    await q.query(`update media set next_attempt_at = now() where id = $1 and state = 'deleted'`, [id]);
  }

  /** One at a time for the same bytes of an account, until the transaction ends. */
  async lockContent(tx: Tx, accountId: number, sha256: string): Promise<void> {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, [`media:${accountId}:${sha256}`]);
  }

  /**
   * Gives a file its new name at Meta, unless somebody was faster. The old name stays known, as a row without bytes:
   * clients remember it for longer than Meta does.
   */
  async rename(tx: Tx, media: Media, name: MetaName): Promise<boolean> {
    const renamed = await tx.query(
      `update media set media_id = $3, media_id_expires_at = $4, updated_at = now()
       where id = $1 and state = 'stored' and media_id is not distinct from $2 returning 1`,
      [media.id, media.mediaId, name.mediaId, name.expiresAt],
    );
    if (renamed.length > 0 && media.mediaId !== null && media.origin === 'library') {
      await tx.query(
        `insert into media (account_id, origin, state, media_id, media_id_expires_at, media_type, mime_type, sha256)
         values ($1, 'library', 'deleted', $2, $3, $4, $5, $6)
         on conflict (account_id, media_id) where media_id is not null do nothing`,
        [media.accountId, media.mediaId, media.mediaIdExpiresAt, media.mediaType, media.mimeType, media.sha256],
      );
    }
    return renamed.length > 0;
  }

  /**
   * They are gone from here on; their bytes follow. Of one that is being fetched when its fetcher has heard of it, so that
   * it does not put bytes where they were just cleared away.
   */
  async remove(q: Queryable, ids: readonly number[]): Promise<void> {
    await q.query(
      `with doomed as (select id from media where id = any($1::bigint[]) and state <> 'deleted' order by id for update)
       update media m set state = 'deleted', attempts = 0,
         next_attempt_at = case when m.state = 'pending' and m.storage_key is not null
           then greatest(m.next_attempt_at, now()) else now() end, original_filename = null, error = null,
         updated_at = now()
       from doomed where m.id = doomed.id`,
      [[...ids]],
    );
  }

  /** Files whose bytes are to be deleted; nobody else gets them for a while. */
  async claimDoomed(q: Queryable, limit: number, leaseS: number): Promise<Media[]> {
    return q.query<Media>(
      `with due as (
         select id from media where state = 'deleted' and next_attempt_at <= now()
         order by next_attempt_at limit $1 for update skip locked
       )
       update media m set next_attempt_at = now() + make_interval(secs => $2), attempts = m.attempts + 1
       from due where m.id = due.id returning ${COLUMNS}`,
      [limit, leaseS],
    );
  }

  /** The bytes are deleted. The row goes too; one that a message points to stays, and says nothing. */
  async forget(q: Queryable, id: number): Promise<void> {
    try {
      await q.query(`delete from media where id = $1 and state = 'deleted'`, [id]);
    } catch (error) {
      if (!isForeignKeyViolation(error)) {
        throw error;
      }
      await q.query(
        `update media set storage_key = null, next_attempt_at = null, sha256 = null, expected_sha256 = null,
           file_size = null, mime_type = '', original_filename = null, updated_at = now()
         where id = $1 and state = 'deleted'`,
        [id],
      );
    }
  }

  async postponeRemoval(q: Queryable, id: number, afterS: number): Promise<void> {
    await q.query(
      `update media set next_attempt_at = now() + make_interval(secs => $2) where id = $1 and state = 'deleted'`,
      [id, afterS],
    );
  }

  async countPending(q: Queryable): Promise<number> {
    const [row] = await q.query<{ count: number }>(
      `select count(*) as count from media where next_attempt_at is not null and state = 'pending'`,
    );
    return row?.count ?? 0;
  }
}
