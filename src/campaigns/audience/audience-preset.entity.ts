import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** An audience that an account keeps by name. */
@Entity('audience_presets')
export class AudiencePreset {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text', default: 'contacts' })
  audienceType: string;

  @Column({ type: 'jsonb', default: {} })
  audienceFilters: Record<string, unknown>;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
