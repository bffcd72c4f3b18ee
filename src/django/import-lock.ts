import { Injectable } from '@nestjs/common';
import pg from 'pg';
import { Config } from '../config/config.js';
import { DjangoSourceError } from './django-source.js';

/** One number, the same for all who import. */
const IMPORT_LOCK = 7_251_904;

/** One import at a time. A connection of its own holds the lock, so that it ends with the process, however that ends. */
@Injectable()
export class ImportLock {
  constructor(private readonly config: Config) {}

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: this.config.databaseUrl, application_name: 'parley-import-lock' });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query<{ is_ours: boolean }>('select pg_try_advisory_lock($1) as is_ours', [
        IMPORT_LOCK,
      ]);
      if (!rows[0]?.is_ours) {
        throw new DjangoSourceError('Another import is running.');
      }
      return await work();
    } finally {
      await client.end();
    }
  }
}
