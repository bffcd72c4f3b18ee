import { Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import type { EntityManager, QueryRunner } from 'typeorm';
import { DataSource } from 'typeorm';
import { sleep } from '../common/sleep.js';
import { parametersOf } from './parameters.js';
import { isRetryable } from './pg-error.js';

const MAX_ATTEMPTS = 4;

/** Anything that runs statements: a transaction, or the pool itself. */
export interface Queryable {
  /**
   * Runs a statement as a named one (planned once per connection). The text must be a constant: build no text from input,
   * and none per request.
   */
  query<T = Record<string, unknown>>(text: string, values?: unknown[]): Promise<T[]>;
  /** Runs a statement whose text varies (lists with optional filters), unnamed. */
  queryDynamic<T = Record<string, unknown>>(text: string, values?: unknown[]): Promise<T[]>;
}

const BEGIN = 'start transaction';
const BEGIN_BY_KEY = `${BEGIN}; set local enable_seqscan = off; set local plan_cache_mode = force_generic_plan`;

/** Names of statements: the same text may be planned in two ways. */
class StatementNames {
  private readonly names = new Map<string, string>();

  constructor(private readonly prefix: string) {}

  of(text: string): string {
    let name = this.names.get(text);
    if (name === undefined) {
      name = `${this.prefix}_${this.names.size + 1}`;
      this.names.set(text, name);
    }
    return name;
  }
}

const anyPlan = new StatementNames('parley');
const byKeyPlan = new StatementNames('parley_key');

/** A transaction: repositories take it first, so that they join what their caller is doing. */
export class Tx implements Queryable {
  constructor(
    private readonly client: PoolClient,
    /** TypeORM in the same transaction, for single rows. */
    readonly manager: EntityManager,
    private readonly names: StatementNames,
  ) {}

  /** Hints to give once this is committed (wake a worker); they must not fail, and nothing may depend on them. */
  readonly hints: (() => void)[] = [];

  async query<T>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.client.query({ name: this.names.of(text), text, values: parametersOf(values) })).rows as T[];
  }

  async queryDynamic<T>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.client.query({ text, values: parametersOf(values) })).rows as T[];
  }

  /** Runs after the commit, never after a rollback. */
  afterCommit(hint: () => void): void {
    this.hints.push(hint);
  }
}

/** The one pool of this process (TypeORM's own), with named statements and transactions. */
@Injectable()
export class Database implements Queryable {
  constructor(private readonly dataSource: DataSource) {}

  async query<T>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.pool.query({ name: anyPlan.of(text), text, values: parametersOf(values) })).rows as T[];
  }

  async queryDynamic<T>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.pool.query({ text, values: parametersOf(values) })).rows as T[];
  }

  get manager(): EntityManager {
    return this.dataSource.manager;
  }

  /**
   * Runs the work in one transaction and commits. On a deadlock the whole work runs again (at most four times), so it must
   * touch nothing but the database: no network call inside a transaction.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.repeatedly(() => this.once(work));
  }

  /**
   * As {@link transaction}, for work that finds all its rows by key. PostgreSQL plans a named statement once, and takes a
   * table that has just begun to grow (a new installation, the partition of a new day) for a few rows that are best read
   * whole: until statistics are taken, each such statement would read all of it. These go by indexes, always.
   */
  transactionByKey<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.repeatedly(() => this.run(work, BEGIN_BY_KEY, byKeyPlan));
  }

  /** As {@link transaction}, but never runs the work again: for work that consumes a stream. */
  once<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run(work, BEGIN, anyPlan);
  }

  private async repeatedly<T>(once: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await once();
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !isRetryable(error)) {
          throw error;
        }
        await sleep(Math.random() * 25 * attempt);
      }
    }
  }

  private async run<T>(work: (tx: Tx) => Promise<T>, begin: string, names: StatementNames): Promise<T> {
    const runner: { -readonly [Key in keyof QueryRunner]: QueryRunner[Key] } = this.dataSource.createQueryRunner();
    try {
      const client = (await runner.connect()) as PoolClient;
      // The runner could not say how; it is told, so that its manager joins in and begins nothing of its own. Before, so that
      // a beginning that fails half way is rolled back too.
      runner.isTransactionActive = true;
      await client.query(begin);
      const tx = new Tx(client, runner.manager, names);
      const result = await work(tx);
      await client.query('commit');
      runner.isTransactionActive = false;
      tx.hints.forEach((hint) => hint());
      return result;
    } catch (error) {
      if (runner.isTransactionActive) {
        // When the connection is gone the rollback fails too; the first error is the one that tells.
        await runner.rollbackTransaction().catch(() => undefined);
      }
      throw error;
    } finally {
      await runner.release();
    }
  }

  private get pool(): Pool {
    return (this.dataSource.driver as unknown as { master: Pool }).master;
  }
}
