import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The right to send from one number. */
@Entity('sending_leases')
export class SendingLease {
  @PrimaryColumn({ type: 'bigint' })
  accountId: number;

  /** Raised by every new holder: what an older one does afterwards no longer counts. */
  @Column({ type: 'bigint', default: 1 })
  epoch: number;

  @Column({ type: 'uuid' })
  holder: string;

  @Column({ type: 'timestamptz' })
  expiresAt: Date;

  @Column({ type: 'boolean', default: false })
  isReleased: boolean;

  /** The newest posting of which a status has told: statuses of this number flow up to there. */
  @Column({ type: 'timestamptz', nullable: true })
  evidenceAt: Date | null;
}
