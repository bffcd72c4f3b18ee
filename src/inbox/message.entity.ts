import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';
import type { MessageError, MessageStatus } from './message-status.js';

/** One message, received or sent, from wherever it was sent. */
@Entity('messages')
export class Message {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'bigint' })
  conversationId: number;

  @Column({ type: 'bigint' })
  contactId: number;

  @Column({ type: 'text' })
  direction: 'inbound' | 'outbound';

  @Column({ type: 'text' })
  messageType: string;

  @Column({ type: 'text', default: '' })
  messageBody: string;

  @Column({ type: 'text' })
  status: MessageStatus;

  /** Meta's wamid; null until Meta has answered. */
  @Column({ type: 'text', nullable: true })
  messageId: string | null;

  @Column({ type: 'uuid', nullable: true })
  attemptToken: string | null;

  @Column({ type: 'text', nullable: true })
  clientRef: string | null;

  @Column({ type: 'text', nullable: true })
  idempotencyKey: string | null;

  @Column({ type: 'bigint', nullable: true })
  replyToId: number | null;

  @Column({ type: 'text', nullable: true })
  mediaId: string | null;

  @Column({ type: 'text', nullable: true })
  mediaUrl: string | null;

  @Column({ type: 'text', nullable: true })
  mediaMimeType: string | null;

  @Column({ type: 'text', nullable: true })
  mediaFilename: string | null;

  @Column({ type: 'double precision', nullable: true })
  locationLatitude: number | null;

  @Column({ type: 'double precision', nullable: true })
  locationLongitude: number | null;

  @Column({ type: 'text', nullable: true })
  locationName: string | null;

  @Column({ type: 'text', nullable: true })
  locationAddress: string | null;

  @Column({ type: 'text', nullable: true })
  reactionEmoji: string | null;

  @Column({ type: 'text', nullable: true })
  reactionToMessageId: string | null;

  @Column({ type: 'text', nullable: true })
  templateName: string | null;

  @Column({ type: 'text', nullable: true })
  templateLanguage: string | null;

  @Column({ type: 'bigint', nullable: true })
  campaignId: number | null;

  @Column({ type: 'bigint', nullable: true })
  campaignRecipientId: number | null;

  /** Name of the agent, as the caller gave it. */
  @Column({ type: 'text', nullable: true })
  sentBy: string | null;

  /** What was sent to Meta: its `type` and the object named as it. */
  @Column({ type: 'jsonb', nullable: true })
  content: Record<string, unknown> | null;

  /** The message object of the webhook, as it came. */
  @Column({ type: 'jsonb', nullable: true })
  rawPayload: Record<string, unknown> | null;

  @Column({ type: 'jsonb', nullable: true })
  error: MessageError | null;

  @Column({ type: 'timestamptz', precision: 3 })
  timestamp: Date;

  @Column({ type: 'timestamptz', nullable: true })
  awaitingSince: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  sentAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  deliveredAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  readAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  failedAt: Date | null;

  @Column({ type: 'boolean', default: false })
  isDeleted: boolean;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
