import { Injectable } from '@nestjs/common';
import { containing } from '../common/like.js';
import type { Queryable } from '../database/database.js';

export const ORDER_STATUSES = ['new', 'confirmed', 'shipped', 'completed', 'cancelled'] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

export interface OrderItemRow {
  position: number;
  retailer_id: string;
  /** Null: not known here. */
  product_id: number | null;
  product_name: string | null;
  image_url: string | null;
  quantity: number | null;
  /** numeric: a decimal as text; so is the next. */
  item_price: string | null;
  total_price: string | null;
  currency: string | null;
}

export interface OrderRow {
  id: number;
  /** Null once the person was erased. */
  conversation_id: number | null;
  contact_id: number | null;
  contact_name: string | null;
  phone: string | null;
  /** The wamid. */
  message_id: string | null;
  catalog_id: string;
  text: string;
  status: OrderStatus;
  notes: string;
  item_count: number;
  /** numeric: a decimal as text. */
  total_amount: string | null;
  currency: string | null;
  items: OrderItemRow[];
  placed_at: Date;
  created_at: Date;
  updated_at: Date;
}

export interface OrderFilter {
  accountId: number;
  status?: OrderStatus | undefined;
  contactId?: number | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
  /** Part of what was written, of notes, of a product's name or retailer id, or of the customer's name. */
  q?: string | undefined;
  after: { placedAt: Date; id: number } | null;
}

const COLUMNS = `o.id, o.conversation_id, o.contact_id, k.name as contact_name, k.phone,
  case when o.contact_id is not null then o.message_id end as message_id, o.catalog_id, o.text, o.status, o.notes, o.item_count,
  o.total_amount, o.currency, o.placed_at, o.created_at, o.updated_at, coalesce(items.rows, '[]') as items`;

/** The product of a line: the one it was when it was ordered, else the one that has come to be known by that name since. */
const productOf = (line: string, order: string): string => `coalesce(${line}.product_id, (
  select later.id from catalog_products later
  where later.account_id = ${line}.account_id and later.catalog_id = ${order}.catalog_id
    and later.retailer_id = ${line}.retailer_id))`;

/** Decimals go as text: JSON numbers of PostgreSQL would be read as floats. */
const FROM = `orders o
  left join contacts k on k.id = o.contact_id
  left join lateral (
    select json_agg(json_build_object('position', i.position, 'retailer_id', i.retailer_id, 'product_id', p.id,
      'product_name', p.name, 'image_url', p.image_url, 'quantity', i.quantity, 'item_price', i.item_price::text,
      'total_price', (i.quantity * i.item_price)::text, 'currency', i.currency) order by i.position) as rows
    from order_items i
    left join catalog_products p on p.account_id = i.account_id and p.id = ${productOf('i', 'o')}
    where i.account_id = o.account_id and i.order_id = o.id
  ) items on true`;

@Injectable()
export class OrdersRepository {
  async find(q: Queryable, accountId: number, id: number): Promise<OrderRow | null> {
    const [row] = await q.query<OrderRow>(`select ${COLUMNS} from ${FROM} where o.account_id = $1 and o.id = $2`, [
      accountId,
      id,
    ]);
    return row ?? null;
  }

  /** Those placed last first. */
  async list(q: Queryable, filter: OrderFilter, limit: number): Promise<OrderRow[]> {
    const values: unknown[] = [filter.accountId, limit];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const where = ['o.account_id = $1'];
    if (filter.status !== undefined) {
      where.push(`o.status = ${bind(filter.status)}`);
    }
    if (filter.contactId !== undefined) {
      where.push(`o.contact_id = ${bind(filter.contactId)}`);
    }
    if (filter.from !== undefined) {
      where.push(`o.placed_at >= ${bind(filter.from)}`);
    }
    if (filter.to !== undefined) {
      where.push(`o.placed_at < ${bind(filter.to)}`);
    }
    if (filter.after !== null) {
      where.push(`(o.placed_at, o.id) < (${bind(filter.after.placedAt)}, ${bind(filter.after.id)})`);
    }
    if (filter.q) {
      const pattern = bind(containing(filter.q));
      where.push(`(o.text ilike ${pattern} or o.notes ilike ${pattern}
        or exists (select from contacts named where named.id = o.contact_id and named.name ilike ${pattern})
        or exists (
          select from order_items line
          left join catalog_products product
            on product.account_id = line.account_id and product.id = ${productOf('line', 'o')}
          where line.account_id = o.account_id and line.order_id = o.id
            and (line.retailer_id ilike ${pattern} or product.name ilike ${pattern})))`);
    }
    return q.queryDynamic<OrderRow>(
      `select ${COLUMNS} from ${FROM} where ${where.join(' and ')} order by o.placed_at desc, o.id desc limit $2`,
      values,
    );
  }

  /** @returns false when there is none */
  async update(
    q: Queryable,
    accountId: number,
    id: number,
    changes: { status?: OrderStatus | undefined; notes?: string | undefined },
  ): Promise<boolean> {
    const rows = await q.query(
      `update orders set status = coalesce($3, status), notes = coalesce($4, notes), updated_at = now()
       where account_id = $1 and id = $2 returning id`,
      [accountId, id, changes.status ?? null, changes.notes ?? null],
    );
    return rows.length > 0;
  }
}
