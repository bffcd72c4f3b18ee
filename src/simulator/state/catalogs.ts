/** What is said of a product; what is left out is as usual. */
export interface ProductFields {
  retailer_id: string;
  [field: string]: unknown;
}

/** A product of a catalog. */
export interface Product extends ProductFields {
  id: string;
  name: unknown;
}

/** What goes wrong when a catalog is read. */
export interface CatalogFaults {
  /** The next so many pages are refused with `code`; 0: the connection breaks off. */
  failures: { code: number; times: number; afterPages: number } | null;
  /** The next so many pages refuse their cursor. */
  badCursors: number;
  /** Larger pages are refused: "reduce the amount of data". 0: none. */
  maxPage: number;
  /** How long each page takes. */
  delayMs: number;
  /** The list begins anew at its end, for ever. */
  endless: boolean;
}

export interface Catalog {
  id: string;
  wabaId: string;
  name: string;
  /** By retailer id, in the order in which Meta lists them. */
  products: Map<string, Product>;
  faults: CatalogFaults;
  /** Pages that were asked for. */
  pages: number;
}

/** What is set for the catalog of a number. */
export interface CommerceSettings {
  is_cart_enabled: boolean;
  is_catalog_visible: boolean;
}

/** What the first catalog of a WABA has, so that a first sync already gives something to sell. */
const SEEDS: readonly ProductFields[] = [
  tea('TEA-250', 'Assam tea, 250 g', '₹149.50'),
  tea('TEA-500', 'Assam tea, 500 g', '₹279.00'),
  tea('POT-1', 'Teapot', '₹1,299.00'),
];

/** Catalogs by id, and what numbers do with them. */
export class Catalogs {
  private readonly byId = new Map<string, Catalog>();
  private readonly settings = new Map<string, CommerceSettings>();
  private productIds = 600_000_000_000_000;

  /** A catalog that is known: set up, or shown as a WABA's before. */
  find(id: string): Catalog | undefined {
    return this.byId.get(id);
  }

  all(): Catalog[] {
    return [...this.byId.values()];
  }

  /** The catalogs of a WABA; one that has none gets one with a few products. */
  of(wabaId: string): Catalog[] {
    const own = this.all().filter((catalog) => catalog.wabaId === wabaId);
    if (own.length > 0) {
      return own;
    }
    const catalog = this.add(`5${wabaId.slice(1)}`, wabaId);
    SEEDS.forEach((product) => this.put(catalog, product));
    return [catalog];
  }

  /** The catalog of this id, made when there is none. */
  ensure(id: string): Catalog {
    return this.byId.get(id) ?? this.add(id, '');
  }

  /** Adds a product, or lays what is given over the one of this retailer id. */
  put(catalog: Catalog, product: ProductFields): void {
    const known = catalog.products.get(product.retailer_id);
    const fresh = { id: known?.id ?? String(++this.productIds), name: product.retailer_id };
    catalog.products.set(product.retailer_id, { ...BLANK, ...fresh, ...known, ...product });
  }

  settingsOf(phoneNumberId: string): CommerceSettings {
    const known = this.settings.get(phoneNumberId) ?? { is_cart_enabled: true, is_catalog_visible: true };
    this.settings.set(phoneNumberId, known);
    return known;
  }

  private add(id: string, wabaId: string): Catalog {
    const faults: CatalogFaults = { failures: null, badCursors: 0, maxPage: 0, delayMs: 0, endless: false };
    const catalog = { id, wabaId, name: `Catalog ${id}`, products: new Map<string, Product>(), faults, pages: 0 };
    this.byId.set(id, catalog);
    return catalog;
  }
}

/** Meta: README §B.5, the fields of a product. */
const BLANK: Readonly<Record<string, unknown>> = {
  description: '',
  price: '$10.00',
  currency: 'USD',
  sale_price: '',
  availability: 'in stock',
  image_url: '',
  url: '',
  brand: '',
  condition: 'new',
  inventory: 10,
  visibility: 'published',
  review_status: 'approved',
};

function tea(retailer_id: string, name: string, price: string): ProductFields {
  return { retailer_id, name, price, currency: 'INR', image_url: `https://shop.example/${retailer_id}.jpg` };
}
