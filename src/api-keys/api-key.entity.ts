import { Column, CreateDateColumn, Entity, PrimaryColumn, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';
import type { Scope } from '../http/principal.js';

/** What a key may do. The key itself is nowhere: see {@link ApiKeySecret}. */
@Entity('api_keys')
export class ApiKey {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column('text')
  name: string;

  /** How the key begins: tells keys apart in lists and logs. */
  @Column('text')
  prefix: string;

  @Column('boolean', { default: true })
  isActive: boolean;

  @Column('text', { array: true })
  scopes: Scope[];

  @Column('bigint', { nullable: true })
  defaultAccountId: number | null;

  @Column('timestamptz', { nullable: true })
  expiresAt: Date | null;

  @Column('timestamptz', { nullable: true })
  lastUsedAt: Date | null;

  /** From where, then. */
  @Column('text', { nullable: true })
  lastUsedIp: string | null;

  /** The name of the key that made it, or `cli` or `system`; null: made before this was written down. */
  @Column('text', { nullable: true })
  createdBy: string | null;

  @Column('bigint', { nullable: true })
  createdByKeyId: number | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}

/** The SHA-256 of a whole key. While a key is being rotated it has two. */
@Entity('api_key_secrets')
export class ApiKeySecret {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column('bigint')
  apiKeyId: number;

  @Column('bytea')
  secretHash: Buffer;

  @Column('timestamptz', { nullable: true })
  expiresAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}

/** An account that a key is tied to; a key without one may use all. */
@Entity('api_key_accounts')
export class ApiKeyAccount {
  @PrimaryColumn('bigint')
  apiKeyId: number;

  @PrimaryColumn('bigint')
  accountId: number;
}
