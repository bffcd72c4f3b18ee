import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { MessageError } from './message-status.js';

/** The history: one row per status Meta told of, also of messages we do not know (yet). */
@Entity('message_statuses')
export class MessageStatusEvent {
  @PrimaryColumn({ type: 'bigint' })
  accountId: number;

  @PrimaryColumn({ type: 'text' })
  messageId: string;

  @PrimaryColumn({ type: 'text' })
  status: string;

  /** Of a group, whose status it is; else empty. */
  @PrimaryColumn({ type: 'text', default: '' })
  participant: string;

  @Column({ type: 'timestamptz' })
  occurredAt: Date;

  @Column({ type: 'uuid', nullable: true })
  attemptToken: string | null;

  @Column({ type: 'jsonb', nullable: true })
  error: MessageError | null;

  @Column({ type: 'jsonb', nullable: true })
  pricing: Record<string, unknown> | null;

  @Column({ type: 'boolean', default: false })
  isApplied: boolean;

  @Column({ type: 'timestamptz' })
  receivedAt: Date;
}
