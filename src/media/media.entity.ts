import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';
import type { MediaState, MediaType } from './media-state.js';

/** A file: one that a customer sent, one of the library, or one that came with a send. */
@Entity('media')
export class Media {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'text' })
  origin: 'inbound' | 'library' | 'outbound';

  /** Meta's id; it expires. */
  @Column({ type: 'text', nullable: true })
  mediaId: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  mediaIdExpiresAt: Date | null;

  @Column({ type: 'text' })
  mediaType: MediaType;

  @Column({ type: 'text', default: '' })
  mimeType: string;

  @Column({ type: 'text', nullable: true })
  originalFilename: string | null;

  /** In bytes. */
  @Column({ type: 'bigint', nullable: true })
  fileSize: number | null;

  /** Of the kept bytes, in hex. */
  @Column({ type: 'text', nullable: true })
  sha256: string | null;

  /** What Meta announced, in hex. */
  @Column({ type: 'text', nullable: true })
  expectedSha256: string | null;

  @Column({ type: 'text', nullable: true })
  storageKey: string | null;

  @Column({ type: 'text' })
  state: MediaState;

  @Column({ type: 'text', nullable: true })
  error: string | null;

  @Column({ type: 'integer', default: 0 })
  attempts: number;

  /** When the worker looks at it next; null: never. */
  @Column({ type: 'timestamptz', nullable: true })
  nextAttemptAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
