import { Injectable } from '@nestjs/common';
import type { CampaignStatus } from '../../campaigns/campaign-status.js';
import type { Queryable, Tx } from '../../database/database.js';
import { json } from '../../database/unnest.js';
import { CampaignTemplatesRepository } from '../campaign-templates.repository.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { accountOf, modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { ImportedRowsRepository } from '../imported-rows.repository.js';
import { RowWriter, type Item, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'campaigns',
  columns: [
    ['account_id', 'bigint'],
    ['name', 'text'],
    ['template_id', 'bigint'],
    ['audience_type', 'text'],
    ['audience_filters', 'jsonb'],
    ['parameter_mappings', 'jsonb'],
    ['status', 'text'],
    ['status_reason', 'jsonb'],
    ['audience_state', 'text'],
    ['started_at', 'timestamptz'],
    ['completed_at', 'timestamptz'],
    ['created_at', 'timestamptz'],
  ],
  sameAs: null,
  hasUpdatedAt: true,
};

const STOPPED = {
  code: 'imported_running',
  message: 'The campaign was running in Django when it was imported.',
  scope: 'campaign',
  what_to_do:
    'Look at its recipients. Resuming sends to those who are pending; whom Django did not get to is not among them.',
  auto_resume: false,
  waits_for: null,
} as const;
const PAUSED = { ...STOPPED, code: 'imported_paused', message: 'The campaign was paused in Django.' } as const;

/**
 * Campaigns. None of them ever sends by itself here: one that was to be sent later is a draft, one that was running is
 * paused with the reason. Counts are not copied: they follow from the recipients.
 */
@Injectable()
export class CampaignImport implements ImportKind {
  readonly name = 'campaigns';
  readonly selection = {
    model: 'whatsappcampaign',
    more: 'p.name as template_name, p.language as template_language, (select count(*) from $whatsappcampaignrecipient$ r where r.campaign_id = t.id) as recipient_count',
    joins: 'left join $whatsapptemplate$ p on p.id = t.template_id',
  };

  constructor(
    private readonly writer: RowWriter,
    private readonly rows: ImportedRowsRepository,
    private readonly templates: CampaignTemplatesRepository,
  ) {}

  private known: ReadonlyMap<number, number> = new Map();

  async begin(q: Queryable, run: ImportRun): Promise<void> {
    this.known = await this.rows.all(q, modelOf(run, 'template'));
  }

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const news = await this.writer.news(tx, modelOf(run, 'campaign'), rows, tally);
    const templateOf = await this.templates.find(
      tx,
      news.flatMap(({ row }) => {
        const account = accountOf(run, row.account_id);
        const imported = this.known.get(row.template_id as number) ?? null;
        return account && typeof row.template_id === 'number'
          ? [
              {
                sourceId: row.id,
                accountId: account.id,
                imported,
                name: row.template_name,
                language: row.template_language,
              },
            ]
          : [];
      }),
    );
    const items = news.flatMap(({ row, hash }): Item[] => {
      const cells = new Cells(row, tally);
      const account = accountOf(run, row.account_id);
      if (!account) {
        tally.skipped(row.id, 'no_account');
        return [];
      }
      const templateId = templateOf.get(row.id) ?? null;
      if (templateId === null && typeof row.template_id === 'number') {
        tally.cleaned(row.id, 'template_of_another_account');
      }
      if (row.csv_file && row.recipient_count === 0) {
        tally.cleaned(row.id, 'csv_to_upload_again');
      }
      if (cells.count('total_count') !== cells.count('recipient_count')) {
        tally.cleaned(row.id, 'total_differs_from_recipients');
      }
      const status = statusOf(row, cells, tally);
      const values = [
        account.id,
        cells.text('name', 255).trim() || `Campaign ${row.id}`,
        templateId,
        cells.optional('audience_type', 50) ?? 'contacts',
        json(cells.object('audience_filters') ?? {}),
        json(mappingsOf(cells)),
        status,
        json(status === 'paused' ? (row.status === 'paused' ? PAUSED : STOPPED) : null),
        status === 'draft' ? 'none' : 'resolved',
        cells.time('started_at'),
        cells.time('completed_at') ?? (status === 'completed' || status === 'failed' ? cells.time('updated_at') : null),
        cells.time('created_at') ?? run.startedAt,
      ];
      return [{ sourceId: row.id, hash, values: () => values }];
    });
    await this.writer.write(tx, modelOf(run, 'campaign'), TABLE, items, tally);
  }
}

/** What a campaign is here that was this in Django; never one that starts or goes on by itself. */
function statusOf(row: DjangoRow, cells: Cells, tally: Tally): CampaignStatus {
  const status = cells.text('status', 20).trim().toLowerCase();
  switch (status) {
    case 'draft':
    case 'completed':
    case 'failed':
    case 'paused':
      return status;
    case 'scheduled':
      tally.cleaned(row.id, 'scheduled_is_draft');
      return 'draft';
    case 'running':
      tally.cleaned(row.id, 'running_is_paused');
      return 'paused';
    default:
      tally.cleaned(row.id, 'status_unknown');
      return row.started_at ? 'paused' : 'draft';
  }
}

/** `{"1": "name"}`: texts only. */
function mappingsOf(cells: Cells): Record<string, string> {
  const mappings = Object.entries(cells.object('parameter_mappings') ?? {});
  return Object.fromEntries(mappings.flatMap(([key, field]) => (typeof field === 'string' ? [[key, field]] : [])));
}
