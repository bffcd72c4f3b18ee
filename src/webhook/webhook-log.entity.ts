import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

/** A body Meta posted, as it came: the inbox of the inbox. Partitioned by day of receipt. */
@Entity('webhook_logs')
export class WebhookLog {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @PrimaryColumn({ type: 'timestamptz', precision: 3 })
  receivedAt: Date;

  @Column({ type: 'bytea' })
  body: Buffer;

  /** Which app secret signed it; null when unsigned bodies are allowed. */
  @Column({ type: 'text', nullable: true })
  secretFingerprint: string | null;

  @Column({ type: 'boolean', default: false })
  processed: boolean;

  @Column({ type: 'timestamptz', nullable: true })
  processedAt: Date | null;

  @Column({ type: 'text', nullable: true })
  error: string | null;

  @Column({ type: 'integer', default: 0 })
  attempts: number;

  @Column({ type: 'timestamptz' })
  nextAttemptAt: Date;

  @Column({ type: 'text', array: true, default: '{}' })
  fields: string[];

  @Column({ type: 'bigint', array: true, default: '{}' })
  accountIds: number[];

  /** The replay that it waits for, or came with last; null: none. */
  @Column({ type: 'bigint', nullable: true })
  replayId: number | null;
}
