import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { pendingMigrations } from '../database/migrate.js';

/** Whether the database can be worked with. */
@Injectable()
export class Readiness {
  constructor(private readonly dataSource: DataSource) {}

  async database(): Promise<'up' | 'down' | 'migrations_missing'> {
    try {
      return (await pendingMigrations(this.dataSource)).length === 0 ? 'up' : 'migrations_missing';
    } catch {
      return 'down';
    }
  }
}
