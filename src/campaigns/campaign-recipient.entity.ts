import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { StoredRecipientStatus } from './campaign-status.js';

/** One person, or one line of the file, in one campaign. */
@Entity('campaign_recipients')
export class CampaignRecipient {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'bigint' })
  campaignId: number;

  @Column({ type: 'text' })
  identity: string;

  @Column({ type: 'integer', nullable: true })
  line: number | null;

  @Column({ type: 'bigint', nullable: true })
  contactId: number | null;

  @Column({ type: 'text', nullable: true })
  phone: string | null;

  @Column({ type: 'text', nullable: true })
  userId: string | null;

  @Column({ type: 'text', default: '' })
  name: string;

  @Column({ type: 'jsonb', default: {} })
  parameters: Record<string, string>;

  @Column({ type: 'text', default: 'pending' })
  status: StoredRecipientStatus;

  @Column({ type: 'text', nullable: true })
  skipReason: string | null;

  @Column({ type: 'integer', nullable: true })
  errorCode: number | null;

  @Column({ type: 'text', nullable: true })
  errorMessage: string | null;

  @Column({ type: 'integer', default: 0 })
  attempt: number;

  @Column({ type: 'uuid', nullable: true })
  attemptToken: string | null;

  /** The lease under which it is being sent to. */
  @Column({ type: 'bigint', nullable: true })
  claimEpoch: number | null;

  @Column({ type: 'timestamptz' })
  notBefore: Date;

  @Column({ type: 'text', nullable: true })
  messageId: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  sentAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  deliveredAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  readAt: Date | null;

  /** What its status means to the queue: 0 waiting, 1 with a sender, 2 accepted by Meta, 3 failed, skipped or unknown. */
  @Column({ type: 'smallint', insert: false, update: false })
  phase: number;

  /** Of a split campaign; null: the campaign's own template, or not decided yet. */
  @Column({ type: 'bigint', nullable: true })
  variantId: number | null;

  @Column({ type: 'timestamptz', nullable: true })
  repliedAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  optedOutAt: Date | null;

  /** Millionths of the rate table's currency. */
  @Column({ type: 'bigint', nullable: true })
  costMicros: number | null;

  @Column({ type: 'timestamptz', nullable: true })
  unknownAt: Date | null;

  /** How often it was put back with a clean sheet, and keeps the messages of before. */
  @Column({ type: 'smallint', default: 0 })
  retryCount: number;
}
