import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';

/** A link by which people subscribe inside WhatsApp. */
@Entity('signups')
export class Signup {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  /** Meta's id. */
  @Column({ type: 'text' })
  signupId: string;

  @Column({ type: 'text', default: '' })
  displayName: string;

  @Column({ type: 'text', default: '' })
  signupMessage: string;

  @Column({ type: 'text', default: '' })
  confirmationMessage: string;

  @Column({ type: 'text', default: '' })
  privacyPolicyUrl: string;

  @Column({ type: 'text', default: '' })
  websiteUrl: string;

  @Column({ type: 'text', default: '' })
  promoCode: string;

  @Column({ type: 'text', default: 'ACTIVE' })
  status: string;

  @Column({ type: 'bigint', nullable: true })
  autoAddToLabelId: number | null;

  @Column({ type: 'boolean', default: false })
  tosAccepted: boolean;

  @Column({ type: 'integer', default: 0 })
  subscriberCount: number;

  @Column({ type: 'timestamptz', nullable: true })
  syncedAt: Date | null;

  /** When we last changed it at Meta. */
  @Column({ type: 'timestamptz', nullable: true })
  toldAt: Date | null;

  /** Somebody changes it at Meta until then. */
  @Column({ type: 'timestamptz', nullable: true })
  changingUntil: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
