import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';
import type { Standing } from './account-events.js';

/** Who holds the credentials: the API, or the environment (single-account mode). */
export type ManagedBy = 'api' | 'environment';

/** A row of `accounts`. Secrets are ciphertexts here; {@link Account} is the account with its secrets in reach. */
@Entity('accounts')
export class AccountRecord {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column('text')
  name: string;

  @Column('text')
  phoneNumberId: string;

  @Column('text', { nullable: true })
  wabaId: string | null;

  @Column('text', { nullable: true })
  portfolioId: string | null;

  @Column('text', { nullable: true })
  accessToken: string | null;

  @Column('text', { nullable: true })
  accessTokenLast4: string | null;

  @Column('text', { nullable: true })
  appSecret: string | null;

  @Column('text', { array: true, default: '{}' })
  appSecretFingerprints: string[];

  @Column('text')
  verifyToken: string;

  @Column('text', { nullable: true })
  profileName: string | null;

  @Column('text', { nullable: true })
  profilePictureUrl: string | null;

  @Column('text', { nullable: true })
  profileError: string | null;

  @Column('text', { nullable: true })
  displayPhoneNumber: string | null;

  @Column('text', { nullable: true })
  qualityRating: string | null;

  @Column('text', { nullable: true })
  messagingLimit: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  messagingLimitAt: Date | null;

  /** When, by Meta's clock, its events said so. */
  @Column({ type: 'timestamptz', nullable: true })
  profileNameAt: Date | null;

  /** May it send, by what Meta has said? */
  @Column({ type: 'text', default: 'ok' })
  standing: Standing;

  @Column({ type: 'timestamptz', nullable: true })
  standingUntil: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  standingAt: Date | null;

  @Column('integer', { default: 80 })
  messagesPerSecond: number;

  @Column('text', { nullable: true })
  defaultCatalogId: string | null;

  @Column('boolean', { default: true })
  isActive: boolean;

  @Column('text', { default: 'api' })
  managedBy: ManagedBy;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;

  @Column('timestamptz', { nullable: true })
  deletedAt: Date | null;
}
