import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';

/** The thread of one account with one person. */
@Entity('conversations')
export class Conversation {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'bigint' })
  contactId: number;

  @Column({ type: 'bigint', nullable: true })
  labelId: number | null;

  @Column({ type: 'boolean', default: false })
  isResolved: boolean;

  @Column({ type: 'text', nullable: true })
  assignedTo: string | null;

  @Column({ type: 'bigint', nullable: true })
  lastMessageId: number | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  lastMessageAt: Date | null;

  /** Where it stands in the list: its last message, else when it began. */
  @Column({
    type: 'timestamptz',
    precision: 3,
    generatedType: 'STORED',
    asExpression: 'coalesce(last_message_at, created_at)',
    insert: false,
    update: false,
  })
  readonly activityAt: Date;

  /** When the customer last wrote: the 24-hour window counts from here. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  lastInboundAt: Date | null;

  @Column({ type: 'integer', default: 0 })
  unreadCount: number;

  /** The customer's first message since it was resolved. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  openedAt: Date | null;

  /** The first message that nobody has answered. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  waitingSince: Date | null;

  /** When a person of the business last wrote. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  answeredAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
