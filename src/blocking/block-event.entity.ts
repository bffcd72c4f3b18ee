import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** What was done about somebody: the history. */
@Entity('block_events')
export class BlockEvent {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'bigint' })
  blockedUserId: number;

  @Column({ type: 'text' })
  action: 'blocked' | 'unblocked' | 'block_failed' | 'unblock_failed';

  @Column({ type: 'text' })
  source: 'api' | 'sync';

  @Column({ type: 'text', default: '' })
  actor: string;

  @Column({ type: 'text', default: '' })
  reason: string;

  @Column({ type: 'jsonb', nullable: true })
  error: Record<string, unknown> | null;

  @Column({ type: 'timestamptz', default: () => 'clock_timestamp()' })
  at: Date;
}
