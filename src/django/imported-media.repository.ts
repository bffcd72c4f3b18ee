import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { MediaType } from '../media/media-state.js';
import type { CopiedFile } from './media-files.js';

/** A file that a message came or went with. */
export interface ImportedFile {
  accountId: number;
  origin: 'inbound' | 'outbound';
  mediaId: string | null;
  mediaType: MediaType;
  mimeType: string | null;
  filename: string | null;
  /** Null: the bytes are not here. */
  copied: CopiedFile | null;
  createdAt: Date;
}

/** Why the bytes of a file are not here. Asking for them asks Meta, which keeps what was received for 30 days. */
export const NOT_COPIED = 'Not copied from Django';

/** Files of messages, without the fetching that `MediaService` begins for whatever it is told of. */
@Injectable()
export class ImportedMediaRepository {
  /** Announces files. @returns row ids in the order of the input; one `media_id` of an account is one file */
  async add(tx: Tx, files: readonly ImportedFile[]): Promise<(number | null)[]> {
    const rows = await tx.query<{ ord: number; id: number | null }>(
      `with u as materialized (
         select nextval(pg_get_serial_sequence('media', 'id')) as id, g.*
         from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[],
           $10::timestamptz[]) with ordinality as g (account_id, origin, media_id, media_type, mime_type, original_filename,
           file_size, sha256, storage_key, created_at, ord)
       ), added as (
         insert into media (id, account_id, origin, media_id, media_type, mime_type, original_filename, file_size, sha256,
           storage_key, state, error, created_at)
         select id, account_id, origin, media_id, media_type, coalesce(mime_type, ''), original_filename, file_size, sha256,
           storage_key, case when storage_key is null then 'failed' else 'stored' end,
           case when storage_key is null then '${NOT_COPIED}' end, created_at
         from u order by ord on conflict do nothing returning id
       )
       select u.ord::int as ord, added.id from u left join added on added.id = u.id order by u.ord`,
      columnsOf(
        files,
        (file) => file.accountId,
        (file) => file.origin,
        (file) => file.mediaId,
        (file) => file.mediaType,
        (file) => file.copied?.mimeType ?? file.mimeType,
        (file) => file.filename ?? file.copied?.filename ?? null,
        (file) => file.copied?.size ?? null,
        (file) => file.copied?.sha256 ?? null,
        (file) => file.copied?.storageKey ?? null,
        (file) => file.createdAt,
      ),
    );
    const ids = rows.map((row) => row.id);
    const missing = files.flatMap((file, index) => (ids[index] === null ? [{ file, index }] : []));
    if (missing.length > 0) {
      const known = await tx.query<{ ord: number; id: number }>(
        `select u.ord::int as ord, m.id from unnest($1::bigint[], $2::text[]) with ordinality as u (account_id, media_id, ord)
         join media m on m.account_id = u.account_id and m.media_id = u.media_id`,
        columnsOf(
          missing,
          ({ file }) => file.accountId,
          ({ file }) => file.mediaId,
        ),
      );
      known.forEach(({ ord, id }) => {
        ids[missing[ord - 1]?.index as number] = id;
      });
    }
    return ids;
  }
}
