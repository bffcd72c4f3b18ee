import { Injectable } from '@nestjs/common';
import { prefixOf } from '../../api-keys/api-key-format.js';
import { sha256 } from '../../common/secret.js';
import type { Tx } from '../../database/database.js';
import { DjangoKeysRepository } from '../django-keys.repository.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { ImportedRowsRepository } from '../imported-rows.repository.js';
import { hashOf, RowWriter, type Item, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'api_keys',
  columns: [
    ['name', 'text'],
    ['prefix', 'text'],
    ['is_active', 'boolean'],
    ['created_at', 'timestamptz'],
  ],
  constants: [['scopes', `'{*}'::text[]`]],
  guard: ['name', 'is_active'],
  sameAs: null,
  hasUpdatedAt: true,
};
/** Fewer characters can be guessed. */
const MIN_LENGTH = 16;

/** Keys go on working as they are: they are found by their hash, whoever made them. They may do all, as they could. */
@Injectable()
export class KeyImport implements ImportKind {
  readonly name = 'api_keys';
  readonly selection = { model: 'whatsappapikey' };

  constructor(
    private readonly writer: RowWriter,
    private readonly rows: ImportedRowsRepository,
    private readonly keys: DjangoKeysRepository,
  ) {}

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const of = modelOf(run, 'api_key');
    // Without the key itself: a hash of it is kept where hashes of keys are kept.
    const says = ({ key: _key, ...row }: DjangoRow): unknown => row;
    const news = await this.writer.news(tx, of, rows, tally, says);
    const known = await this.rows.find(
      tx,
      of,
      news.map(({ row }) => row.id),
    );
    const secrets = new Map(news.map(({ row }) => [row.id, sha256(typeof row.key === 'string' ? row.key.trim() : '')]));
    const taken = await this.keys.findByHash(tx, [...secrets.values()]);
    const items: Item[] = [];
    for (const { row, hash } of news) {
      const key = typeof row.key === 'string' ? row.key.trim() : '';
      const cells = new Cells(row, tally);
      const here = taken.get((secrets.get(row.id) as Buffer).toString('hex'));
      if (key.length < MIN_LENGTH) {
        tally.skipped(row.id, 'key_too_short');
      } else if (here !== undefined && !known.has(row.id)) {
        tally.merged(row.id, 'already_here');
        const sourceHash = hashOf(says(row));
        await this.rows.save(tx, of, [{ sourceId: row.id, targetId: here, sourceHash, targetHash: null }]);
      } else {
        const name = cells.text('name', 255).trim() || `Django key ${row.id}`;
        const values = [name, prefixOf(key), cells.bool('is_active'), cells.time('created_at') ?? run.startedAt];
        items.push({ sourceId: row.id, hash, values: () => values });
      }
    }
    const { ids, created } = await this.writer.write(tx, of, TABLE, items, tally);
    await this.keys.addSecrets(
      tx,
      [...created].map((sourceId) => ({
        keyId: ids.get(sourceId) as number,
        secretHash: secrets.get(sourceId) as Buffer,
      })),
    );
  }
}
