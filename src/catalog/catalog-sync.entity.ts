import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** One reading of a catalog, page by page. */
@Entity('catalog_syncs')
export class CatalogSync {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'text' })
  catalogId: string;

  @Column({ type: 'text', default: 'running' })
  status: 'running' | 'completed' | 'failed';

  @Column({ type: 'integer', default: 0 })
  synced: number;

  @Column({ type: 'integer', default: 0 })
  created: number;

  @Column({ type: 'integer', default: 0 })
  updated: number;

  @Column({ type: 'integer', default: 0 })
  removed: number;

  /** Products of Meta's that have no retailer_id: no message could name them. */
  @Column({ type: 'integer', default: 0 })
  skipped: number;

  /** Products per page: fewer when Meta cannot give so many at once. */
  @Column({ type: 'integer' })
  pageSize: number;

  /** Where to go on, when the process that read the pages dies. */
  @Column({ type: 'text', nullable: true })
  afterCursor: string | null;

  /** Whoever reads it has it until then; once it is over, or was set to a moment to wait for, the next may have it. */
  @Column({ type: 'timestamptz', default: () => 'now()' })
  leaseUntil: Date;

  /** Counts those who took it: what an earlier one still wants to write is refused. */
  @Column({ type: 'integer', default: 0 })
  epoch: number;

  /** Of the page that is to be read now. */
  @Column({ type: 'integer', default: 0 })
  attempts: number;

  /** How often Meta did not know the cursor any more, and reading began anew. */
  @Column({ type: 'integer', default: 0 })
  restarts: number;

  @Column({ type: 'jsonb', nullable: true })
  error: Record<string, unknown> | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  startedAt: Date;

  @Column({ type: 'timestamptz', nullable: true })
  finishedAt: Date | null;
}
