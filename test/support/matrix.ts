import type { MatrixWorld, Tenant } from './matrix-world.js';
import { fillPath, type ApiDocument, type ApiOperation, type Schema } from './operations.js';

/** Nobody has these. */
export const MISSING_ID = 987_654_321;
export const MISSING_PHONE = '+919899999999';
export const MISSING_USER_ID = 'IN.9899999999';
export const MISSING_TEXT = 'NOBODYHASTHIS';

/** Values of path parameters, by the address in front of them: `/webhook-endpoints`. */
export type Ids = ReadonlyMap<string, string | number>;

/** Addresses whose ids are listed elsewhere. */
const LISTED_AT: Record<string, string> = {
  '/messages': '/chats/{phone}/messages',
  '/flow-responses': '/flows/responses',
  '/flows/responses': '/flows/responses',
  '/flows/{id}/responses': '/flows/responses',
  '/deliveries': '/webhook-endpoints/{id}/deliveries',
};

/** Requests whose example is not one that would go through. */
const RECIPES: Record<string, (tenant: Tenant) => Record<string, unknown>> = {
  sendMessage: ({ customer }) => ({ phone: customer, message: 'Hello' }),
  sendToChat: () => ({ body: 'Hello' }),
  sendProductList: ({ customer }) => ({
    phone: customer,
    header: 'x',
    body: 'x',
    sections: [{ title: 'x', product_items: [{ product_retailer_id: 'x' }] }],
  }),
  createProduct: () => ({ retailer_id: 'x', name: 'x', price: '1.00 USD' }),
  updateProduct: () => ({ brand: 'x' }),
};

/** What a request body says: the example of the document, unless there is a recipe. */
export function bodyOf(
  document: ApiDocument,
  operation: ApiOperation,
  tenant: Tenant,
): Record<string, unknown> | FormData | undefined {
  const recipe = RECIPES[operation.id];
  if (recipe) {
    return recipe(tenant);
  }
  if ('application/json' in operation.bodies) {
    return document.exampleBody(operation);
  }
  if ('multipart/form-data' in operation.bodies) {
    const form = new FormData();
    form.append('file', new Blob(['phone,name\n+919850000000,Nobody\n'], { type: 'text/csv' }), 'a.csv');
    return form;
  }
  return undefined;
}

/** The scope that an operation says it needs; null: any key will do. */
export function scopeOf({ id, description }: ApiOperation): string | null {
  const scope = /Scope: `([a-z_:*]+)`/.exec(description)?.[1];
  if (scope === undefined && !description.includes('Any valid key')) {
    throw new Error(`${id} does not say what scope it needs`);
  }
  return scope ?? null;
}

/** The address in front of each path parameter: `/campaigns/{id}/recipients` → `{ id: '/campaigns' }`. */
export function pathParameters({ apiPath }: ApiOperation): { name: string; prefix: string }[] {
  return [...(apiPath ?? '').matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1] as string,
    prefix: (apiPath ?? '').slice(0, match.index).replace(/\/$/, ''),
  }));
}

/** Ids of whatever the tenant has: the first element of each list there is, lists within things too. */
export async function harvest(world: MatrixWorld, document: ApiDocument, tenant: Tenant): Promise<Ids> {
  const ids = new Map<string, string | number>([
    ['/accounts', tenant.accountId],
    ['/chats', tenant.customer],
    ['/blocked', tenant.blocked],
    ['/errors', 'not_found'],
    ['/analytics', 'campaigns'],
  ]);
  // These have no list.
  const [unlisted] = await world.journey.api.db.queryDynamic<{ import_id: string; replay_id: string }>(
    `select (select max(id) from contact_imports where account_id = $1) as import_id,
            (select max(id) from webhook_replays where account_ids = array[$1::bigint]) as replay_id`,
    [tenant.accountId],
  );
  ids.set('/contact-imports', Number(unlisted?.import_id));
  ids.set('/webhook-replays', Number(unlisted?.replay_id));
  const lists = document.operations.filter(
    ({ method, apiPath, id }) => method === 'GET' && apiPath !== null && !/events/i.test(id),
  );
  // Lists of things first, then lists within those things.
  for (const operation of lists.sort((x, y) => pathParameters(x).length - pathParameters(y).length)) {
    const path = operation.apiPath as string;
    const values = valuesFor(operation, ids);
    if (!values || path.endsWith('}')) {
      continue;
    }
    const answer = await world.call<Record<string, unknown>>('GET', fillPath(operation, values), {
      accountId: tenant.accountId,
    });
    const rows = Object.values(answer.status === 200 ? (answer.body ?? {}) : {}).find(Array.isArray) ?? [];
    const own = (rows as Record<string, unknown>[]).find((row) => isOwn(row, tenant));
    if (own && !ids.has(path)) {
      ids.set(path, own.id as number);
    }
  }
  for (const [prefix, list] of Object.entries(LISTED_AT)) {
    const id = ids.get(list);
    if (id !== undefined) {
      ids.set(prefix, id);
    }
  }
  return ids;
}

function isOwn(row: unknown, { accountId, customer }: Tenant): row is Record<string, unknown> {
  if (row === null || typeof row !== 'object' || !['number', 'string'].includes(typeof (row as { id?: unknown }).id)) {
    return false;
  }
  const {
    account_id: account,
    account_ids: accounts,
    normalized_phone: phone,
  } = row as { account_id?: unknown; account_ids?: unknown[]; normalized_phone?: string };
  if (phone !== undefined && !phone.startsWith(customer.slice(1, 7))) {
    return false;
  }
  return accounts ? accounts.length === 1 && accounts[0] === accountId : account === undefined || account === accountId;
}

/** A value for each path parameter; null where the tenant has nothing of the kind. */
export function valuesFor(operation: ApiOperation, ids: Ids): Record<string, string | number> | null {
  const entries = pathParameters(operation).map(({ name, prefix }) => [name, ids.get(prefix)] as const);
  return entries.some(([, value]) => value === undefined)
    ? null
    : (Object.fromEntries(entries) as Record<string, string | number>);
}

/** A place in a query or body where something is named. */
export interface Place {
  in: 'query' | 'body';
  /** `sections[].product_items[].product_retailer_id` */
  path: string[];
  name: string;
}

const NAMES_SOMETHING = /(^|_)(id|ids)$|^(labels?|auto_add_to_label|template_name|flow_name)$/;

/** Every field that names something by its id or name, however deep. */
export function placesOf(document: ApiDocument, operation: ApiOperation): Place[] {
  const walk = (given: Schema | undefined, path: string[], depth: number): Place[] => {
    const schema = document.resolve(given);
    return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
      const here = [...path, name];
      const inner = document.resolve(property);
      const items = document.resolve(inner.items);
      const nested =
        depth > 4
          ? []
          : [...walk(property, here, depth + 1), ...(inner.items ? walk(items, [...here, '[]'], depth + 1) : [])];
      return NAMES_SOMETHING.test(name) ? [{ in: 'body' as const, path: here, name }, ...nested] : nested;
    });
  };
  const inQuery = operation.parameters
    .filter((parameter) => parameter.in === 'query' && NAMES_SOMETHING.test(parameter.name))
    .map(({ name }): Place => ({ in: 'query', path: [name], name }));
  return [...inQuery, ...walk(operation.bodies['application/json']?.schema, [], 0)];
}

/** The body with a value put there; lists on the way have one element. */
export function putAt(body: Record<string, unknown>, path: readonly string[], value: unknown): Record<string, unknown> {
  const [head, next, ...rest] = path;
  if (head === undefined) {
    return body;
  }
  if (next === undefined) {
    return { ...body, [head]: value };
  }
  if (next === '[]') {
    const list = body[head];
    const first = (Array.isArray(list) ? list[0] : undefined) as Record<string, unknown> | undefined;
    return { ...body, [head]: [putAt(first ?? {}, rest, value)] };
  }
  const inner = body[head];
  return { ...body, [head]: putAt((inner ?? {}) as Record<string, unknown>, [next, ...rest], value) };
}

/** What two answers must have in common to be the same to whoever asks: all but what names the request or the thing. */
export function sameness(status: number, body: unknown, ...named: (string | number)[]): string {
  const text = JSON.stringify([status, body], (key, value: unknown) =>
    ['request_id', 'fbtrace_id', 'created_at', 'updated_at', 'timestamp'].includes(key) ? undefined : value,
  );
  return named
    .map(String)
    .sort((x, y) => y.length - x.length)
    .reduce((seen, name) => seen.replaceAll(new RegExp(`(?<![\\w.])\\+?${escape(name)}(?!\\w)`, 'g'), '#'), text);
}

function escape(text: string): string {
  return text.replace(/^\+/, '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
