import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';
import { json } from '../../database/unnest.js';
import { toComponents } from '../../templates/template-components.js';
import { EMPTY_PARTS, HEADER_TYPES, objectsOf } from '../../templates/template-parts.js';
import type { TemplateHeader } from '../../templates/template.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { accountOf, modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { RowWriter, type Item, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'templates',
  columns: [
    ['account_id', 'bigint'],
    ['name', 'text'],
    ['language', 'text'],
    ['meta_template_id', 'text'],
    ['category', 'text'],
    ['status', 'text'],
    ['header', 'jsonb'],
    ['body_text', 'text'],
    ['footer_text', 'text'],
    ['buttons', 'jsonb'],
    ['components', 'jsonb'],
    ['created_at', 'timestamptz'],
  ],
  sameAs: 't.account_id = u.account_id and t.name = u.name and t.language = u.language',
  hasUpdatedAt: true,
};

/** Templates as Django knew them, which of synced ones is the body alone: a sync brings the rest from Meta. */
@Injectable()
export class TemplateImport implements ImportKind {
  readonly name = 'templates';
  readonly selection = { model: 'whatsapptemplate' };

  constructor(private readonly writer: RowWriter) {}

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const news = await this.writer.news(tx, modelOf(run, 'template'), rows, tally);
    const items = news.flatMap(({ row, hash }): Item[] => {
      const cells = new Cells(row, tally);
      const account = accountOf(run, row.account_id);
      const name = cells.text('name', 512).trim();
      if (!account || name === '') {
        tally.skipped(row.id, account ? 'no_name' : 'no_account');
        return [];
      }
      const category = (cells.optional('category', 30) ?? 'MARKETING').toUpperCase();
      const header = headerOf(row, cells, tally);
      const bodyText = cells.text('body_text', 4_096);
      const footerText = cells.text('footer_text', 255);
      const buttons = objectsOf(cells.list('buttons'));
      const parts = { ...EMPTY_PARTS, category, header, bodyText, footerText, buttons };
      const values = [
        account.id,
        name,
        cells.optional('language', 10) ?? 'en',
        cells.optional('meta_template_id', 255),
        category,
        (cells.optional('status', 20) ?? 'DRAFT').toUpperCase(),
        json(header),
        bodyText,
        footerText,
        json(buttons),
        json(toComponents(parts)),
        cells.time('created_at') ?? run.startedAt,
      ];
      return [{ sourceId: row.id, hash, values: () => values }];
    });
    await this.writer.write(tx, modelOf(run, 'template'), TABLE, items, tally);
  }
}

function headerOf(row: DjangoRow, cells: Cells, tally: Tally): TemplateHeader | null {
  const header = cells.object('header');
  const type = typeof header?.type === 'string' ? header.type.toUpperCase() : null;
  if (!header || type === null || !(HEADER_TYPES as readonly string[]).includes(type)) {
    if (header && Object.keys(header).length > 0) {
      tally.cleaned(row.id, 'header_unknown');
    }
    return null;
  }
  return type === 'TEXT' ? { type, text: typeof header.text === 'string' ? header.text : '' } : { type };
}
