import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** One line of an order. */
@Entity('order_items')
export class OrderItem {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'bigint' })
  accountId: number;

  @Column({ type: 'bigint' })
  orderId: number;

  @Column({ type: 'integer' })
  position: number;

  @Column({ type: 'text' })
  retailerId: string;

  /** The product here, if it is known. */
  @Column({ type: 'bigint', nullable: true })
  productId: number | null;

  /** Null, like price and currency: what Meta sent cannot be read. */
  @Column({ type: 'integer', nullable: true })
  quantity: number | null;

  @Column({ type: 'numeric', precision: 20, scale: 4, nullable: true })
  itemPrice: string | null;

  @Column({ type: 'text', nullable: true })
  currency: string | null;
}
