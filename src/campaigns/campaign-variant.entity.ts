import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { ParameterMapping } from './campaign.entity.js';

/** One of several templates that a campaign is split over. The counts here are the folded ones. */
@Entity('campaign_variants')
export class CampaignVariant {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'bigint' })
  campaignId: number;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'bigint' })
  templateId: number;

  @Column({ type: 'jsonb', default: {} })
  parameterMappings: Record<string, ParameterMapping>;

  /** Its share of the trial, relative to the others. */
  @Column({ type: 'integer', default: 1 })
  weight: number;

  @Column({ type: 'bigint', default: 0 })
  totalCount: number;

  @Column({ type: 'bigint', default: 0 })
  pendingCount: number;

  @Column({ type: 'bigint', default: 0 })
  sentCount: number;

  @Column({ type: 'bigint', default: 0 })
  deliveredCount: number;

  @Column({ type: 'bigint', default: 0 })
  readCount: number;

  @Column({ type: 'bigint', default: 0 })
  failedCount: number;

  @Column({ type: 'bigint', default: 0 })
  skippedCount: number;

  @Column({ type: 'bigint', default: 0 })
  unknownCount: number;

  @Column({ type: 'bigint', default: 0 })
  repliedCount: number;

  @Column({ type: 'bigint', default: 0 })
  optedOutCount: number;

  @Column({ type: 'bigint', default: 0 })
  costMicros: number;
}
