import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';

/** Somebody whom a number has blocked, or had. */
@Entity('blocked_users')
export class BlockedUser {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  /** `phone:+91…` or `user:<user id>`: one row for each address, however often it is blocked. */
  @Column({ type: 'text' })
  identity: string;

  @Column({ type: 'text', nullable: true })
  phoneNumber: string | null;

  @Column({ type: 'text', default: '' })
  waId: string;

  @Column({ type: 'text', nullable: true })
  userId: string | null;

  @Column({ type: 'bigint', nullable: true })
  contactId: number | null;

  @Column({ type: 'boolean' })
  isActive: boolean;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  blockedAt: Date;

  @Column({ type: 'text', default: '' })
  blockedBy: string;

  @Column({ type: 'text', default: '' })
  reason: string;

  @Column({ type: 'timestamptz', nullable: true })
  unblockedAt: Date | null;

  @Column({ type: 'text', default: '' })
  unblockedBy: string;

  /** Meta's refusal of the last attempt. */
  @Column({ type: 'text', default: '' })
  metaError: string;

  @Column({ type: 'timestamptz', nullable: true })
  syncedAt: Date | null;

  @Column({ type: 'uuid', nullable: true })
  syncToken: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
