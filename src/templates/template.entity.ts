import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';
import type { ParameterFormat, Template, TemplateHeader } from './template.js';

/** A row of `templates`. */
@Entity('templates')
export class TemplateRecord implements Template {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text', nullable: true })
  metaTemplateId: string | null;

  @Column({ type: 'text', default: 'en' })
  language: string;

  @Column({ type: 'text' })
  category: string;

  @Column({ type: 'text', default: 'DRAFT' })
  status: string;

  @Column({ type: 'text', default: 'POSITIONAL' })
  parameterFormat: ParameterFormat;

  @Column({ type: 'jsonb', nullable: true })
  header: TemplateHeader | null;

  @Column({ type: 'text', default: '' })
  bodyText: string;

  @Column({ type: 'text', default: '' })
  footerText: string;

  @Column({ type: 'jsonb', default: '[]' })
  buttons: Record<string, unknown>[];

  /** Meta's own components, with their examples; of a draft, what would be sent to Meta. */
  @Column({ type: 'jsonb', default: '[]' })
  components: Record<string, unknown>[];

  @Column({ type: 'text', nullable: true })
  rejectedReason: string | null;

  @Column({ type: 'text', nullable: true })
  qualityScore: string | null;

  /** When Meta was last seen to have it. */
  @Column({ type: 'timestamptz', nullable: true })
  syncedAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
