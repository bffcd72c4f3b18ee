import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';
import type { MessageError, MessageStatus } from './message-status.js';
import type { Charge } from './statistics/message-prices.js';

/** A reaction that stands. */
export interface Reaction {
  emoji: string;
  actor: 'customer' | 'business';
  timestamp: string;
}

/** A later text of a message. */
export interface Edit {
  message_body: string;
  timestamp: string;
}

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

  @Column({ type: 'bigint', nullable: true })
  mediaFileId: number | null;

  /** wamid of what is quoted; `replyToId` is set only when it was there first. */
  @Column({ type: 'text', nullable: true })
  replyToMessageId: string | null;

  /** What surrounds it: forwarded, a referral from an ad, a product asked about, a group. */
  @Column({ type: 'jsonb', nullable: true })
  context: Record<string, unknown> | null;

  /** Folded from message_changes, as are the edits and the deletion. */
  @Column({ type: 'jsonb', nullable: true })
  reactions: Reaction[] | null;

  /** Later texts, the oldest first; the first text is in `originalBody`. */
  @Column({ type: 'jsonb', nullable: true })
  edits: Edit[] | null;

  @Column({ type: 'text', nullable: true })
  originalBody: string | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  editedAt: Date | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deletedAt: Date | null;

  @Column({ type: 'text', nullable: true })
  deletedBy: 'customer' | 'business' | 'agent' | null;

  /** To be sent then, and not after `validUntil`. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  sendAt: Date | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  validUntil: Date | null;

  /** Set while it waits for `sendAt`. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  dueAt: Date | null;

  /** Name of the agent, as the caller gave it. */
  @Column({ type: 'text', nullable: true })
  sentBy: string | null;

  /** What was sent to Meta or came from it: its `type` and the object named as it. */
  @Column({ type: 'jsonb', nullable: true })
  content: Record<string, unknown> | null;

  /** The message object of the webhook, as it came. */
  @Column({ type: 'jsonb', nullable: true })
  rawPayload: Record<string, unknown> | null;

  @Column({ type: 'jsonb', nullable: true })
  error: MessageError | null;

  /** What Meta charges it as, once it is delivered. */
  @Column({ type: 'jsonb', nullable: true })
  charge: Charge | null;

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
