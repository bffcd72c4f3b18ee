import { Body, Controller, Get, Param, Patch, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import { ListOrdersQuery, OrderDto, OrderListDto, toOrderDto, toOrderQuery, UpdateOrderDto } from './order.dto.js';
import { OrdersService } from './orders.service.js';

const TAG = 'Orders';

@Controller('orders')
export class OrdersController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly orders: OrdersService,
  ) {}

  @Get()
  @Operation({
    id: 'listOrders',
    summary: 'List what customers ordered, the last first',
    tag: TAG,
    scope: 'catalog:read',
    answers: OrderListDto,
    errors: ['bad_cursor', 'invalid_phone_number'],
  })
  async list(@Query() query: ListOrdersQuery): Promise<OrderListDto> {
    const page = await this.orders.list(await this.accounts.current(), toOrderQuery(query));
    return { orders: page.rows.map(toOrderDto), next_cursor: page.nextCursor };
  }

  @Get(':id')
  @Operation({
    id: 'getOrder',
    summary: 'Get an order',
    tag: TAG,
    scope: 'catalog:read',
    answers: OrderDto,
    errors: ['not_found'],
  })
  async get(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<OrderDto> {
    return toOrderDto(await this.orders.get((await this.accounts.current()).id, id));
  }

  @Patch(':id')
  @Operation({
    id: 'updateOrder',
    example: { status: 'confirmed', notes: 'Gift wrapped.' },
    summary: 'Say how far an order is, or note something',
    tag: TAG,
    scope: 'catalog:write',
    answers: OrderDto,
    errors: ['not_found'],
  })
  async update(@Param() { id }: IdParam, @Body() { status, notes }: UpdateOrderDto): Promise<OrderDto> {
    return toOrderDto(await this.orders.update((await this.accounts.current()).id, id, { status, notes }));
  }
}
