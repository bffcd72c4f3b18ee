import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** The key pair of the data exchange of an account. */
@Entity('flow_keys')
export class FlowKey {
  @PrimaryColumn({ type: 'bigint' })
  accountId: number;

  /** Encrypted like access tokens. */
  @Column({ type: 'text' })
  privateKey: string;

  @Column({ type: 'text' })
  publicKey: string;

  @Column({ type: 'timestamptz', nullable: true })
  uploadedAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
