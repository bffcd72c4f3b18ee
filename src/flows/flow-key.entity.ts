import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A key pair of the data exchange of an account. */
@Entity('flow_keys')
export class FlowKey {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  /** Encrypted like access tokens. */
  @Column({ type: 'text' })
  privateKey: string;

  @Column({ type: 'text' })
  publicKey: string;

  /** When Meta took it; null: not known. */
  @Column({ type: 'timestamptz', nullable: true })
  uploadedAt: Date | null;

  /** When another took its place: it decrypts for a while longer. */
  @Column({ type: 'timestamptz', nullable: true })
  retiredAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
