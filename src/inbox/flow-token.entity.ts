import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** The token a flow was sent with: its answer comes back with it. */
@Entity('flow_tokens')
export class FlowToken {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'text' })
  token: string;

  /** Meta's id of the flow, or its name: as it was sent. */
  @Column({ type: 'text', nullable: true })
  metaFlowId: string | null;

  @Column({ type: 'text', nullable: true })
  flowName: string | null;

  @Column({ type: 'bigint' })
  contactId: number;

  /** Row of the message that carries it. */
  @Column({ type: 'bigint' })
  messageId: number;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
