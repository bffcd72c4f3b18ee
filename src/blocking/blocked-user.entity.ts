import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';

/** Somebody whom a number has blocked, or had, or was refused to block. One row for each person of an account. */
@Entity('blocked_users')
export class BlockedUser {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'bigint' })
  contactId: number;

  /** As it was blocked; null when only a user id was named. */
  @Column({ type: 'text', nullable: true })
  phoneNumber: string | null;

  @Column({ type: 'text', default: '' })
  waId: string;

  @Column({ type: 'text', nullable: true })
  userId: string | null;

  @Column({ type: 'boolean' })
  isActive: boolean;

  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  blockedAt: Date;

  @Column({ type: 'text', default: '' })
  blockedBy: string;

  @Column({ type: 'text', default: '' })
  reason: string;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  unblockedAt: Date | null;

  @Column({ type: 'text', default: '' })
  unblockedBy: string;

  /** Meta's refusal of the last attempt; empty when it went well. */
  @Column({ type: 'text', default: '' })
  metaError: string;

  /** When Meta last did for us what `isActive` says; null when a sync told of it. */
  @Column({ type: 'timestamptz', nullable: true })
  decidedAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
