import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';
import type { CampaignStatus } from './campaign-status.js';

/** Where a template variable takes its value: a field's name, a field with what to use when it is empty, or a text for all. */
export type ParameterMapping = string | { field?: string; default?: string; value?: string };

/** When nobody is written to, as HH:MM by the clock of the recipient's country; may span midnight. */
export interface QuietHours {
  start: string;
  end: string;
}

/** Nobody gets more campaign messages of the account within so many hours. */
export interface FrequencyCap {
  messages: number;
  hours: number;
}

export const AB_METRICS = ['delivered', 'read', 'replied'] as const;

/** A trial of variants before the rest of the audience gets the winner. */
export interface AbTest {
  /** Percent of the audience that the variants are tried on; 100: no winner is held for the rest. */
  share: number;
  /** From when all of the trial were written to, until the winner is chosen. */
  wait_minutes: number;
  metric: (typeof AB_METRICS)[number];
}

/** What becomes of sends whose outcome is not known: kept, sent again when the evidence stays silent, or given up. */
export const ON_UNKNOWN = ['hold', 'resend', 'drop'] as const;
export type OnUnknown = (typeof ON_UNKNOWN)[number];

/** `resolving`: the worker is still bringing recipients in. */
export type AudienceState = 'none' | 'resolving' | 'resolved';

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
  onUnknown: OnUnknown;

  /** `on_unknown = resend`: how long the evidence must be silent, in seconds. */
  @Column({ type: 'integer', default: 900 })
  resendAfterS: number;

  @Column({ type: 'text', default: 'skip' })
  missingVariables: 'skip' | 'default';

  /** What stands in for a missing value when `missing_variables` is `default`. */
  @Column({ type: 'text', default: '' })
  defaultValue: string;

  @Column({ type: 'jsonb', nullable: true })
  quietHours: QuietHours | null;

  @Column({ type: 'jsonb', nullable: true })
  frequencyCap: FrequencyCap | null;

  @Column({ type: 'jsonb', nullable: true })
  abTest: AbTest | null;

  @Column({ type: 'bigint', nullable: true })
  winnerVariantId: number | null;

  @Column({ type: 'timestamptz', nullable: true })
  winnerChosenAt: Date | null;

  /** When nobody of the trial waited any more. */
  @Column({ type: 'timestamptz', nullable: true })
  trialSentAt: Date | null;

  @Column({ type: 'text', default: 'none' })
  audienceState: AudienceState;

  /** How far the worker is with the audience. */
  @Column({ type: 'text', nullable: true })
  audienceCursor: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  audienceLeaseUntil: Date | null;

  /** Whose people whoever started it may see; null: everybody's. */
  @Column({ type: 'bigint', array: true, nullable: true })
  visibleAccountIds: number[] | null;

  /** Senders that died over it since the last message that was settled. */
  @Column({ type: 'integer', default: 0 })
  crashCount: number;

  @Column({ type: 'integer', default: 0 })
  runNo: number;

  @Column({ type: 'text', nullable: true })
  timeZone: string | null;

  /** Nothing goes out after it. */
  @Column({ type: 'timestamptz', nullable: true })
  expiresAt: Date | null;

  /** Of late, measured by the sweeper; null: not yet. */
  @Column({ type: 'real', nullable: true })
  ratePerSecond: number | null;

  @Column({ type: 'timestamptz', nullable: true })
  progressAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  scheduledAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  startedAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  completedAt: Date | null;

  /** Since when it runs; null: it does not, or has done so since before this was noted. */
  @Column({ type: 'timestamptz', nullable: true })
  runningSince: Date | null;

  /** How long it ran before that, in seconds; null: it was started before this was noted. */
  @Column({ type: 'double precision', nullable: true })
  ranS: number | null;

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

  @Column({ type: 'bigint', default: 0 })
  repliedCount: number;

  @Column({ type: 'bigint', default: 0 })
  optedOutCount: number;

  @Column({ type: 'bigint', default: 0 })
  costMicros: number;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
