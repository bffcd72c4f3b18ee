import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';

/** A form inside WhatsApp. */
@Entity('flows')
export class Flow {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'text' })
  name: string;

  /** Null: Meta has not got it (yet). */
  @Column({ type: 'text', nullable: true })
  metaFlowId: string | null;

  @Column({ type: 'jsonb', default: [] })
  categories: string[];

  @Column({ type: 'jsonb', default: {} })
  flowJson: Record<string, unknown>;

  @Column({ type: 'boolean', default: false })
  isDynamic: boolean;

  /** Where Meta asks for data: ours by default, for a dynamic flow. */
  @Column({ type: 'text', default: '' })
  endpointUri: string;

  /** Where our endpoint gets its answers from; '': the handlers in code. */
  @Column({ type: 'text', default: '' })
  forwardUrl: string;

  /** Guards our endpoint of this flow. */
  @Column({ type: 'text', unique: true })
  endpointToken: string;

  @Column({ type: 'text', default: 'DRAFT' })
  status: string;

  @Column({ type: 'jsonb', default: [] })
  validationErrors: Record<string, unknown>[];

  @Column({ type: 'jsonb', nullable: true })
  health: Record<string, unknown> | null;

  @Column({ type: 'text', default: '' })
  previewUrl: string;

  @Column({ type: 'timestamptz', nullable: true })
  previewExpiresAt: Date | null;

  @Column({ type: 'integer', default: 0 })
  sentCount: number;

  @Column({ type: 'integer', default: 0 })
  completionCount: number;

  @Column({ type: 'timestamptz', nullable: true })
  syncedAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
