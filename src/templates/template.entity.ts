import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';
import type {
  LimitedTimeOffer,
  ParameterFormat,
  Template,
  TemplateAuthentication,
  TemplateCard,
  TemplateExamples,
  TemplateHeader,
} from './template.js';

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

  /** `{text, has_expiration}`. */
  @Column({ type: 'jsonb', nullable: true })
  limitedTimeOffer: LimitedTimeOffer | null;

  @Column({ type: 'jsonb', nullable: true })
  carousel: TemplateCard[] | null;

  @Column({ type: 'jsonb', nullable: true })
  authentication: TemplateAuthentication | null;

  /** Sample values for Meta's review. */
  @Column({ type: 'jsonb', default: {} })
  examples: TemplateExamples;

  @Column({ type: 'integer', nullable: true })
  messageSendTtlSeconds: number | null;

  /** A file of the library: the sample of a media header, and what is sent when a sender gives none. */
  @Column({ type: 'bigint', nullable: true })
  headerMediaId: number | null;

  /** `{reason, recommendation}` in Meta's words. */
  @Column({ type: 'jsonb', nullable: true })
  rejectionInfo: Record<string, unknown> | null;

  @Column({ type: 'text', nullable: true })
  previousCategory: string | null;

  @Column({ type: 'text', nullable: true })
  correctCategory: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  categoryChangesAt: Date | null;

  /** When, by Meta's clock, what is here was so: events come in any order. */
  @Column({ type: 'timestamptz', nullable: true })
  statusAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  qualityAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  categoryAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  componentsAt: Date | null;

  /** When Meta was last seen to have it. */
  @Column({ type: 'timestamptz', nullable: true })
  syncedAt: Date | null;

  /** Until then somebody changes it at Meta, and nobody else changes it. */
  @Column({ type: 'timestamptz', nullable: true })
  busyUntil: Date | null;

  /** Of a draft: when Meta was asked to create it, while the answer is not known. Meta may have it. */
  @Column({ type: 'timestamptz', nullable: true })
  creationAskedAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
