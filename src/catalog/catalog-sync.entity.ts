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

  /** Where to go on, when the process that read the pages dies. */
  @Column({ type: 'text', nullable: true })
  afterCursor: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  leaseUntil: Date | null;

  @Column({ type: 'integer', default: 0 })
  attempts: number;

  @Column({ type: 'jsonb', nullable: true })
  error: Record<string, unknown> | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  startedAt: Date;

  @Column({ type: 'timestamptz', nullable: true })
  finishedAt: Date | null;
}
