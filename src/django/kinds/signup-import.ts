import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../../database/database.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { accountOf, modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { ImportedRowsRepository } from '../imported-rows.repository.js';
import { RowWriter, type Item, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'signups',
  columns: [
    ['account_id', 'bigint'],
    ['signup_id', 'text'],
    ['display_name', 'text'],
    ['signup_message', 'text'],
    ['confirmation_message', 'text'],
    ['privacy_policy_url', 'text'],
    ['website_url', 'text'],
    ['promo_code', 'text'],
    ['status', 'text'],
    ['auto_add_to_label_id', 'bigint'],
    ['tos_accepted', 'boolean'],
    ['subscriber_count', 'integer'],
    ['created_at', 'timestamptz'],
  ],
  sameAs: 't.account_id = u.account_id and t.signup_id = u.signup_id',
  hasUpdatedAt: true,
};

/** Signups with their counts: as many as Django counted, and no fewer than there are contacts who came by them. */
@Injectable()
export class SignupImport implements ImportKind {
  readonly name = 'signups';
  readonly selection = {
    model: 'whatsappsignup',
    more: '(select count(*) from $whatsappcontact$ c where c.subscribed_via_signup_id = t.id) as linked_count',
  };
  private labels: ReadonlyMap<number, number> = new Map();

  constructor(
    private readonly writer: RowWriter,
    private readonly rows: ImportedRowsRepository,
  ) {}

  async begin(q: Queryable, run: ImportRun): Promise<void> {
    this.labels = await this.rows.all(q, modelOf(run, 'label'));
  }

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const news = await this.writer.news(tx, modelOf(run, 'signup'), rows, tally);
    const items = news.flatMap(({ row, hash }): Item[] => {
      const cells = new Cells(row, tally);
      const account = accountOf(run, row.account_id);
      const signupId = cells.optional('signup_id', 100);
      if (!account || signupId === null) {
        // Without Meta's id no subscriber can ever be told to have come by it.
        tally.skipped(row.id, account ? 'no_signup_id' : 'no_account');
        return [];
      }
      const values = [
        account.id,
        signupId,
        cells.text('display_name', 255),
        cells.text('signup_message', 65_536),
        cells.text('confirmation_message', 65_536),
        cells.text('privacy_policy_url', 2_000),
        cells.text('website_url', 2_000),
        cells.text('promo_code', 100),
        (cells.optional('status', 20) ?? 'ACTIVE').toUpperCase(),
        this.labels.get(cells.id('auto_add_to_label_id') ?? 0) ?? null,
        cells.bool('tos_accepted'),
        Math.max(cells.count('subscriber_count'), cells.count('linked_count')),
        cells.time('created_at') ?? run.startedAt,
      ];
      return [{ sourceId: row.id, hash, values: () => values }];
    });
    await this.writer.write(tx, modelOf(run, 'signup'), TABLE, items, tally);
  }
}
