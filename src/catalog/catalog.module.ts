import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CatalogProduct } from './catalog-product.entity.js';
import { CatalogSync } from './catalog-sync.entity.js';
import { OrderItem } from './order-item.entity.js';
import { Order } from './order.entity.js';
import { OrdersWebhook } from './orders.webhook.js';

/** Products as Meta has them, and what customers order. */
@Module({
  imports: [TypeOrmModule.forFeature([CatalogProduct, CatalogSync, Order, OrderItem])],
  providers: [OrdersWebhook],
  exports: [OrdersWebhook],
})
export class CatalogModule {}
