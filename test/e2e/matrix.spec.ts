import { eventually, type Answer } from '../support/app.js';
import { EventSource } from '../support/event-source.js';
import { fillTenant, startMatrixWorld, type MatrixWorld } from '../support/matrix-world.js';
import {
  bodyOf,
  harvest,
  MISSING_ID,
  MISSING_PHONE,
  MISSING_TEXT,
  MISSING_USER_ID,
  pathParameters,
  placesOf,
  putAt,
  sameness,
  scopeOf,
  valuesFor,
  type Ids,
} from '../support/matrix.js';
import { fillPath, inParallel, readDocument, type ApiDocument, type ApiOperation } from '../support/operations.js';
import { SCOPES } from '../../src/http/principal.js';

type Json = Record<string, unknown>;

/** Operations where another account's thing cannot be named, and why. */
const NAMES_NOTHING: Record<string, string> = {
  listApiKeys: 'a list; that it leaves others out is tested by what it shows',
  createApiKey: 'names accounts, tested as fields of its body',
  listAccounts: 'a list; that it leaves others out is tested by what it shows',
  createAccount: 'a key tied to accounts adds none',
  listErrors: 'the same for everybody',
  getError: 'the same for everybody',
  getContactImportSample: 'the same for everybody',
  listStarterFlows: 'the same for everybody',
  createEventTicket: 'stands for the key itself',
  getRateTable: 'belongs to the installation',
  putRateTable: 'belongs to the installation',
};

/** Addresses of things that belong to the installation. */
const SHARED: Record<string, string> = {
  '/labels': 'labels belong to the installation (contract §6)',
  '/errors': 'the same for everybody',
  '/analytics': 'the name of a report, no id',
};

/** Where the answer for a foreign thing is as for a missing one, and good: nothing is refused. */
const GOOD_FOR_ANYBODY: Record<string, string> = {
  sendToChat: 'a number may be written to whether or not another account knows it',
};

/** What changes because it, or something else, was looked at. */
const WRITTEN_DOWN: Record<string, string> = {
  listAuditLog: 'that a list was exported is written down',
  listDeliveries: 'is tried again and again',
  getDelivery: 'is tried again and again',
};

/** Fields that name something: what a foreign and a missing one are, or why there is no such thing. */
type Naming = string | ((world: MatrixWorld, ids: Ids) => { foreign: unknown; missing: unknown }[]);

const id =
  (prefix: string): Naming =>
  (_world, ids) => [{ foreign: ids.get(prefix), missing: MISSING_ID }];

/** Two accounts, one key tied to the first: whatever it asks for of the second is as if it were not there. */
describe('the matrix of operations and strangers', () => {
  let world: MatrixWorld;
  let document: ApiDocument;
  let operations: ApiOperation[];
  let idsOfA: Ids;
  let idsOfB: Ids;
  let keyOfA: string;
  let before: Map<string, string>;
  let stream: EventSource;
  let secondsOfB: { message_id: string; media_id: string; meta_flow_id: string };
  const keys: Record<string, string> = {};
  const leaks: string[] = [];
  const tally = new Map<string, number>();

  const count = (what: string, by = 1): void => void tally.set(what, (tally.get(what) ?? 0) + by);
  const find = (operationId: string): ApiOperation =>
    operations.find((operation) => operation.id === operationId) as ApiOperation;

  /** A call by the key of A: nothing of B may be in the answer, except what the request said itself. */
  const asA = async (
    operation: ApiOperation,
    path: string,
    options: { body?: unknown; headers?: Record<string, string>; accountId?: number } = {},
    said: unknown = '',
  ): Promise<Answer<Json>> => {
    const answer = await world.call<Json>(operation.method, path, { key: keyOfA, ...options });
    const text = JSON.stringify([answer.body, [...answer.headers]]).replaceAll(String(said), '');
    if (/CANARYB/i.test(text) && !isShared(operation)) {
      leaks.push(`${operation.method} ${path}: …${/.{0,60}CANARYB.{0,60}/i.exec(text)?.[0]}…`);
    }
    return answer;
  };
  const isShared = ({ id: name, apiPath }: ApiOperation): boolean =>
    (apiPath ?? '').startsWith('/labels') || name === 'listAnalyticsLabels';
  const requestOf = (operation: ApiOperation): { body?: unknown } => {
    const body = bodyOf(document, operation, world.a);
    return body === undefined ? {} : { body };
  };
  const pathOfA = (operation: ApiOperation): string => {
    const values = valuesFor(operation, idsOfA);
    if (!values) {
      throw new Error(`${operation.id}: account A has nothing to put into ${operation.apiPath}: add it to fillTenant`);
    }
    return `${fillPath(operation, values)}${requiredQuery(operation)}`;
  };
  const requiredQuery = (operation: ApiOperation): string => {
    const needed = operation.parameters.filter((parameter) => parameter.in === 'query' && parameter.required);
    return needed.length > 0 ? `?${needed.map(({ name }) => `${name}=${world.a.tag}`).join('&')}` : '';
  };
  const and = (path: string, query: string): string => path + (path.includes('?') ? '&' : '?') + query;

  /** What the key of A sees: every GET there is, with A's own things. */
  const whatIsSeen = async (): Promise<Map<string, string>> => {
    const ids = idsOfA;
    const seen = new Map<string, string>();
    const gets = operations.filter((operation) => operation.method === 'GET' && valuesFor(operation, ids));
    await inParallel(gets, async (operation) => {
      const values = valuesFor(operation, ids) as Record<string, string | number>;
      let path = `${fillPath(operation, values)}${requiredQuery(operation)}`;
      if (operation.id === 'streamEvents') {
        path = and(path, 'poll=1&from=0&limit=200');
      }
      seen.set(operation.id, stable(await asA(operation, path)));
    });
    return seen;
  };
  /** Without what changes by itself. */
  const stable = ({ status, body }: Answer<Json>): string =>
    JSON.stringify([status, body], (name, value: unknown) =>
      /^(request_id|fbtrace_id|last_used_(at|ip)|next_cursor|prev_cursor|estimate|updated_at|.*_s|.*_ms|finish.*|.*attempt.*|status_code)$/.test(
        name,
      )
        ? undefined
        : value,
    );
  const settled = async (look: () => Promise<Map<string, string>>): Promise<Map<string, string>> => {
    let last = await look();
    await eventually(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 300));
        const next = await look();
        const restless = differing(last, next);
        last = next;
        return restless;
      },
      (restless) => restless.length === 0,
      60_000,
    );
    return last;
  };
  const differing = (one: Map<string, string>, other: Map<string, string>): string[][] =>
    [...one]
      .filter(([name, text]) => other.get(name) !== text && !(name in WRITTEN_DOWN))
      .map(([name, text]) => [name, ...firstDifference(text, other.get(name) ?? '')]);

  const makeKeys = async (): Promise<void> => {
    const make = async (body: object): Promise<{ id: number; key: string }> => {
      const answer = await world.call<{ id: number; key: string }>('POST', '/api-keys', { body });
      expect(answer.status).toBe(201);
      return answer.body;
    };
    const { accountId } = world.a;
    keyOfA = (await make({ name: 'A', scopes: ['*'], account_ids: [accountId], default_account_id: accountId })).key;
    const [revoked, deleted, expired, replaced] = [
      await make({ name: 'revoked', scopes: ['*'] }),
      await make({ name: 'deleted', scopes: ['*'] }),
      await make({ name: 'expired', scopes: ['*'], expires_at: new Date(Date.now() + 3_600_000).toISOString() }),
      await make({ name: 'replaced', scopes: ['*'] }),
    ];
    await world.call('PATCH', `/api-keys/${revoked.id}`, { body: { is_active: false } });
    await world.call('DELETE', `/api-keys/${deleted.id}`);
    await world.journey.api.db.queryDynamic(
      `update api_keys set expires_at = now() - interval '1 minute' where id = $1`,
      [expired.id],
    );
    await world.call('POST', `/api-keys/${replaced.id}/rotate`, { body: { overlap_s: 0 } });
    Object.assign(keys, {
      unknown: `wak_live_${'x'.repeat(60)}`,
      'of no form': "' or 1=1 --",
      revoked: revoked.key,
      deleted: deleted.key,
      expired: expired.key,
      replaced: replaced.key,
    });
    for (const scope of SCOPES.filter((name) => name !== '*')) {
      const others = SCOPES.filter((name) => name !== '*' && name !== scope);
      keys[`without ${scope}`] = (await make({ name: `without ${scope}`, scopes: others })).key;
    }
  };

  beforeAll(async () => {
    world = await startMatrixWorld();
    document = readDocument(world.journey.api.app);
    operations = document.operations.filter(({ needsKey, apiPath }) => needsKey && apiPath !== null);
    await fillTenant(world, world.a);
    await makeKeys();
    idsOfA = await harvest(world, document, world.a);
    before = await settled(() => whatIsSeen());
    stream = await EventSource.open(world.journey.api.url, { key: keyOfA });
    await fillTenant(world, world.b);
    idsOfB = await harvest(world, document, world.b);
    const first = async (path: string, list: string, field: string): Promise<string> => {
      const { body } = await world.call<Record<string, Record<string, string>[]>>('GET', path, {
        accountId: world.b.accountId,
      });
      return body[list]?.[0]?.[field] as string;
    };
    secondsOfB = {
      message_id: await first(`/chats/${world.b.customer}/messages`, 'messages', 'message_id'),
      media_id: await first('/media', 'media', 'media_id'),
      meta_flow_id: await first('/flows', 'flows', 'meta_flow_id'),
    };
  }, 120_000);
  afterAll(async () => {
    stream?.close();
    await world?.close();
    if (process.env.SHOW_FIGURES) {
      const lines = [...tally].map(([what, number]) => `${String(number).padStart(6)}  ${what}`);
      console.log(
        [`${operations.length} operations`, ...lines, `${String(leaks.length).padStart(6)}  leaks found`].join('\n'),
      );
    }
  });

  it('has something of everything in both accounts', () => {
    const lacking = operations.filter((operation) => !valuesFor(operation, idsOfA) || !valuesFor(operation, idsOfB));
    expect(lacking.map(({ method, apiPath }) => `${method} ${apiPath}`)).toEqual([]);
    const shared = [...idsOfA].filter(([prefix, value]) => idsOfB.get(prefix) === value).map(([prefix]) => prefix);
    expect(shared.filter((prefix) => !(prefix in SHARED))).toEqual([]);
  });

  it('shows the stranger nothing by existing: what the key of A sees is what it saw before there was anything of B', async () => {
    const after = await settled(() => whatIsSeen());
    count('GETs compared before and after', after.size);
    const changed = differing(before, after);
    // Labels are the installation's, and so is how they are called.
    expect(changed.filter(([name]) => !isShared(find(name ?? '')))).toEqual([]);
  });

  describe('without a key that works', () => {
    it.each(['none', 'unknown', 'of no form', 'revoked', 'deleted', 'expired', 'replaced'])(
      'every operation answers 401: %s',
      async (name) => {
        const wrong: string[] = [];
        await inParallel(operations, async (operation, index) => {
          const { status, body } = await world.call<Json>(operation.method, pathOfA(operation), {
            ...requestOf(operation),
            key: keys[name] ?? null,
            // Who fails often is let wait, each address for itself.
            headers: { 'x-forwarded-for': `10.${name.length}.${Math.floor(index / 10)}.${index % 10}` },
          });
          if (status !== 401 || body.code !== 'unauthorized' || body.error !== 'Unauthorized') {
            wrong.push(`${operation.id}: ${said({ status, body })}`);
          }
          count(`401: ${name}`);
        });
        expect(wrong).toEqual([]);
      },
    );

    it('every operation answers 403 to a key with every scope but the one it needs', async () => {
      const wrong: string[] = [];
      await inParallel(operations, async (operation) => {
        const scope = scopeOf(operation);
        if (scope === null) {
          count('any key will do');
          return;
        }
        const { status, body } = await world.call<Json>(operation.method, pathOfA(operation), {
          ...requestOf(operation),
          key: keys[`without ${scope}`],
        });
        if (status !== 403 || body.code !== 'insufficient_scope') {
          wrong.push(`${operation.id}: ${said({ status, body })}`);
        }
        count('403: wrong scope');
      });
      expect(wrong).toEqual([]);
    });
  });

  describe('another account', () => {
    const ways: Record<string, (operation: ApiOperation, account: number) => Promise<Answer<Json>> | null> = {
      header: (operation, accountId) =>
        operation.parameters.some(({ name }) => name === 'X-Account-Id')
          ? asA(operation, pathOfA(operation), { ...requestOf(operation), accountId })
          : null,
      query: (operation, accountId) =>
        operation.parameters.some((parameter) => parameter.in === 'query' && parameter.name === 'account_id')
          ? asA(operation, and(pathOfA(operation), `account_id=${accountId}`), requestOf(operation))
          : null,
      body: (operation, accountId) => {
        const { properties = {} } = document.resolve(operation.bodies['application/json']?.schema);
        const { body } = requestOf(operation);
        return 'account_id' in properties
          ? asA(operation, pathOfA(operation), { body: { ...(body as Json), account_id: accountId } })
          : null;
      },
    };

    it.each(Object.keys(ways))('cannot be named by the %s: it is not there', async (way) => {
      const wrong: string[] = [];
      await inParallel(operations, async (operation) => {
        const ask = ways[way] as (typeof ways)[string];
        const foreign = await ask(operation, world.b.accountId);
        const missing = await ask(operation, MISSING_ID);
        if (!foreign || !missing) {
          return;
        }
        count(`foreign account by ${way}`);
        const isSame =
          sameness(foreign.status, foreign.body, world.b.accountId) ===
          sameness(missing.status, missing.body, MISSING_ID);
        if (foreign.status !== 404 || foreign.body.code !== 'account_not_found' || !isSame) {
          wrong.push(versus(operation.id, foreign, missing));
        }
      });
      expect(wrong).toEqual([]);
    });
  });

  describe('a thing of another account', () => {
    const compare = async (
      operation: ApiOperation,
      foreign: Record<string, string | number>,
      missing: Record<string, string | number>,
      options: { key?: string; accountId?: number } = {},
    ): Promise<string[]> => {
      const ask = (values: Record<string, string | number>): Promise<Answer<Json>> => {
        const path = `${fillPath(operation, values)}${requiredQuery(operation)}`;
        return options.key === undefined
          ? asA(operation, path, requestOf(operation), Object.values(values)[0])
          : world.call<Json>(operation.method, path, { ...requestOf(operation), ...options });
      };
      const [theirs, none] = [await ask(foreign), await ask(missing)];
      const isSame =
        sameness(theirs.status, theirs.body, ...Object.values(foreign)) ===
        sameness(none.status, none.body, ...Object.values(missing));
      const isRefused = theirs.status === 404 || operation.id in GOOD_FOR_ANYBODY;
      return isSame && isRefused ? [] : [versus(`${operation.id} ${Object.values(foreign).join(' ')}`, theirs, none)];
    };
    const missingFor = (name: string, prefix: string): string | number =>
      ['/chats', '/blocked'].includes(prefix) ? MISSING_PHONE : name === 'phone' ? MISSING_PHONE : MISSING_ID;

    it('is found by no search', async () => {
      const wrong: string[] = [];
      const lists = operations.filter(
        ({ method, parameters }) =>
          method === 'GET' && parameters.some(({ name, in: place }) => place === 'query' && name === 'q'),
      );
      for (const operation of lists.filter((list) => !isShared(list))) {
        const ask = (q: string): Promise<Answer<Json>> =>
          asA(operation, and(fillPath(operation, valuesFor(operation, idsOfA) as Json as never), `q=${q}`), {}, q);
        const [theirs, none] = [await ask(world.b.tag), await ask(MISSING_TEXT)];
        count('searches');
        if (sameness(theirs.status, theirs.body) !== sameness(none.status, none.body)) {
          wrong.push(versus(operation.id, theirs, none));
        }
      }
      expect(wrong).toEqual([]);
    });

    it('cannot be told from a missing one by its address', async () => {
      const wrong: string[] = [];
      await inParallel(operations, async (operation) => {
        const parameters = pathParameters(operation).filter(({ prefix }) => !(prefix in SHARED));
        for (const [index] of parameters.entries()) {
          // One of two: the thing in front is ours, or theirs.
          const own = valuesFor(operation, idsOfA) as Record<string, string | number>;
          const theirs = valuesFor(operation, idsOfB) as Record<string, string | number>;
          const foreign = { ...own };
          const missing = { ...own };
          for (const { name, prefix } of parameters.slice(index)) {
            foreign[name] = theirs[name] as string | number;
            missing[name] = missingFor(name, prefix);
          }
          count('foreign id in the path');
          wrong.push(...(await compare(operation, foreign, missing)));
        }
        if (parameters.some(({ prefix }) => ['/chats', '/blocked'].includes(prefix))) {
          count('foreign user id in the path');
          wrong.push(...(await compare(operation, { phone: world.b.userId }, { phone: MISSING_USER_ID })));
        }
      });
      expect(wrong).toEqual([]);
    });

    it('is not there for one account’s request, though the key may use both accounts', async () => {
      const isOfAnAccount = (operation: ApiOperation): boolean =>
        operation.parameters.some(({ name }) => name === 'X-Account-Id') &&
        // Contacts belong to the installation, and a key that is tied to no account sees all.
        !/^\/(contacts|labels)\b/.test(operation.apiPath ?? '');
      const { body: both } = await world.call<{ key: string }>('POST', '/api-keys', {
        body: { name: 'both', scopes: ['*'], account_ids: [world.a.accountId, world.b.accountId] },
      });
      const wrong: string[] = [];
      for (const operation of operations.filter(isOfAnAccount)) {
        const parameters = pathParameters(operation).filter(({ prefix }) => !(prefix in SHARED));
        if (parameters.length > 0) {
          const foreign = valuesFor(operation, idsOfB) as Record<string, string | number>;
          const missing = Object.fromEntries(parameters.map(({ name, prefix }) => [name, missingFor(name, prefix)]));
          count('foreign id in the path, key of both accounts');
          wrong.push(...(await compare(operation, foreign, missing, { key: both.key, accountId: world.a.accountId })));
        }
      }
      expect(wrong).toEqual([]);
    });

    const META = 'an id of Meta’s: whether the account may use it is for Meta to say';
    const PERSON = 'addresses a person, who belongs to no account';
    const LABEL = SHARED['/labels'] as string;
    const OWN_WORD = 'chosen by whoever sends it';
    const message: Naming = (_world, ids) => [
      { foreign: ids.get('/messages'), missing: MISSING_ID },
      { foreign: secondsOfB.message_id, missing: 'wamid.NOBODYHASTHIS' },
    ];
    /** By the name of the field; `operationId.field` is looked for first. */
    const NAMINGS: Record<string, Naming> = {
      account_id: 'tested as another account',
      account_ids: ({ b }) => [{ foreign: [b.accountId], missing: [MISSING_ID] }],
      default_account_id: ({ b }) => [{ foreign: b.accountId, missing: MISSING_ID }],
      template_id: id('/templates'),
      contact_id: id('/contacts'),
      message_id: message,
      reply_message_id: message,
      reply_to_id: message,
      media_id: () => [{ foreign: secondsOfB.media_id, missing: '123456789012345' }],
      flow_id: () => [{ foreign: secondsOfB.meta_flow_id, missing: '123456789012345' }],
      flow_name: ({ b }) => [{ foreign: `${b.tag} flow`, missing: `${MISSING_TEXT} flow` }],
      template_name: ({ b }) => [{ foreign: `${b.tag.toLowerCase()}_draft`, missing: 'nobodyhasthis_draft' }],
      ids: (_world, ids) => [{ foreign: [ids.get('/webhook-logs')], missing: [MISSING_ID] }],
      'listWebhookLogs.phone_number_id': ({ b }) => [{ foreign: b.phoneNumberId, missing: '123456789012345' }],
      'replayWebhookLogs.phone_number_id': ({ b }) => [{ foreign: b.phoneNumberId, missing: '123456789012345' }],
      'listOrders.user_id': ({ b }) => [{ foreign: b.userId, missing: MISSING_USER_ID }],
      'unblockUser.user_id': ({ b }) => [{ foreign: b.userId, missing: MISSING_USER_ID }],
      'listProducts.catalog_id': ({ b }) => [{ foreign: `50000000000${b.accountId}`, missing: '123456789012345' }],
      'listCatalogSyncs.catalog_id': ({ b }) => [{ foreign: `50000000000${b.accountId}`, missing: '123456789012345' }],
      actor_key_id: id('/api-keys'),
      object_id: (_world, ids) => [{ foreign: ids.get('/campaigns'), missing: MISSING_ID }],
      variant_id: 'a variant of the campaign in the path',
      label: LABEL,
      labels: LABEL,
      auto_add_to_label: LABEL,
      user_id: PERSON,
      user_ids: PERSON,
      wa_id: PERSON,
      catalog_id: META,
      retailer_id: META,
      retailer_ids: META,
      product_retailer_id: META,
      product_retailer_ids: META,
      thumbnail_retailer_id: META,
      thumbnail_product_retailer_id: META,
      waba_id: META,
      default_catalog_id: META,
      phone_number_id:
        'Meta’s id of a number, of which the installation has one: whether it is taken is told (account_exists)',
      id: OWN_WORD,
      last_event_id: 'a place in the stream, of which each key sees its own events only',
    };
    /** What a field needs beside it to be looked at. */
    const BESIDE: Record<string, Json> = {
      'sendInteractive.flow_id': { type: 'flow', body: 'x', flow_cta: 'x', buttons: undefined, header: undefined },
      'sendInteractive.flow_name': { type: 'flow', body: 'x', flow_cta: 'x', buttons: undefined, header: undefined },
      'replayWebhookLogs.ids': {
        field: undefined,
        from: undefined,
        to: undefined,
        error: undefined,
        phone_number_id: undefined,
      },
    };

    it('cannot be told from a missing one where a query or body names it', async () => {
      const wrong: string[] = [];
      const unknown: string[] = [];
      for (const operation of operations) {
        for (const place of placesOf(document, operation)) {
          const naming = NAMINGS[`${operation.id}.${place.name}`] ?? NAMINGS[place.name];
          if (naming === undefined) {
            unknown.push(`${operation.id}: ${place.path.join('.')}`);
            continue;
          }
          if (typeof naming === 'string') {
            count(`named, but no thing of an account: ${naming}`);
            continue;
          }
          for (const { foreign, missing } of naming(world, idsOfB)) {
            const ask = (value: unknown): Promise<Answer<Json>> => {
              if (place.in === 'query') {
                const query = `${place.name}=${encodeURIComponent(String(value))}`;
                return asA(operation, and(pathOfA(operation), query), requestOf(operation), value);
              }
              const { body } = requestOf(operation);
              const beside = BESIDE[`${operation.id}.${place.name}`];
              const whole = {
                ...(body as Json),
                ...('phone' in (body as Json) ? {} : addressee(operation)),
                ...beside,
              };
              return asA(operation, pathOfA(operation), { body: putAt(whole, place.path, value) }, value);
            };
            const [theirs, none] = [await ask(foreign), await ask(missing)];
            count(`foreign id in the ${place.in}`);
            const same = (answer: Answer<Json>, value: unknown): string => withoutOwn(answer, value);
            if (same(theirs, foreign) !== same(none, missing) || theirs.status >= 500) {
              wrong.push(versus(`${operation.id} ${place.path.join('.')}`, theirs, none));
            }
          }
        }
      }
      expect(unknown).toEqual([]);
      expect(wrong).toEqual([]);
    });

    /** Sends go to somebody of A's. */
    const addressee = (operation: ApiOperation): Json => {
      const { properties = {} } = document.resolve(operation.bodies['application/json']?.schema);
      return 'phone' in properties && 'client_ref' in properties ? { phone: world.a.customer } : {};
    };
    /** Two good answers differ by the ids and times of what they made. */
    const withoutOwn = ({ status, body }: Answer<Json>, value: unknown): string => {
      const named = [value].flat().map(String);
      return sameness(status, body, ...named).replace(
        /"?(wamid\.[^"]+|\d{4}-\d\d-\d\dT[\d:.]+Z|wak_live_\w+|\b\d+\b)"?/g,
        '~',
      );
    };
  });

  it('has been told to nobody: no answer to the key of A, and no event of its stream, had anything of B', () => {
    expect(leaks).toEqual([]);
    count('events of the stream', stream.frames.length);
    expect(stream.frames.length).toBeGreaterThan(0);
    const strange = stream.frames.filter(
      // A itself asked for a template of that name.
      (frame) => /CANARYB(?!_draft)/i.test(JSON.stringify(frame)) || frame.data.account_id !== world.a.accountId,
    );
    expect(strange).toEqual([]);
  });

  it('has a foreign case for every operation, or a reason why there is none', () => {
    const without = operations.filter(
      (operation) =>
        !operation.parameters.some(({ name }) => name === 'X-Account-Id' || name === 'account_id') &&
        pathParameters(operation).every(({ prefix }) => prefix in SHARED) &&
        !placesOf(document, operation).some(({ name }) => name === 'account_id'),
    );
    expect(without.map((operation) => operation.id).filter((name) => !(name in NAMES_NOTHING))).toEqual([]);
    expect(Object.keys(NAMES_NOTHING).filter((name) => !find(name))).toEqual([]);
  });

  it('shares a person once A adds them, for people belong to the installation: their name, nothing that B said to them', async () => {
    const person = { phone: world.b.customer };
    const path = `/contacts/${idsOfB.get('/contacts')}`;
    const hidden = await world.call('GET', path, { key: keyOfA });
    const added = await world.call<Json>('POST', '/contacts', { key: keyOfA, body: person });
    expect([hidden.status, added.status, added.body.name]).toEqual([404, 201, `${world.b.tag} profile`]);
    const chats = await world.call<Json>('GET', `/chats/${world.b.customer}`, { key: keyOfA });
    expect(chats.status).toBe(404);
    expect(added.body.is_blocked).toBe(false);
  });

  // Last, for it changes and deletes what A has.
  it('refuses nobody their own: the same requests with A’s own things are found', async () => {
    const order = ['GET', 'PATCH', 'POST', 'PUT', 'DELETE'];
    const wrong: string[] = [];
    const isLast = ({ id: name }: ApiOperation): number => (name === 'deleteAccount' ? 1 : 0);
    const own = operations
      .filter((operation) => pathParameters(operation).length > 0 && operation.id !== 'streamEvents')
      .sort((x, y) => isLast(x) - isLast(y) || order.indexOf(x.method) - order.indexOf(y.method));
    for (const operation of own) {
      const { status, body } = await asA(operation, pathOfA(operation), requestOf(operation));
      count('own things');
      if (([401, 403, 404].includes(status) && !(operation.id in NOT_ITS_OWN)) || status === 500) {
        wrong.push(`${operation.id}: ${said({ status, body })}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

function said({ status, body }: { status: number; body: unknown }): string {
  const { code, detail } = (body ?? {}) as { code?: string; detail?: string };
  return `${status} ${code === undefined ? JSON.stringify(body)?.slice(0, 300) : `${code} (${detail})`}`;
}

function versus(what: string, theirs: Answer<unknown>, none: Answer<unknown>): string {
  return `${what}: ${said(theirs)} instead of ${said(none)}`;
}

function firstDifference(one: string, other: string): [string, string] {
  let at = 0;
  while (at < one.length && one[at] === other[at]) {
    at += 1;
  }
  const from = Math.max(0, at - 100);
  return [one.slice(from, at + 100), other.slice(from, at + 100)];
}

/** Where the thing that A has is not one that the operation is about. */
const NOT_ITS_OWN: Record<string, string> = {
  getMessageMedia: 'the newest message has no file',
  pickCampaignWinner: 'the campaign has no variants',
  updateUnmatchedFlowResponse: 'the answer belongs to a flow',
};
