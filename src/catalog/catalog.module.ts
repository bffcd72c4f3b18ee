import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ContactsModule } from '../contacts/contacts.module.js';
import { CatalogProduct } from './catalog-product.entity.js';
import { CatalogSyncProduct } from './catalog-sync-product.entity.js';
import { CatalogSyncRunner } from './catalog-sync-runner.js';
import { CatalogSync } from './catalog-sync.entity.js';
import { CatalogController } from './catalog.controller.js';
import { CatalogSyncsRepository } from './catalog-syncs.repository.js';
import { CatalogSyncsService } from './catalog-syncs.service.js';
import { OrderItem } from './order-item.entity.js';
import { OrderPeople } from './order-people.js';
import { Order } from './order.entity.js';
import { OrdersController } from './orders.controller.js';
import { OrdersRepository } from './orders.repository.js';
import { OrdersService } from './orders.service.js';
import { OrdersWebhook } from './orders.webhook.js';
import { PlacedOrdersRepository } from './placed-orders.repository.js';
import { ProductsController } from './products.controller.js';
import { ProductsRepository } from './products.repository.js';
import { ProductsService } from './products.service.js';
import { SyncedProductsRepository } from './synced-products.repository.js';

/** Products as Meta has them, and what customers order. */
@Module({
  imports: [
    TypeOrmModule.forFeature([CatalogProduct, CatalogSync, CatalogSyncProduct, Order, OrderItem]),
    ContactsModule,
  ],
  controllers: [CatalogController, OrdersController, ProductsController],
  providers: [
    CatalogSyncRunner,
    CatalogSyncsRepository,
    CatalogSyncsService,
    OrderPeople,
    OrdersRepository,
    OrdersService,
    OrdersWebhook,
    PlacedOrdersRepository,
    ProductsRepository,
    ProductsService,
    SyncedProductsRepository,
  ],
  exports: [CatalogSyncRunner, CatalogSyncsRepository, OrdersWebhook],
})
export class CatalogModule {}
