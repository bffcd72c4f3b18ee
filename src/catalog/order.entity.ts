import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';

/** What a customer ordered, by a message. */
@Entity('orders')
export class Order {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  /** Null once the person was erased: what was sold stays, to whom does not. */
  @Column({ type: 'bigint', nullable: true })
  conversationId: number | null;

  @Column({ type: 'bigint', nullable: true })
  contactId: number | null;

  /** The wamid of the customer's message; another text once the person was erased, for a wamid has the phone in it. */
  @Column({ type: 'text' })
  messageId: string;

  @Column({ type: 'text', default: '' })
  catalogId: string;

  @Column({ type: 'text', default: '' })
  text: string;

  @Column({ type: 'text', default: 'new' })
  status: string;

  @Column({ type: 'text', default: '' })
  notes: string;

  /** Lines of the order. */
  @Column({ type: 'integer' })
  itemCount: number;

  /** Null when its items have several currencies, or none that can be read. */
  @Column({ type: 'numeric', precision: 20, scale: 4, nullable: true })
  totalAmount: string | null;

  @Column({ type: 'text', nullable: true })
  currency: string | null;

  @Column({ type: 'timestamptz' })
  placedAt: Date;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
