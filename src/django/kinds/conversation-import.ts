import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../../common/phone-number.js';
import type { AccountScope } from '../../contacts/person.js';
import type { Queryable, Tx } from '../../database/database.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { ImportPeople, keyOf } from '../import-people.js';
import { accountOf, modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { ImportedRowsRepository, type ImportedRow } from '../imported-rows.repository.js';
import { RowWriter, type News } from '../row-writer.js';
import { ThreadsRepository, type ThreadInput, type TouchedThread } from '../threads.repository.js';

/** A conversation that can be read. */
interface ConversationRow extends News {
  account: AccountScope;
  phone: PhoneNumber;
  /** Without the contact, which is found for all together. */
  thread: Omit<ThreadInput, 'contactId'>;
}

/**
 * Threads: one for each account and person, from all spellings of the phone and all doubles. They come newest first, so the
 * newest decides whether it is resolved, and which label and agent it has; what is unread adds up.
 */
@Injectable()
export class ConversationImport implements ImportKind {
  readonly name = 'conversations';
  readonly selection = {
    model: 'whatsappconversation',
    order: { sql: 't.last_message_at desc nulls last', needs: ['last_message_at'] },
  };
  private labels: ReadonlyMap<number, number> = new Map();

  constructor(
    private readonly writer: RowWriter,
    private readonly rows: ImportedRowsRepository,
    private readonly people: ImportPeople,
    private readonly threads: ThreadsRepository,
  ) {}

  async begin(q: Queryable, run: ImportRun): Promise<void> {
    this.labels = await this.rows.all(q, modelOf(run, 'label'));
  }

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const of = modelOf(run, 'conversation');
    // Not by last_message_at, which follows from messages.
    const says = ({ last_message_at: _at, ...row }: DjangoRow): unknown => row;
    const news = await this.writer.news(tx, of, rows, tally, says);
    const read = news.flatMap((one) => this.read(run, one, tally));
    const known = await this.rows.find(
      tx,
      of,
      read.map(({ row }) => row.id),
    );
    const fresh = await this.bring(
      tx,
      run,
      read.filter(({ row }) => !known.has(row.id)),
      tally,
    );
    const changed = await this.change(
      tx,
      run,
      read.filter(({ row }) => known.has(row.id)),
      known,
      tally,
    );
    await this.rows.save(tx, of, [...fresh.rows, ...changed.rows]);
    await this.rows.rehash(tx, of, [...fresh.touched, ...changed.touched]);
  }

  private read(run: ImportRun, { row, hash }: News, tally: Tally): ConversationRow[] {
    const cells = new Cells(row, tally);
    const account = accountOf(run, row.account_id);
    const phone = run.phones.read(row.phone_number);
    if (!account || phone === null) {
      tally.skipped(row.id, account ? 'invalid_phone_number' : 'no_account');
      return [];
    }
    const thread = {
      accountId: account.id,
      labelId: this.labels.get(cells.id('label_id') ?? 0) ?? null,
      isResolved: cells.bool('is_resolved'),
      assignedTo: cells.optional('assigned_to', 255),
      unreadCount: cells.count('unread_count'),
      createdAt: cells.time('created_at') ?? run.startedAt,
    };
    return [{ row, hash, account, phone, thread }];
  }

  private async bring(
    tx: Tx,
    run: ImportRun,
    read: readonly ConversationRow[],
    tally: Tally,
  ): Promise<{ rows: ImportedRow[]; touched: TouchedThread[] }> {
    if (read.length === 0) {
      return { rows: [], touched: [] };
    }
    const contactIds = await this.people.contactsOf(tx, read);
    const threads = new Map<string, ThreadInput>();
    for (const [index, { thread }] of read.entries()) {
      const given = { ...thread, contactId: contactIds[index] as number };
      const newer = threads.get(keyOf(given));
      threads.set(keyOf(given), newer ? together(newer, given) : given);
    }
    const created = new Map((await this.threads.create(tx, [...threads.values()])).map((row) => [keyOf(row), row]));
    const others = [...threads].flatMap(([key, thread]) => (created.has(key) ? [] : [thread]));
    const here = new Map((await this.threads.find(tx, others)).map((row) => [keyOf(row), row.id]));
    const brought = await this.rows.siblings(tx, modelOf(run, 'conversation'), [...here.values()]);
    const filled = others.length > 0 ? await this.threads.fill(tx, others) : [];
    const counted = new Set<string>();
    const rows = read.map(({ row, hash, account }, index): ImportedRow => {
      const key = keyOf({ accountId: account.id, contactId: contactIds[index] as number });
      const thread = created.get(key);
      const targetId = thread?.id ?? (here.get(key) as number);
      if (thread && !counted.has(key)) {
        counted.add(key);
        tally.created();
      } else {
        tally.merged(row.id, thread || brought.has(targetId) ? 'same_person' : 'already_here');
      }
      return { sourceId: row.id, targetId, sourceHash: hash, targetHash: thread?.hash ?? null };
    });
    return { rows, touched: filled };
  }

  private async change(
    tx: Tx,
    run: ImportRun,
    read: readonly ConversationRow[],
    known: ReadonlyMap<number, ImportedRow>,
    tally: Tally,
  ): Promise<{ rows: ImportedRow[]; touched: TouchedThread[] }> {
    if (read.length === 0) {
      return { rows: [], touched: [] };
    }
    const targetOf = (row: DjangoRow): ImportedRow => known.get(row.id) as ImportedRow;
    const siblings = await this.rows.siblings(tx, modelOf(run, 'conversation'), [
      ...new Set(read.map(({ row }) => targetOf(row).targetId)),
    ]);
    const unread = await run.source.unreadOf([...siblings.values()].flat());
    const changes = new Map<number, Omit<ThreadInput, 'contactId'> & { id: number; knownHash: Buffer | null }>();
    for (const { row, thread } of read) {
      const { targetId: id, targetHash: knownHash } = targetOf(row);
      const sum = (siblings.get(id) ?? []).reduce((total, sourceId) => total + (unread.get(sourceId) ?? 0), 0);
      const newer = changes.get(id);
      changes.set(
        id,
        newer ? { ...newer, ...filledBy(newer, thread) } : { ...thread, id, knownHash, unreadCount: sum },
      );
    }
    const touched = await this.threads.change(
      tx,
      [...changes.values()].sort((a, b) => a.id - b.id),
    );
    const hashes = new Map(touched.map(({ id, hash }) => [id, hash]));
    const rows = read.map(({ row, hash }): ImportedRow => {
      const { targetId } = targetOf(row);
      const targetHash = hashes.get(targetId) ?? null;
      if (targetHash) {
        tally.updated();
      } else {
        tally.kept();
      }
      return { sourceId: row.id, targetId, sourceHash: hash, targetHash };
    });
    return { rows, touched };
  }
}

function together(newer: ThreadInput, older: ThreadInput): ThreadInput {
  return {
    ...newer,
    ...filledBy(newer, older),
    unreadCount: newer.unreadCount + older.unreadCount,
    createdAt: newer.createdAt < older.createdAt ? newer.createdAt : older.createdAt,
  };
}

function filledBy(
  newer: Pick<ThreadInput, 'labelId' | 'assignedTo'>,
  older: Pick<ThreadInput, 'labelId' | 'assignedTo'>,
): Pick<ThreadInput, 'labelId' | 'assignedTo'> {
  return { labelId: newer.labelId ?? older.labelId, assignedTo: newer.assignedTo ?? older.assignedTo };
}
