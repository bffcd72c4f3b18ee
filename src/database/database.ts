import { Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import type { EntityManager } from 'typeorm';
import { DataSource } from 'typeorm';
import { sleep } from '../common/sleep.js';
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

const names = new Map<string, string>();

function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `parley_${names.size + 1}`;
    names.set(text, name);
  }
  return name;
}

/** A transaction: repositories take it first, so that they join what their caller is doing. */
export class Tx implements Queryable {
  constructor(
    private readonly client: PoolClient,
    /** TypeORM in the same transaction, for single rows. */
    readonly manager: EntityManager,
  ) {}

  /** Hints to give once this is committed (wake a worker); they must not fail, and nothing may depend on them. */
  readonly hints: (() => void)[] = [];

  async query<T>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.client.query({ name: nameOf(text), text, values })).rows as T[];
  }

  async queryDynamic<T>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.client.query({ text, values })).rows as T[];
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
    return (await this.pool.query({ name: nameOf(text), text, values })).rows as T[];
  }

  async queryDynamic<T>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.pool.query({ text, values })).rows as T[];
  }

  get manager(): EntityManager {
    return this.dataSource.manager;
  }

  /**
   * Runs the work in one transaction and commits. On a deadlock the whole work runs again (at most four times), so it must
   * touch nothing but the database: no network call inside a transaction.
   */
  async transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.once(work);
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !isRetryable(error)) {
          throw error;
        }
        await sleep(Math.random() * 25 * attempt);
      }
    }
  }

  /** As {@link transaction}, but never runs the work again: for work that consumes a stream. */
  async once<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    try {
      const client = (await runner.connect()) as PoolClient;
      await runner.startTransaction();
      const tx = new Tx(client, runner.manager);
      const result = await work(tx);
      await runner.commitTransaction();
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
