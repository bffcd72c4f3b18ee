import { Injectable } from '@nestjs/common';
import { isLabelName } from '../../contacts/labels.service.js';
import type { Tx } from '../../database/database.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { RowWriter, type Item, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'labels',
  columns: [
    ['name', 'text'],
    ['color', 'text'],
    ['created_at', 'timestamptz'],
  ],
  sameAs: 'lower(t.name) = lower(u.name)',
  hasUpdatedAt: false,
};
const COLOR =
  /^(slate|gray|zinc|neutral|stone|red|orange|amber|yellow|lime|green|emerald|teal|cyan|sky|blue|indigo|violet|purple|fuchsia|pink|rose|#[0-9A-Fa-f]{6})$/;

/** Labels; of names that differ only in their case the first stays. */
@Injectable()
export class LabelImport implements ImportKind {
  readonly name = 'labels';
  readonly selection = { model: 'whatsapplabel' };

  constructor(private readonly writer: RowWriter) {}

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const news = await this.writer.news(tx, modelOf(run, 'label'), rows, tally);
    const items = news.flatMap(({ row, hash }): Item[] => {
      const cells = new Cells(row, tally);
      const name = cells.text('name', 50).trim();
      if (!isLabelName(name)) {
        tally.skipped(row.id, 'no_name');
        return [];
      }
      const color = cells.text('color', 20).trim();
      if (!COLOR.test(color)) {
        tally.cleaned(row.id, 'color_unknown');
      }
      const values = [name, COLOR.test(color) ? color : 'gray', cells.time('created_at') ?? run.startedAt];
      return [{ sourceId: row.id, hash, values: () => values }];
    });
    await this.writer.write(tx, modelOf(run, 'label'), TABLE, items, tally);
  }
}
