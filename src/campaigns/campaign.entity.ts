import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';
import type { CampaignStatus } from './campaign-status.js';

/** Where a template variable takes its value: a field's name, or a field with what to use when it is empty. */
export type ParameterMapping = string | { field?: string; default?: string };

/** A bulk send of one template to an audience. The counts here are the folded ones: read them through the repository. */
@Entity('campaigns')
export class Campaign {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'bigint', nullable: true })
  templateId: number | null;

  @Column({ type: 'text', default: 'contacts' })
  audienceType: string;

  @Column({ type: 'jsonb', default: {} })
  audienceFilters: Record<string, unknown>;

  @Column({ type: 'jsonb', default: {} })
  parameterMappings: Record<string, ParameterMapping>;

  @Column({ type: 'text', default: 'draft' })
  status: CampaignStatus;

  /** Why it is paused or failed: `{code, message}` and, from Meta, its `graph` error. */
  @Column({ type: 'jsonb', nullable: true })
  statusReason: Record<string, unknown> | null;

  @Column({ type: 'text', default: 'hold' })
  onUnknown: 'hold' | 'resend' | 'drop';

  @Column({ type: 'integer', default: 0 })
  runNo: number;

  @Column({ type: 'timestamptz', nullable: true })
  scheduledAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  startedAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  completedAt: Date | null;

  @Column({ type: 'bigint', default: 0 })
  totalCount: number;

  @Column({ type: 'bigint', default: 0 })
  pendingCount: number;

  @Column({ type: 'bigint', default: 0 })
  sentCount: number;

  @Column({ type: 'bigint', default: 0 })
  deliveredCount: number;

  @Column({ type: 'bigint', default: 0 })
  readCount: number;

  @Column({ type: 'bigint', default: 0 })
  failedCount: number;

  @Column({ type: 'bigint', default: 0 })
  skippedCount: number;

  @Column({ type: 'bigint', default: 0 })
  unknownCount: number;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
