import { Injectable } from '@nestjs/common';
import { withoutPlus, type PhoneNumber } from '../../common/phone-number.js';
import type { AccountScope } from '../../contacts/person.js';
import type { Tx } from '../../database/database.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { ImportedBlocksRepository } from '../imported-blocks.repository.js';
import { ImportPeople } from '../import-people.js';
import { accountOf, modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { RowWriter, type News, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'blocked_users',
  columns: [
    ['account_id', 'bigint'],
    ['contact_id', 'bigint'],
    ['phone_number', 'text'],
    ['wa_id', 'text'],
    ['is_active', 'boolean'],
    ['blocked_at', 'timestamptz'],
    ['blocked_by', 'text'],
    ['reason', 'text'],
    ['unblocked_at', 'timestamptz'],
    ['unblocked_by', 'text'],
    ['meta_error', 'text'],
  ],
  guard: ['is_active', 'reason', 'meta_error'],
  sameAs: 't.account_id = u.account_id and t.contact_id = u.contact_id',
  hasUpdatedAt: true,
};

/** A blocked user that can be read. */
interface BlockedRow extends News {
  account: AccountScope;
  phone: PhoneNumber;
}

/**
 * Whom each account has blocked: one row for a person. Where spellings disagree the block stands, for the package noted a
 * failed second block as none; a sync of the block list here finds out what Meta has.
 */
@Injectable()
export class BlockedImport implements ImportKind {
  readonly name = 'blocked';
  readonly selection = {
    model: 'whatsappblockeduser',
    order: { sql: 't.is_active desc, t.blocked_at desc', needs: ['is_active', 'blocked_at'] },
  };

  constructor(
    private readonly writer: RowWriter,
    private readonly people: ImportPeople,
    private readonly blocks: ImportedBlocksRepository,
  ) {}

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const of = modelOf(run, 'blocked');
    const news = await this.writer.news(tx, of, rows, tally);
    const read = news.flatMap(({ row, hash }): BlockedRow[] => {
      const account = accountOf(run, row.account_id);
      const phone = run.phones.read(row.phone_number) ?? run.phones.readWaId(row.wa_id);
      if (!account || phone === null) {
        tally.skipped(row.id, account ? 'invalid_phone_number' : 'no_account');
        return [];
      }
      return [{ row, hash, account, phone }];
    });
    const contactIds = await this.people.contactsOf(tx, read);
    const items = read.map(({ row, hash, account, phone }, index) => {
      const cells = new Cells(row, tally);
      const values = [
        account.id,
        contactIds[index],
        phone,
        cells.text('wa_id', 50).trim() || withoutPlus(phone),
        cells.bool('is_active'),
        cells.time('blocked_at') ?? run.startedAt,
        cells.text('blocked_by', 255),
        cells.text('reason', 2_000),
        cells.time('unblocked_at'),
        cells.text('unblocked_by', 255),
        cells.text('meta_error', 2_000),
      ];
      return { sourceId: row.id, hash, values: () => values };
    });
    await this.writer.write(tx, of, TABLE, items, tally);
    const active = read.flatMap(({ row, account }, index) =>
      row.is_active === true ? [{ accountId: account.id, contactId: contactIds[index] as number }] : [],
    );
    if (active.length > 0) {
      await this.blocks.flag(tx, active);
    }
  }
}
