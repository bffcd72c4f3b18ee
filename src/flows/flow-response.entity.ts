import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** What somebody answered in a flow. */
@Entity('flow_responses')
export class FlowResponse {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'bigint', nullable: true })
  flowId: number | null;

  @Column({ type: 'bigint' })
  conversationId: number;

  @Column({ type: 'bigint' })
  contactId: number;

  /** The wamid of the answer. */
  @Column({ type: 'text' })
  messageId: string;

  @Column({ type: 'text', nullable: true })
  phoneNumber: string | null;

  @Column({ type: 'text', default: '' })
  flowToken: string;

  /** How the flow was found: by the token, or by the message that the answer quotes. */
  @Column({ type: 'text', nullable: true })
  matchedBy: 'token' | 'quote' | null;

  /** Meta's id of the flow, also of one that is not here (yet). */
  @Column({ type: 'text', nullable: true })
  metaFlowId: string | null;

  @Column({ type: 'jsonb' })
  responseData: Record<string, unknown>;

  @Column({ type: 'boolean', default: false })
  processed: boolean;

  @Column({ type: 'jsonb', nullable: true })
  rawPayload: Record<string, unknown> | null;

  @Column({ type: 'timestamptz', precision: 3 })
  completedAt: Date;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
