import { invalidField } from '../common/app-error.js';
import { AccountScopedDto, NextCursor, PageQuery } from '../http/common.dto.js';
import { Decimal, Id, Int, ListOf, OneOf, OptionalText, Phone, Text, Timestamp } from '../http/fields.js';
import { ORDER_STATUSES, type OrderItemRow, type OrderRow, type OrderStatus } from './orders.repository.js';
import type { OrderQuery } from './orders.service.js';
import { CatalogId } from './product.dto.js';

const MAX_NOTES = 5_000;
const MAX_TEXT = 65_536;

const Status = (options: { optional?: boolean; description?: string } = {}): PropertyDecorator =>
  OneOf(ORDER_STATUSES, { ...options, example: 'confirmed' });

const Money = (description: string): PropertyDecorator =>
  Decimal({ min: 0, max: Number.MAX_SAFE_INTEGER, nullable: true, description, example: 299 });

const Currency = (description: string): PropertyDecorator =>
  Text({ max: 3, nullable: true, description, example: 'INR' });

export class ListOrdersQuery extends PageQuery {
  @Status({ optional: true, description: 'Only those with this status.' })
  status?: OrderStatus;

  @Id({ optional: true, description: 'Whose orders.' })
  contact_id?: number;

  @Phone({ optional: true, description: 'Whose orders, in any spelling.' })
  phone?: string;

  @Text({
    max: 200,
    optional: true,
    description: 'Whose orders, by Meta’s user id.',
    example: 'IN.13491208655302741918',
  })
  user_id?: string;

  @Timestamp({ optional: true, description: 'Placed at or after.' })
  from?: string;

  @Timestamp({ optional: true, description: 'Placed before.' })
  to?: string;

  @OptionalText({
    max: 200,
    description: 'Part of the text, the notes, the customer’s name, or of a product’s name or retailer_id.',
    example: 'shirt',
  })
  q?: string;
}

export class UpdateOrderDto extends AccountScopedDto {
  @Status({ optional: true, description: 'Any may follow any other.' })
  status?: OrderStatus;

  @OptionalText({ max: MAX_NOTES, example: 'Wrapped as a gift.' })
  notes?: string;
}

/** One line of an order; null where what the customer’s message says cannot be read. */
export class OrderItemDto {
  @Int({ min: 1, example: 1 })
  position: number;

  @Text({ min: 0, max: 255, example: 'TEA-250' })
  retailer_id: string;

  @Id({ nullable: true, description: 'The product here; null: not known.' })
  product_id: number | null;

  @Text({ min: 0, max: 500, nullable: true, description: 'As it is called now.', example: 'Assam tea, 250 g' })
  product_name: string | null;

  @Text({ min: 0, max: 8_000, nullable: true, example: 'https://shop.example/tea.jpg' })
  image_url: string | null;

  @Int({ nullable: true, example: 2 })
  quantity: number | null;

  @Money('Of one, as the customer saw it.')
  item_price: number | null;

  @Money('Of all pieces.')
  total_price: number | null;

  @Currency('ISO 4217 code.')
  currency: string | null;
}

export class OrderDto {
  @Id()
  id: number;

  @Id({ nullable: true, description: 'Null once the customer was erased.' })
  conversation_id: number | null;

  @Id({ nullable: true })
  contact_id: number | null;

  @Text({ min: 0, max: 255, nullable: true, example: 'Asha' })
  contact_name: string | null;

  @Text({ max: 32, nullable: true, example: '+919876500001' })
  phone: string | null;

  @Text({ max: 512, nullable: true, description: 'The wamid of the message.', example: 'wamid.HBgLMTIwMjU1NTAxNzE' })
  message_id: string | null;

  @CatalogId()
  catalog_id: string;

  @Text({ min: 0, max: MAX_TEXT, description: 'What the customer wrote with it.', example: 'Please gift-wrap it' })
  text: string;

  @Status()
  status: string;

  @Text({ min: 0, max: MAX_NOTES, example: '' })
  notes: string;

  @Int({ description: 'Lines of the order.', example: 1 })
  item_count: number;

  @Money('The sum of its lines; null when they have several currencies, or something of them cannot be read.')
  total_amount: number | null;

  @Currency('ISO 4217 code; null when they have several.')
  currency: string | null;

  @ListOf(() => OrderItemDto)
  items: OrderItemDto[];

  @Timestamp()
  placed_at: string;

  @Timestamp()
  created_at: string;

  @Timestamp()
  updated_at: string;
}

export class OrderListDto {
  @ListOf(() => OrderDto)
  orders: OrderDto[];

  @NextCursor()
  next_cursor: string | null;
}

/** @throws `400 validation_failed` for a time that there is not */
export function toOrderQuery(query: ListOrdersQuery): OrderQuery {
  const { status, contact_id: contactId, phone, user_id: userId, q, limit, cursor } = query;
  const from = timeOf('from', query.from);
  const to = timeOf('to', query.to);
  return { status, contactId, phone, userId, q, limit, cursor, from, to };
}

export function toOrderDto(row: OrderRow): OrderDto {
  return {
    ...row,
    total_amount: numberOf(row.total_amount),
    items: row.items.map(toItemDto),
    placed_at: row.placed_at.toISOString(),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

function toItemDto(row: OrderItemRow): OrderItemDto {
  return { ...row, item_price: numberOf(row.item_price), total_price: numberOf(row.total_price) };
}

function numberOf(decimal: string | null): number | null {
  return decimal === null ? null : Number(decimal);
}

function timeOf(field: string, value: string | undefined): Date | undefined {
  if (value === undefined) {
    return undefined;
  }
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) {
    throw invalidField(field, 'invalid_time', `${field} must be a moment such as 2026-11-21T09:30:00Z.`);
  }
  return time;
}
