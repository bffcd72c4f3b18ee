import { Injectable } from '@nestjs/common';
import { Database, type Queryable, type Tx } from '../database/database.js';

/** A check, a key or a type refused a row: the row is to blame, and its neighbours are not. */
export function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^(22|23|54)[0-9A-Z]{3}$/.test(code);
}

/** The end of a dry run: everything is taken back. */
class TakenBack extends Error {}

/**
 * Rows here are told apart by what they say, times too, so all steps write times in one zone. And tables grow faster than their
 * statistics (in a dry run these stay as they were): a plan that reads a table because it was small reads it ever longer.
 */
const SETTINGS = `select set_config('TimeZone', 'UTC', true), set_config('enable_seqscan', 'off', true)`;

/**
 * Steps of an import. Each is one transaction; in a dry run each is a savepoint of one large transaction, which is taken back at
 * the end: every step sees what the steps before it did, so a dry run comes to what the real one would.
 */
@Injectable()
export class ImportWork {
  private all: Tx | null = null;

  constructor(private readonly database: Database) {}

  async open<T>(isDry: boolean, work: () => Promise<T>): Promise<T> {
    if (!isDry) {
      return work();
    }
    const outcome: T[] = [];
    try {
      await this.database.once(async (tx) => {
        // The Django database may take its time between two steps.
        await tx.query(`set local idle_in_transaction_session_timeout = 0`);
        await tx.query(SETTINGS);
        this.all = tx;
        outcome.push(await work());
        throw new TakenBack();
      });
    } catch (error) {
      if (!(error instanceof TakenBack)) {
        throw error;
      }
    } finally {
      this.all = null;
    }
    return outcome[0] as T;
  }

  async step<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const { all } = this;
    if (all === null) {
      return this.database.transaction(async (tx) => {
        await tx.query(SETTINGS);
        return work(tx);
      });
    }
    await all.query('savepoint import_step');
    try {
      const result = await work(all);
      await all.query('release savepoint import_step');
      return result;
    } catch (error) {
      // Of a connection that is gone; the first error is the one that tells.
      await all.query('rollback to savepoint import_step').catch(() => undefined);
      throw error;
    }
  }

  /** Reads outside of any step, and does what does not belong into one. */
  look<T>(work: (q: Queryable) => Promise<T>): Promise<T> {
    return work(this.all ?? this.database);
  }
}
