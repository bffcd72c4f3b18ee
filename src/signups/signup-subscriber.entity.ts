import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** Who came by a signup: once each. */
@Entity('signup_subscribers')
export class SignupSubscriber {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  /** Our id of the signup. */
  @Column({ type: 'bigint' })
  signupId: number;

  @Column({ type: 'bigint' })
  contactId: number;

  @Column({ type: 'timestamptz' })
  subscribedAt: Date;

  @Column({ type: 'timestamptz' })
  lastSubscribedAt: Date;

  /** Meta told these times; else they are when we heard of it. */
  @Column({ type: 'boolean', default: true })
  isDated: boolean;

  /** The label they were given. */
  @Column({ type: 'bigint', nullable: true })
  labelId: number | null;
}
