import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';

/** A product of a catalog, as Meta has it, or made here. */
@Entity('catalog_products')
export class CatalogProduct {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'text' })
  catalogId: string;

  /** The retailer's own id (SKU): what messages name it by. */
  @Column({ type: 'text' })
  retailerId: string;

  /** Meta's node. Null: made here, and never seen at Meta. */
  @Column({ type: 'text', nullable: true })
  metaProductId: string | null;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text', default: '' })
  description: string;

  /** As Meta gives it, formatted. */
  @Column({ type: 'text', default: '' })
  price: string;

  /** Read from the price where that is certain. */
  @Column({ type: 'numeric', precision: 20, scale: 4, nullable: true })
  amount: string | null;

  @Column({ type: 'text', nullable: true })
  currency: string | null;

  @Column({ type: 'text', default: '' })
  salePrice: string;

  @Column({ type: 'text', default: '' })
  imageUrl: string;

  @Column({ type: 'text', default: '' })
  url: string;

  @Column({ type: 'text', default: '' })
  brand: string;

  @Column({ type: 'text', default: '' })
  availability: string;

  @Column({ type: 'text', default: '' })
  condition: string;

  @Column({ type: 'text', default: '' })
  visibility: string;

  @Column({ type: 'text', default: '' })
  reviewStatus: string;

  @Column({ type: 'integer', nullable: true })
  inventory: number | null;

  /** Set by a person; no sync takes it back. */
  @Column({ type: 'boolean', default: false })
  isHidden: boolean;

  /** No sync finds it at Meta any more since then. */
  @Column({ type: 'timestamptz', nullable: true })
  goneAt: Date | null;

  @Column({ type: 'boolean', generatedType: 'STORED', asExpression: `not is_hidden and gone_at is null` })
  isActive: boolean;

  /** When a sync last changed it; the last sync of its catalog may have seen it later, and found it the same. */
  @Column({ type: 'timestamptz', nullable: true })
  syncedAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt: Date;
}
