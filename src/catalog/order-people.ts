import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PeoplePorts } from '../contacts/people-ports.js';
import { PlacedOrdersRepository } from './placed-orders.repository.js';

/** What becomes of orders when two people turn out to be one, or one is forgotten. */
@Injectable()
export class OrderPeople implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly orders: PlacedOrdersRepository,
  ) {}

  onModuleInit(): void {
    this.ports.onMerge((tx, act) => this.orders.move(tx, act));
    this.ports.onErase((tx, act) => this.orders.erase(tx, act));
  }
}
