import { Injectable } from '@nestjs/common';
import type { Tx } from '../../database/database.js';
import { json } from '../../database/unnest.js';
import { newEndpointToken } from '../../flows/flow-store.js';
import { FLOW_STATUSES, type FlowStatus } from '../../flows/flow-status.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { accountOf, modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { RowWriter, type Item, type TargetTable } from '../row-writer.js';

const COLUMNS = [
  ['account_id', 'bigint'],
  ['name', 'text'],
  ['meta_flow_id', 'text'],
  ['categories', 'jsonb'],
  ['flow_json', 'json'],
  ['is_dynamic', 'boolean'],
  ['endpoint_uri', 'text'],
  ['endpoint_token', 'text'],
  ['status', 'text'],
  ['validation_errors', 'jsonb'],
  ['completion_count', 'integer'],
  ['created_at', 'timestamptz'],
] as const;
const TABLE: TargetTable = {
  name: 'flows',
  columns: COLUMNS,
  insertOnly: ['endpoint_token'],
  guard: COLUMNS.map(([column]) => column).filter((column) => column !== 'endpoint_token'),
  sameAs: 't.account_id = u.account_id and t.meta_flow_id = u.meta_flow_id',
  hasUpdatedAt: true,
};

/** Flows with their JSON. How often each was sent is not counted here, but seen from messages. */
@Injectable()
export class FlowImport implements ImportKind {
  readonly name = 'flows';
  readonly selection = { model: 'whatsappflow' };

  constructor(private readonly writer: RowWriter) {}

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const news = await this.writer.news(tx, modelOf(run, 'flow'), rows, tally);
    const items = news.flatMap(({ row, hash }): Item[] => {
      const cells = new Cells(row, tally);
      const account = accountOf(run, row.account_id);
      if (!account) {
        tally.skipped(row.id, 'no_account');
        return [];
      }
      const status = (cells.optional('status', 20) ?? 'DRAFT').toUpperCase();
      const isKnown = FLOW_STATUSES.includes(status as FlowStatus);
      if (!isKnown) {
        tally.cleaned(row.id, 'status_unknown');
      }
      const values = [
        account.id,
        cells.text('name', 255).trim() || `Flow ${row.id}`,
        cells.optional('meta_flow_id', 100),
        json(cells.list('categories').filter((category) => typeof category === 'string')),
        json(cells.object('flow_json') ?? {}),
        cells.bool('is_dynamic'),
        cells.text('endpoint_uri', 2_000),
        newEndpointToken(),
        isKnown ? status : 'DRAFT',
        json(cells.list('validation_errors')),
        cells.count('completion_count'),
        cells.time('created_at') ?? run.startedAt,
      ];
      return [{ sourceId: row.id, hash, values: () => values }];
    });
    await this.writer.write(tx, modelOf(run, 'flow'), TABLE, items, tally);
  }
}
