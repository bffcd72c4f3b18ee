import { Injectable } from '@nestjs/common';
import { EMAIL_OR_NONE, LIMITS } from '../../contacts/contact.dto.js';
import type { Queryable, Tx } from '../../database/database.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import {
  ImportedContactsRepository,
  type PersonOfPhone,
  type TouchedContact,
} from '../imported-contacts.repository.js';
import { ImportedRowsRepository, type ImportedRow } from '../imported-rows.repository.js';
import { RowWriter, type News } from '../row-writer.js';

/** A row that can be read. */
interface ContactRow extends News {
  person: PersonOfPhone;
  labelIds: number[];
}

/**
 * People. All spellings of a phone are one person: rows come newest first, so the newest name stays and older ones fill what
 * is empty; labels and notes add up, and who opted out under any spelling has opted out.
 */
@Injectable()
export class ContactImport implements ImportKind {
  readonly name = 'contacts';
  readonly selection = {
    model: 'whatsappcontact',
    more: `(select coalesce(json_agg(l.whatsapplabel_id order by l.whatsapplabel_id), '[]')
            from $whatsappcontact_labels$ l where l.whatsappcontact_id = t.id) as label_ids`,
    order: { sql: 't.updated_at desc', needs: ['updated_at'] },
  };
  private labels: ReadonlyMap<number, number> = new Map();
  private signups: ReadonlyMap<number, number> = new Map();

  constructor(
    private readonly writer: RowWriter,
    private readonly rows: ImportedRowsRepository,
    private readonly contacts: ImportedContactsRepository,
  ) {}

  async begin(q: Queryable, run: ImportRun): Promise<void> {
    this.labels = await this.rows.all(q, modelOf(run, 'label'));
    this.signups = await this.rows.all(q, modelOf(run, 'signup'));
  }

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const of = modelOf(run, 'contact');
    // Not by updated_at: Django writes that whenever somebody is saved, changed or not.
    const says = ({ updated_at: _at, ...row }: DjangoRow): unknown => row;
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
      read.filter(({ row }) => known.has(row.id)),
      known,
      tally,
    );
    const all = [...fresh.rows, ...changed.rows];
    const contactOf = new Map(all.map((row) => [row.sourceId, row.targetId]));
    await this.belongings(tx, read, contactOf);
    await this.rows.save(tx, of, all);
    await this.rows.rehash(tx, of, [...fresh.touched, ...changed.touched]);
  }

  private read(run: ImportRun, { row, hash }: News, tally: Tally): ContactRow[] {
    const cells = new Cells(row, tally);
    const phone = run.phones.read(row.phone);
    if (phone === null) {
      tally.skipped(row.id, 'invalid_phone_number');
      return [];
    }
    const email = cells.text('email', LIMITS.email).trim();
    if (!EMAIL_OR_NONE.test(email)) {
      tally.cleaned(row.id, 'email_invalid');
    }
    const createdAt = cells.time('created_at') ?? run.startedAt;
    const signupId = this.signups.get(cells.id('subscribed_via_signup_id') ?? 0) ?? null;
    return [
      {
        row,
        hash,
        labelIds: (Array.isArray(row.label_ids) ? (row.label_ids as number[]) : []).flatMap(
          (id) => this.labels.get(id) ?? [],
        ),
        person: {
          phone,
          name: cells.text('name', LIMITS.name).trim(),
          email: EMAIL_OR_NONE.test(email) ? email : '',
          notes: cells.text('notes', LIMITS.notes).trim(),
          optedOut: cells.bool('opted_out'),
          optedOutAt: cells.time('updated_at') ?? createdAt,
          signupId,
          subscribedAt: cells.time('subscribed_at'),
          createdAt,
        },
      },
    ];
  }

  private async bring(
    tx: Tx,
    run: ImportRun,
    read: readonly ContactRow[],
    tally: Tally,
  ): Promise<{ rows: ImportedRow[]; touched: TouchedContact[] }> {
    if (read.length === 0) {
      return { rows: [], touched: [] };
    }
    const people = new Map<string, PersonOfPhone>();
    for (const { person } of read) {
      const newer = people.get(person.phone);
      people.set(person.phone, newer ? together(newer, person) : person);
    }
    const here = await this.contacts.lock(tx, [...people.keys()]);
    const missing = [...people.values()].filter(({ phone }) => !here.has(phone));
    const created = missing.length > 0 ? await this.contacts.create(tx, missing) : new Map<string, TouchedContact>();
    const there = [...people.values()].flatMap((person) => {
      const id = here.get(person.phone);
      return id === undefined ? [] : [{ ...person, id }];
    });
    const filled = there.length > 0 ? await this.contacts.fill(tx, there) : [];
    const hashes = new Map(filled.map(({ id, hash }) => [id, hash]));
    const brought = await this.rows.siblings(tx, modelOf(run, 'contact'), [...here.values()]);
    const counted = new Set<string>();
    const rows = read.map(({ row, hash, person: { phone } }): ImportedRow => {
      const contact = created.get(phone);
      const targetId = contact?.id ?? (here.get(phone) as number);
      if (contact && !counted.has(phone)) {
        counted.add(phone);
        tally.created();
      } else {
        tally.merged(row.id, contact || brought.has(targetId) ? 'same_phone' : 'already_here');
      }
      return {
        sourceId: row.id,
        targetId,
        sourceHash: hash,
        targetHash: contact?.hash ?? hashes.get(targetId) ?? null,
      };
    });
    return { rows, touched: filled };
  }

  private async change(
    tx: Tx,
    read: readonly ContactRow[],
    known: ReadonlyMap<number, ImportedRow>,
    tally: Tally,
  ): Promise<{ rows: ImportedRow[]; touched: TouchedContact[] }> {
    if (read.length === 0) {
      return { rows: [], touched: [] };
    }
    const people = new Map<number, PersonOfPhone & { id: number; knownHash: Buffer | null }>();
    for (const { row, person } of read) {
      const { targetId: id, targetHash: knownHash } = known.get(row.id) as ImportedRow;
      const newer = people.get(id);
      people.set(id, newer ? { ...newer, ...together(newer, person) } : { ...person, id, knownHash });
    }
    const touched = await this.contacts.change(
      tx,
      [...people.values()].sort((a, b) => a.id - b.id),
    );
    const hashes = new Map(touched.map(({ id, hash }) => [id, hash]));
    const rows = read.map(({ row, hash }): ImportedRow => {
      const { targetId } = known.get(row.id) as ImportedRow;
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

  private async belongings(tx: Tx, read: readonly ContactRow[], contactOf: ReadonlyMap<number, number>): Promise<void> {
    const labels = read.flatMap(({ row, labelIds }) =>
      labelIds.map((labelId) => ({ contactId: contactOf.get(row.id) as number, labelId })),
    );
    if (labels.length > 0) {
      await this.contacts.label(tx, labels);
    }
    const subscribers = read.flatMap(({ row, person: { signupId, subscribedAt, createdAt } }) =>
      signupId === null
        ? []
        : [{ contactId: contactOf.get(row.id) as number, signupId, at: subscribedAt ?? createdAt }],
    );
    if (subscribers.length > 0) {
      await this.contacts.subscribe(tx, subscribers);
    }
  }
}

/** What two rows say of one person, the newer one first. */
function together(newer: PersonOfPhone, older: PersonOfPhone): PersonOfPhone {
  const isOld = older.notes === '' || newer.notes.includes(older.notes);
  return {
    phone: newer.phone,
    name: newer.name || older.name,
    email: newer.email || older.email,
    notes: isOld ? newer.notes : [newer.notes, older.notes].filter(Boolean).join('\n').slice(0, LIMITS.notes),
    optedOut: newer.optedOut || older.optedOut,
    optedOutAt: newer.optedOut ? newer.optedOutAt : older.optedOutAt,
    signupId: newer.signupId ?? older.signupId,
    subscribedAt: newer.subscribedAt ?? older.subscribedAt,
    createdAt: newer.createdAt < older.createdAt ? newer.createdAt : older.createdAt,
  };
}
