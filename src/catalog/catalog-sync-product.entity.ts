import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A product that a running sync has seen; what none of them names at its end is gone from Meta. */
@Entity('catalog_sync_products')
export class CatalogSyncProduct {
  @Column({ type: 'bigint' })
  accountId: number;

  @PrimaryColumn({ type: 'bigint' })
  syncId: number;

  @PrimaryColumn({ type: 'text' })
  retailerId: string;
}
