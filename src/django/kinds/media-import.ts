import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';
import { MEDIA_TYPES } from '../../media/media-state.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { accountOf, modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { NOT_COPIED } from '../imported-media.repository.js';
import { ImportedRowsRepository } from '../imported-rows.repository.js';
import { MediaFiles, type CopiedFile } from '../media-files.js';
import { RowWriter, type Item, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'media',
  columns: [
    ['account_id', 'bigint'],
    ['media_id', 'text'],
    ['media_type', 'text'],
    ['mime_type', 'text'],
    ['original_filename', 'text'],
    ['file_size', 'bigint'],
    ['sha256', 'text'],
    ['storage_key', 'text'],
    ['state', 'text'],
    ['error', 'text'],
    ['created_at', 'timestamptz'],
  ],
  constants: [['origin', `'library'`]],
  insertOnly: ['file_size', 'sha256', 'storage_key', 'state', 'error'],
  guard: ['media_id', 'media_type', 'mime_type', 'original_filename'],
  sameAs: 't.account_id = u.account_id and t.media_id = u.media_id',
  hasUpdatedAt: true,
};

/** The media library, which no screen of the package ever filled: what hosts put there by Django's admin. */
@Injectable()
export class MediaImport implements ImportKind {
  readonly name = 'media';
  readonly selection = { model: 'whatsappmedia' };
  private copied = new Map<number, CopiedFile>();

  constructor(
    private readonly writer: RowWriter,
    private readonly rows: ImportedRowsRepository,
    private readonly files: MediaFiles,
  ) {}

  async prepare(q: Queryable, run: ImportRun, rows: readonly DjangoRow[]): Promise<void> {
    this.copied = new Map();
    const ids = rows.map((row) => row.id);
    const known = await this.rows.find(q, modelOf(run, 'media'), ids);
    for (const row of rows.filter(({ id }) => !known.has(id))) {
      const account = accountOf(run, row.account_id);
      const mimeType = typeof row.mime_type === 'string' ? row.mime_type : null;
      const file =
        run.mediaRoot !== null && account && typeof row.file === 'string' && row.file
          ? await this.files.copy(run.mediaRoot, row.file, account.id, mimeType, run.isDry)
          : null;
      if (file) {
        this.copied.set(row.id, file);
      }
    }
  }

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const news = await this.writer.news(tx, modelOf(run, 'media'), rows, tally);
    const items = news.flatMap(({ row, hash }): Item[] => {
      const cells = new Cells(row, tally);
      const account = accountOf(run, row.account_id);
      if (!account) {
        tally.skipped(row.id, 'no_account');
        return [];
      }
      const copied = this.copied.get(row.id) ?? null;
      if (copied === null) {
        tally.cleaned(row.id, 'file_not_copied');
      }
      const mimeType = copied?.mimeType ?? cells.text('mime_type', 100).trim();
      const values = [
        account.id,
        cells.optional('media_id', 255),
        typeOf(cells.text('media_type', 20).trim(), mimeType),
        mimeType,
        cells.optional('original_filename', 255) ?? copied?.filename ?? null,
        copied?.size ?? null,
        copied?.sha256 ?? null,
        copied?.storageKey ?? null,
        copied?.storageKey ? 'stored' : 'failed',
        copied?.storageKey ? null : NOT_COPIED,
        cells.time('uploaded_at') ?? run.startedAt,
      ];
      return [{ sourceId: row.id, hash, values: () => values }];
    });
    await this.writer.write(tx, modelOf(run, 'media'), TABLE, items, tally);
  }
}

function typeOf(given: string, mimeType: string): string {
  if ((MEDIA_TYPES as readonly string[]).includes(given)) {
    return given;
  }
  const [first = ''] = mimeType.split('/');
  return ['image', 'video', 'audio'].includes(first) ? first : 'document';
}
