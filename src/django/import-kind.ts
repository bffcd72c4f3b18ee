import type { AccountScope } from '../contacts/person.js';
import type { Queryable, Tx } from '../database/database.js';
import type { DjangoRow } from './django-row.js';
import type { DjangoSource, Selection } from './django-source.js';
import type { KindName, Tally } from './import-report.js';
import type { ImportedModel } from './imported-rows.repository.js';
import type { PhoneReader } from './phone-reader.js';

/** What all parts of one import share. */
export interface ImportRun {
  importId: number;
  source: DjangoSource;
  phones: PhoneReader;
  /** Ours by the ids over there; those that could not be brought in are not in it. */
  accounts: ReadonlyMap<number, AccountScope>;
  /** Has what names no account over there. */
  defaultAccount: AccountScope | null;
  startedAt: Date;
  /** Nothing is kept. */
  isDry: boolean;
  fernetKeys: readonly Buffer[];
  /** Django's MEDIA_ROOT, when its files are to be copied. */
  mediaRoot: string | null;
}

/** One of the package's models on its way in. */
export interface ImportKind {
  readonly name: KindName;
  readonly selection: Selection;
  /** Before the first batch: what is looked up in memory because there are few. */
  begin?(q: Queryable, run: ImportRun): Promise<void>;
  /** Before the transaction of a batch: what must not happen in one. */
  prepare?(q: Queryable, run: ImportRun, rows: readonly DjangoRow[]): Promise<void>;
  /** One batch, in one transaction. Every row is counted exactly once. May run again, or with a part of the rows. */
  take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void>;
}

export function modelOf(run: ImportRun, model: string): ImportedModel {
  return { importId: run.importId, model };
}

/** Whose a row is: the account it names, else the default; null when that one is not here. */
export function accountOf(run: ImportRun, sourceAccountId: unknown): AccountScope | null {
  return typeof sourceAccountId === 'number' ? (run.accounts.get(sourceAccountId) ?? null) : run.defaultAccount;
}
