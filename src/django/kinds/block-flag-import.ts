import { Injectable } from '@nestjs/common';
import { withoutPlus } from '../../common/phone-number.js';
import type { Tx } from '../../database/database.js';
import type { DjangoRow } from '../django-row.js';
import { ImportedBlocksRepository } from '../imported-blocks.repository.js';
import { ImportPeople } from '../import-people.js';
import { modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { ImportedRowsRepository } from '../imported-rows.repository.js';
import { RowWriter, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'blocked_users',
  columns: [
    ['account_id', 'bigint'],
    ['contact_id', 'bigint'],
    ['phone_number', 'text'],
    ['wa_id', 'text'],
    ['blocked_at', 'timestamptz'],
  ],
  constants: [
    ['is_active', 'true'],
    ['reason', `'Blocked in Django'`],
  ],
  sameAs: 't.account_id = u.account_id and t.contact_id = u.contact_id',
  hasUpdatedAt: true,
};

/**
 * Contacts that Django flags as blocked without saying by whom, for whom no account has a block: the default account's, so that
 * nobody is written to who was left in peace.
 */
@Injectable()
export class BlockFlagImport implements ImportKind {
  readonly name = 'block_flags';
  readonly selection = { model: 'whatsappcontact', where: { sql: 't.is_blocked', needs: ['is_blocked'] } };

  constructor(
    private readonly writer: RowWriter,
    private readonly rows: ImportedRowsRepository,
    private readonly people: ImportPeople,
    private readonly blocks: ImportedBlocksRepository,
  ) {}

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const of = modelOf(run, 'block_flag');
    const says = ({ id, phone }: DjangoRow): unknown => [id, phone];
    const news = await this.writer.news(tx, of, rows, tally, says);
    const { defaultAccount } = run;
    const read = news.flatMap((one) => {
      const phone = run.phones.read(one.row.phone);
      if (phone === null || defaultAccount === null) {
        tally.skipped(one.row.id, phone === null ? 'invalid_phone_number' : 'no_account');
        return [];
      }
      return [{ ...one, account: defaultAccount, phone }];
    });
    const contactIds = await this.people.contactsOf(tx, read);
    const blocked = await this.blocks.blockedBySome(tx, contactIds);
    const people = read.map((one, index) => ({ ...one, contactId: contactIds[index] as number }));
    const done = people.filter(({ contactId }) => blocked.has(contactId));
    const open = people.filter(({ contactId }) => !blocked.has(contactId));
    done.forEach(({ row }) => tally.merged(row.id, 'blocked_by_an_account'));
    await this.rows.save(
      tx,
      of,
      // Their block came in by itself: this row is only remembered.
      done.map(({ row, hash }) => ({ sourceId: row.id, targetId: 0, sourceHash: hash, targetHash: null })),
    );
    const items = open.map(({ row, hash, account, phone, contactId }) => {
      const at = row.updated_at instanceof Date ? row.updated_at : run.startedAt;
      const values = [account.id, contactId, phone, withoutPlus(phone), at];
      return { sourceId: row.id, hash, values: () => values };
    });
    await this.writer.write(tx, of, TABLE, items, tally);
    if (open.length > 0) {
      await this.blocks.flag(
        tx,
        open.map(({ account, contactId }) => ({ accountId: account.id, contactId })),
      );
    }
  }
}
