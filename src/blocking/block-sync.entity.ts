import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Who reads an account's list of blocked people at Meta, and what came of the last reading. */
@Entity('block_syncs')
export class BlockSyncRecord {
  @PrimaryColumn({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'uuid', nullable: true })
  lease: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  leasedUntil: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  finishedAt: Date | null;

  @Column({ type: 'integer', default: 0 })
  synced: number;

  @Column({ type: 'integer', default: 0 })
  added: number;

  @Column({ type: 'integer', default: 0 })
  removed: number;
}
