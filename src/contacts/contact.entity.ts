import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';

/** A person, shared by the whole installation. */
@Entity('contacts')
export class Contact {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  /** `phone:+91…` or `user:<portfolio>:<user id>`: one of the identities the contact has. */
  @Column({ type: 'text', unique: true })
  identityKey: string;

  /** E.164 with its plus, and an identity too. Null: known by user id only. */
  @Column({ type: 'text', nullable: true })
  phone: string | null;

  @Column({ type: 'text', default: '' })
  name: string;

  @Column({ type: 'text', default: '' })
  email: string;

  @Column({ type: 'text', default: '' })
  notes: string;

  @Column({ type: 'boolean', default: false })
  optedOut: boolean;

  @Column({ type: 'timestamptz', nullable: true })
  optedOutAt: Date | null;

  /** How they said so: `api`, … */
  @Column({ type: 'text', nullable: true })
  optedOutSource: string | null;

  /** When the person last changed it, by the time of what they wrote. */
  @Column({ type: 'timestamptz', nullable: true })
  consentChangedAt: Date | null;

  @Column({ type: 'bigint', nullable: true })
  subscribedViaSignupId: number | null;

  @Column({ type: 'timestamptz', nullable: true })
  subscribedAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
