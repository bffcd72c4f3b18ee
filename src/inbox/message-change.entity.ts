import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** What was done to a message after it was written: a reaction, an edit, a revoke. May be there before its message. */
@Entity('message_changes')
export class MessageChange {
  @PrimaryColumn({ type: 'bigint' })
  accountId: number;

  /** wamid of the change itself. */
  @PrimaryColumn({ type: 'text' })
  changeId: string;

  /** wamid of the message that is changed. */
  @Column({ type: 'text' })
  targetId: string;

  @Column({ type: 'bigint' })
  contactId: number;

  @Column({ type: 'text' })
  kind: 'reaction' | 'edit' | 'revoke';

  @Column({ type: 'text' })
  actor: 'customer' | 'business';

  @Column({ type: 'timestamptz', precision: 3 })
  occurredAt: Date;

  /** Emoji of a reaction ('' takes it back), new text of an edit. */
  @Column({ type: 'text', default: '' })
  text: string;

  @Column({ type: 'jsonb', nullable: true })
  content: Record<string, unknown> | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
