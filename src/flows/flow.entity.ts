import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';
import type { FlowHealth } from './flow-events.js';

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

  /** Not jsonb: Meta's faults name lines, so the order of its keys matters. */
  @Column({ type: 'json', default: {} })
  flowJson: Record<string, unknown>;

  @Column({ type: 'boolean', default: false })
  isDynamic: boolean;

  /** Where Meta asks for data: ours by default, for a dynamic flow. */
  @Column({ type: 'text', default: '' })
  endpointUri: string;

  /** Where our endpoint gets its answers from; '': the handlers in code. */
  @Column({ type: 'text', default: '' })
  forwardUrl: string;

  /** Signs what `forwardUrl` is asked; encrypted like access tokens. */
  @Column({ type: 'text', nullable: true })
  forwardSecret: string | null;

  /** Guards our endpoint of this flow. */
  @Column({ type: 'text', unique: true })
  endpointToken: string;

  @Column({ type: 'text', default: 'DRAFT' })
  status: string;

  @Column({ type: 'jsonb', default: [] })
  validationErrors: Record<string, unknown>[];

  @Column({ type: 'jsonb', nullable: true })
  health: FlowHealth | null;

  @Column({ type: 'text', default: '' })
  previewUrl: string;

  @Column({ type: 'timestamptz', nullable: true })
  previewExpiresAt: Date | null;

  @Column({ type: 'text', nullable: true })
  jsonVersion: string | null;

  /** Meta was asked to create it, and no answer has told yet what came of that. */
  @Column({ type: 'timestamptz', nullable: true })
  creationAskedAt: Date | null;

  /** Set while Meta has the JSON as it is here. */
  @Column({ type: 'timestamptz', nullable: true })
  uploadedAt: Date | null;

  /** Since when the status is so, by Meta's clock. */
  @Column({ type: 'timestamptz', nullable: true })
  statusAt: Date | null;

  @Column({ type: 'integer', default: 0 })
  completionCount: number;

  @Column({ type: 'timestamptz', nullable: true })
  syncedAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
