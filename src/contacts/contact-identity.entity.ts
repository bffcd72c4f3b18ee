import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { IdentityKind } from './person.js';

/** One name that Meta has for a person. */
@Entity('contact_identities')
export class ContactIdentity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  contactId: number;

  @Column({ type: 'text' })
  kind: IdentityKind;

  /** '' for phones, the business portfolio for user ids and usernames. */
  @Column({ type: 'text', default: '' })
  scope: string;

  @Column({ type: 'text' })
  value: string;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
