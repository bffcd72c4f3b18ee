import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';
import type { WabaAccount } from './templates.js';

/** A catalog that is connected to the WABA. */
export interface MetaCatalog {
  id: string;
  name?: string;
}

/** A product as Meta gives it. Every text may be missing. */
export interface MetaProduct {
  id?: unknown;
  /** The retailer's own id (SKU, "Content ID"): what messages name it by. */
  retailer_id?: unknown;
  name?: unknown;
  description?: unknown;
  /** Formatted, such as `$10.00`; only what is written is a number. */
  price?: unknown;
  currency?: unknown;
  sale_price?: unknown;
  availability?: unknown;
  image_url?: unknown;
  url?: unknown;
  brand?: unknown;
  condition?: unknown;
  inventory?: unknown;
  visibility?: unknown;
  review_status?: unknown;
}

/** One page of a list; `after` is null on the last (Meta ends a list by leaving out `paging.next`). */
export interface CatalogPage {
  products: MetaProduct[];
  after: string | null;
  /** There is more, and Meta does not say where. */
  isCut: boolean;
}

interface Paged<T> {
  data?: T[];
  paging?: { cursors?: { after?: string }; next?: string };
}

const FIELDS = [
  'id',
  'retailer_id',
  'name',
  'description',
  'price',
  'currency',
  'sale_price',
  'availability',
  'image_url',
  'url',
  'brand',
  'condition',
  'inventory',
  'visibility',
  'review_status',
].join(',');

/** One catalog per WABA; more are not expected, and all of them fit on a page. */
const MAX_CATALOGS = 100;

/** Source: Meta's reference, `/{WABA_ID}/product_catalogs` and `/{CATALOG_ID}/products`. */
@Injectable()
export class CatalogApi {
  constructor(private readonly graph: GraphClient) {}

  /** The catalogs of the WABA. */
  async catalogs(account: WabaAccount): Promise<GraphResult<MetaCatalog[]>> {
    const result = await this.graph.call<Paged<MetaCatalog>>(account, {
      method: 'GET',
      path: `${encodeURIComponent(account.wabaId)}/product_catalogs`,
      query: { fields: 'id,name', limit: MAX_CATALOGS },
      label: 'product_catalogs',
    });
    return result.ok ? { ok: true, body: listOf(result.body.data) } : result;
  }

  /** One page of a catalog's products, at most `limit` of them. */
  async products(
    account: GraphAccount,
    catalogId: string,
    page: { after: string | null; limit: number },
  ): Promise<GraphResult<CatalogPage>> {
    const result = await this.graph.call<Paged<MetaProduct>>(account, {
      method: 'GET',
      path: `${encodeURIComponent(catalogId)}/products`,
      query: { fields: FIELDS, limit: page.limit, ...(page.after === null ? {} : { after: page.after }) },
      label: 'catalog_products',
    });
    if (!result.ok) {
      return result;
    }
    const { data, paging } = result.body;
    const hasMore = typeof paging?.next === 'string' && paging.next !== '';
    const after = hasMore ? (paging.cursors?.after ?? afterOf(paging.next as string)) : null;
    return { ok: true, body: { products: listOf(data), after, isCut: hasMore && after === null } };
  }
}

/** A cursor that is only in the link to the next page. The link itself is not followed: it has the token in it. */
function afterOf(link: string): string | null {
  return URL.canParse(link) ? new URL(link).searchParams.get('after') : null;
}

function listOf<T>(data: T[] | undefined): T[] {
  return Array.isArray(data) ? data.filter((item) => typeof item === 'object' && item !== null) : [];
}
