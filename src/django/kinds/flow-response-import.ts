import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../../common/phone-number.js';
import type { AccountScope } from '../../contacts/person.js';
import type { Queryable, Tx } from '../../database/database.js';
import { json } from '../../database/unnest.js';
import { idOf } from '../../meta/webhook-payload.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { ImportPeople } from '../import-people.js';
import { accountOf, modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { ImportedRowsRepository } from '../imported-rows.repository.js';
import { RowWriter, type Item, type News, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'flow_responses',
  columns: [
    ['account_id', 'bigint'],
    ['flow_id', 'bigint'],
    ['conversation_id', 'bigint'],
    ['contact_id', 'bigint'],
    ['message_id', 'text'],
    ['phone_number', 'text'],
    ['flow_token', 'text'],
    ['meta_flow_id', 'text'],
    ['response_data', 'jsonb'],
    ['processed', 'boolean'],
    ['raw_payload', 'jsonb'],
    ['completed_at', 'timestamptz'],
  ],
  insertOnly: ['conversation_id', 'contact_id'],
  guard: ['processed', 'flow_id', 'response_data'],
  sameAs: 't.account_id = u.account_id and t.message_id = u.message_id',
  hasUpdatedAt: false,
};

/** An answer that can be read. */
interface ResponseRow extends News {
  account: AccountScope;
  phone: PhoneNumber;
  at: Date;
}

/**
 * Answers of flows, once each by the wamid in what Meta sent. Which flow an answer is of is what Django believed: the newest of
 * the account, mostly; so it does not say how it was matched.
 */
@Injectable()
export class FlowResponseImport implements ImportKind {
  readonly name = 'flow_responses';
  readonly selection = {
    model: 'whatsappflowresponse',
    more: 'f.account_id as flow_account_id, f.meta_flow_id, c.account_id as conversation_account_id',
    joins:
      'left join $whatsappflow$ f on f.id = t.flow_id left join $whatsappconversation$ c on c.id = t.conversation_id',
  };
  private flows: ReadonlyMap<number, number> = new Map();

  constructor(
    private readonly writer: RowWriter,
    private readonly rows: ImportedRowsRepository,
    private readonly people: ImportPeople,
  ) {}

  async begin(q: Queryable, run: ImportRun): Promise<void> {
    this.flows = await this.rows.all(q, modelOf(run, 'flow'));
  }

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const of = modelOf(run, 'flow_response');
    const news = await this.writer.news(tx, of, rows, tally);
    const read = news.flatMap(({ row, hash }): ResponseRow[] => {
      const account = accountOf(run, row.flow_account_id ?? row.conversation_account_id);
      const phone = run.phones.readWaId(row.phone_number) ?? run.phones.read(row.phone_number);
      if (!account || phone === null) {
        tally.skipped(row.id, account ? 'invalid_phone_number' : 'no_account');
        return [];
      }
      const at = new Cells(row, tally).time('completed_at') ?? run.startedAt;
      return [{ row, hash, account, phone, at }];
    });
    const contactIds = await this.people.contactsOf(tx, read);
    const threadIds = await this.people.threadsOf(
      tx,
      read.map(({ account, at }, index) => ({
        accountId: account.id,
        contactId: contactIds[index] as number,
        createdAt: at,
      })),
    );
    const items = read.map(({ row, hash, account, phone, at }, index): Item => {
      const cells = new Cells(row, tally);
      const raw = cells.object('raw_payload');
      const values = [
        account.id,
        this.flows.get(cells.id('flow_id') ?? 0) ?? null,
        threadIds[index],
        contactIds[index],
        idOf(raw?.id) ?? `django:${row.id}`,
        phone,
        cells.text('flow_token', 512),
        cells.optional('meta_flow_id', 100),
        json(cells.object('response_data') ?? {}),
        cells.bool('processed'),
        json(raw),
        at,
      ];
      return { sourceId: row.id, hash, values: () => values };
    });
    await this.writer.write(tx, of, TABLE, items, tally);
  }
}
