import { Injectable } from '@nestjs/common';
import type { Erasure, Merge } from '../contacts/people-ports.js';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';
import type { ReadOrder } from './order-reading.js';

/** An order that a customer placed. */
export interface PlacedOrder extends ReadOrder {
  accountId: number;
  conversationId: number;
  contactId: number;
  wamid: string;
  at: Date;
}

/**
 * A total is a sum of one currency in which nothing is missing; what does not fit was never meant. An order whose message is
 * known already is passed over, and its items with it.
 */
const INSERT = `
  with o as (
    select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
      as o (account_id, conversation_id, contact_id, message_id, catalog_id, text, placed_at)
  ), i as (
    select account_id, message_id, position, retailer_id, quantity, round(item_price, 4) as item_price, currency
    from unnest($8::bigint[], $9::text[], $10::int[], $11::text[], $12::int[], $13::numeric[], $14::text[])
      as i (account_id, message_id, position, retailer_id, quantity, item_price, currency)
  ), totals as (
    select account_id, message_id, count(*)::int as item_count,
      case when count(distinct currency) = 1 and bool_and(currency is not null) then max(currency) end as currency,
      case when count(distinct currency) = 1 and bool_and(currency is not null and quantity is not null and item_price is not null)
        and sum(quantity * item_price) < 1e15 then sum(quantity * item_price) end as total_amount
    from i group by account_id, message_id
  ), placed as (
    insert into orders (account_id, conversation_id, contact_id, message_id, catalog_id, text, placed_at, item_count,
      total_amount, currency)
    select o.account_id, o.conversation_id, o.contact_id, o.message_id, o.catalog_id, o.text, o.placed_at,
      coalesce(t.item_count, 0), t.total_amount, t.currency
    from o left join totals t using (account_id, message_id)
    order by o.account_id, o.message_id
    on conflict (account_id, message_id) do nothing
    returning id, account_id, message_id, catalog_id
  )
  insert into order_items (account_id, order_id, position, retailer_id, product_id, quantity, item_price, currency)
  select placed.account_id, placed.id, i.position, i.retailer_id, p.id, i.quantity, i.item_price, i.currency
  from placed join i using (account_id, message_id)
  left join catalog_products p
    on p.account_id = placed.account_id and p.catalog_id = placed.catalog_id and p.retailer_id = i.retailer_id
  order by p.id`;

/** Orders as they come in, and whose they are. */
@Injectable()
export class PlacedOrdersRepository {
  async insert(tx: Tx, orders: readonly PlacedOrder[]): Promise<void> {
    const items = orders.flatMap(({ accountId, wamid, items: lines }) =>
      lines.map((item, index) => ({ accountId, wamid, position: index + 1, ...item })),
    );
    await tx.query(INSERT, [
      ...columnsOf(
        orders,
        (order) => order.accountId,
        (order) => order.conversationId,
        (order) => order.contactId,
        (order) => order.wamid,
        (order) => order.catalogId,
        (order) => order.text,
        (order) => order.at,
      ),
      ...columnsOf(
        items,
        (item) => item.accountId,
        (item) => item.wamid,
        (item) => item.position,
        (item) => item.retailerId,
        (item) => item.quantity,
        (item) => item.itemPrice,
        (item) => item.currency,
      ),
    ]);
  }

  /**
   * Orders go to the survivor and into the conversation that they are in when the merge is done. Right whether conversations
   * were moved before or are moved afterwards: the one that only changes hands keeps its id, and of two the survivor's stays.
   */
  async move(tx: Tx, { survivorId, goneId }: Merge): Promise<void> {
    await tx.query(
      `with moved as (
         select o.id from orders o where o.contact_id = $2 order by o.id for no key update of o
       )
       update orders o set contact_id = $1, conversation_id = coalesce((
         select c.id from conversations c where c.account_id = o.account_id and c.contact_id = $1), o.conversation_id)
       from moved where o.id = moved.id`,
      [survivorId, goneId],
    );
  }

  /** What was sold stays, for the books; to whom, and what was said about it, goes. */
  async erase(tx: Tx, { contactId }: Erasure): Promise<void> {
    await tx.query(
      `with own as (
         select id from orders where contact_id = $1 order by id for no key update
       )
       update orders o set contact_id = null, conversation_id = null, message_id = 'erased:' || o.id, text = '', notes = '',
         updated_at = now()
       from own where o.id = own.id`,
      [contactId],
    );
  }
}
