import { request as httpRequest } from 'node:http';
import { ERROR_CODES } from '../../src/common/app-error.js';
import { documentedCodes } from '../../src/meta/graph-error.js';
import { ADMIN_KEY, startTestApp, type Answer, type TestApp } from '../support/app.js';
import { fillPath, inParallel, readDocument, type ApiDocument, type ApiOperation } from '../support/operations.js';

interface CatalogueEntry {
  source: string;
  code: string;
  status: number | null;
  title: string;
  meaning: string;
  kind: string | null;
  effect: string | null;
  what_to_do: string;
  retryable: boolean;
}
type ErrorList = { errors: CatalogueEntry[]; next_cursor: string | null };
type Problem = Record<string, unknown>;

/** What it is that is not well, and what the answer may be then. */
interface Case {
  name: string;
  applies: (operation: ApiOperation) => boolean;
  statuses: number[];
  code?: string;
  send: (operation: ApiOperation, path: string) => Promise<Answer<Problem>>;
}

const isForm = ({ bodies }: ApiOperation): boolean => 'multipart/form-data' in bodies;
const readsJson = ({ bodies }: ApiOperation): boolean => 'application/json' in bodies;
/** A body of this class names its fields; of others the service reads what it is. */
const hasFields = (operation: ApiOperation, document: ApiDocument): boolean =>
  Object.keys(document.resolve(operation.bodies['application/json']?.schema).properties ?? {}).length > 0;

describe('errors', () => {
  let api: TestApp;
  let document: ApiDocument;

  beforeAll(async () => {
    api = await startTestApp();
    await api.call('POST', '/accounts', { body: { name: 'A', phone_number_id: '1', access_token: 'EAAx' } });
    document = readDocument(api.app);
  });
  afterAll(() => api.close());

  describe('the catalogue', () => {
    const list = async (query: string): Promise<ErrorList> =>
      (await api.call<ErrorList>('GET', `/errors${query}`)).body;
    const all = async (query: string): Promise<CatalogueEntry[]> => {
      const seen: CatalogueEntry[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: ErrorList = await list(`?limit=60&${query}${cursor && `&cursor=${cursor}`}`);
        seen.push(...page.errors);
        cursor = page.next_cursor;
      }
      return seen;
    };

    it('has every code that our answers can have, and every code of Meta’s that is known', async () => {
      const ours = await all('source=parley');
      const metas = await all('source=meta');
      expect(ours.map(({ code }) => code).sort()).toEqual([...ERROR_CODES].sort());
      expect(metas.map(({ code }) => Number(code))).toEqual(documentedCodes());
      expect(metas.length).toBeGreaterThan(140);
      expect(await all('')).toHaveLength(ours.length + metas.length);
    });

    it('says of each what it means, what it does and what to do', async () => {
      const lacking = (await all('')).filter(
        ({ title, meaning, what_to_do: advice, source, kind, effect, status }) =>
          [title, meaning, advice].some((text) => text.trim().length < 5) ||
          (source === 'meta' ? kind === null || effect === null : status === null),
      );
      expect(lacking).toEqual([]);
    });

    it('finds by words', async () => {
      expect((await list('?q=service window&source=parley')).errors.map(({ code }) => code)).toContain(
        'outside_service_window',
      );
      expect((await list('?q=131047')).errors.map(({ title }) => title)).toEqual(['Service window closed']);
      expect((await list('?q=nothing-like-this')).errors).toEqual([]);
    });

    it('explains one code, ours or Meta’s', async () => {
      const ours = await api.call('GET', '/errors/rate_limited');
      expect(ours.body).toMatchObject({ source: 'parley', status: 429, retryable: true });
      const metas = await api.call('GET', '/errors/131056');
      expect(metas.body).toMatchObject({ source: 'meta', kind: 'pair_limit', retryable: true });
      expect((await api.call('GET', '/errors/213')).body).toMatchObject({ code: '213', kind: 'account' });
      expect([(await api.call('GET', '/errors/no_such')).status, (await api.call('GET', '/errors/9')).status]).toEqual([
        404, 404,
      ]);
    });

    it('is where the type of a problem points', async () => {
      const { body } = await api.call<{ type: string; code: string }>('GET', '/labels?limit=0');
      const pointed = await fetch(new URL(body.type, api.url), { headers: { 'x-api-key': ADMIN_KEY } });
      expect(await pointed.json()).toMatchObject({ code: body.code, status: 400 });
    });

    it('takes any key, and only its own cursors', async () => {
      const { body } = await api.call<{ key: string }>('POST', '/api-keys', { body: { name: 'x', scopes: [] } });
      expect((await api.call('GET', '/errors', { key: body.key })).status).toBe(200);
      expect((await api.call('GET', '/errors', { key: null })).status).toBe(401);
      for (const cursor of ['x', Buffer.from('["errors","parley","none"]').toString('base64url')]) {
        expect((await api.call('GET', `/errors?cursor=${cursor}`)).body).toMatchObject({ code: 'bad_cursor' });
      }
    });
  });

  describe('whatever is wrong with a request', () => {
    const call = (operation: ApiOperation, path: string, options: object): Promise<Answer<Problem>> =>
      api.call<Problem>(operation.method, path, options);
    const asForm = (): FormData => {
      const form = new FormData();
      form.append('name', 'x');
      return form;
    };
    const CASES: Case[] = [
      {
        name: 'a body that is no JSON',
        applies: readsJson,
        statuses: [400],
        code: 'malformed_json',
        send: (operation, path) =>
          call(operation, path, { body: '{"phone": ', headers: { 'content-type': 'application/json' } }),
      },
      {
        name: 'JSON in another character set',
        applies: readsJson,
        statuses: [400],
        send: (operation, path) =>
          call(operation, path, { body: '\u0000\u0001', headers: { 'content-type': 'application/json' } }),
      },
      {
        name: 'another content type',
        applies: (operation) => readsJson(operation) || isForm(operation),
        statuses: [415],
        code: 'unsupported_media_type',
        send: (operation, path) =>
          call(operation, path, { body: '<xml/>', headers: { 'content-type': 'application/xml' } }),
      },
      {
        name: 'a form where JSON is read',
        applies: (operation) => readsJson(operation) && !isForm(operation),
        statuses: [415],
        code: 'unsupported_media_type',
        send: (operation, path) => call(operation, path, { body: asForm() }),
      },
      {
        name: 'JSON where a form is read',
        applies: (operation) => isForm(operation) && !readsJson(operation),
        // The thing in the path may be looked for first.
        statuses: [415, 404],
        send: (operation, path) => call(operation, path, { body: { file: 'x' } }),
      },
      {
        name: 'a form without a boundary',
        applies: isForm,
        statuses: [400, 404, 415],
        send: (operation, path) =>
          call(operation, path, { body: 'x', headers: { 'content-type': 'multipart/form-data' } }),
      },
      {
        name: 'a body that is too large',
        applies: readsJson,
        statuses: [413],
        code: 'payload_too_large',
        send: (operation, path) => call(operation, path, { body: { x: 'x'.repeat(1024 * 1024) } }),
      },
      {
        name: 'an unknown field',
        applies: (operation) => readsJson(operation) && hasFields(operation, document),
        statuses: [400],
        code: 'validation_failed',
        send: async (operation, path) => {
          const answer = await call(operation, path, {
            body: { ...document.exampleBody(operation), no_such_field: 1 },
          });
          expect([operation.id, answer.body.errors]).toEqual([
            operation.id,
            expect.arrayContaining([expect.objectContaining({ field: 'no_such_field', code: 'unknown_field' })]),
          ]);
          return answer;
        },
      },
      ...['[]', '"x"', 'null', '1', '{"__proto__": {"a": 1}, "constructor": {"prototype": 1}}'].map((body): Case => ({
        name: `the body ${body}`,
        applies: (operation) => readsJson(operation) && operation.id !== 'putRateTable',
        // What needs no field takes what says nothing.
        statuses: [200, 201, 202, 204, 400, 404, 409, 422, 502, 503],
        send: (operation, path) => call(operation, path, { body, headers: { 'content-type': 'application/json' } }),
      })),
      {
        name: 'an unknown field of the query',
        applies: ({ parameters, id }) =>
          parameters.some((parameter) => parameter.in === 'query') && id !== 'streamEvents',
        statuses: [400],
        code: 'validation_failed',
        send: (operation, path) => call(operation, `${path}?no_such_field=1`, bodyFor(operation)),
      },
      {
        name: 'a bad limit',
        applies: ({ parameters }) => parameters.some(({ name }) => name === 'limit'),
        statuses: [400],
        code: 'validation_failed',
        send: (operation, path) => call(operation, `${path}?limit=all`, {}),
      },
      {
        name: 'a bad cursor',
        applies: ({ parameters, id }) => parameters.some(({ name }) => name === 'cursor') && id !== 'streamEvents',
        statuses: [400, 404],
        send: (operation, path) => {
          const needed = operation.parameters.filter((parameter) => parameter.in === 'query' && parameter.required);
          const query = ['cursor=bm9wZQ', ...needed.map(({ name }) => `${name}=x`)].join('&');
          return call(operation, `${path}?${query}`, {});
        },
      },
      {
        name: 'an account that is no id',
        applies: ({ parameters }) => parameters.some(({ name }) => name === 'X-Account-Id'),
        statuses: [400],
        code: 'validation_failed',
        send: (operation, path) => call(operation, path, { ...bodyFor(operation), headers: { 'x-account-id': 'abc' } }),
      },
      {
        name: 'an empty Idempotency-Key',
        applies: ({ parameters }) => parameters.some(({ name }) => name === 'Idempotency-Key'),
        statuses: [400],
        code: 'validation_failed',
        send: (operation, path) => call(operation, path, { ...bodyFor(operation), headers: { 'idempotency-key': '' } }),
      },
      ...['abc', '0', '-1', '1.5', '99999999999999999999', '%00', '..%2f..%2fx', "1'--"].map((id): Case => ({
        name: `the id ${id}`,
        applies: ({ parameters }) =>
          parameters.some((parameter) => parameter.in === 'path' && /(^|_)id$/.test(parameter.name)),
        statuses: [400, 404],
        send: (operation) => {
          const names = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
          const path = (operation.apiPath ?? '').replace(/\{\w+\}/g, id);
          expect(names.length).toBeGreaterThan(0);
          return call(operation, path, bodyFor(operation));
        },
      })),
    ];
    const bodyFor = (operation: ApiOperation): object => {
      const body = document.exampleBody(operation);
      return body === undefined ? (isForm(operation) ? { body: asForm() } : {}) : { body };
    };
    const pathOf = (operation: ApiOperation): string =>
      fillPath(
        operation,
        Object.fromEntries(
          operation.parameters
            .filter((parameter) => parameter.in === 'path')
            .map(({ name }) => [name, name === 'phone' ? '+919800000000' : name === 'code' ? 'none' : 999_999]),
        ),
      );

    it.each(CASES.map((oneCase) => [oneCase.name, oneCase] as const))(
      'is told, by every operation, as a problem document: %s',
      async (_name, { applies, statuses, code, send }) => {
        const operations = document.operations.filter(
          (operation) => operation.needsKey && operation.apiPath !== null && applies(operation),
        );
        expect(operations.length).toBeGreaterThan(0);
        const wrong: unknown[] = [];
        await inParallel(operations, async (operation) => {
          const { status, headers, body } = await send(operation, pathOf(operation));
          const isProblem =
            status < 400 ||
            ((headers.get('content-type') ?? '').startsWith('application/problem+json') &&
              body.status === status &&
              body.request_id === headers.get('x-request-id'));
          if (!statuses.includes(status) || !isProblem || (code !== undefined && body.code !== code)) {
            wrong.push([operation.id, status, body]);
          }
        });
        expect(wrong).toEqual([]);
      },
    );

    it('is a method that an address has not: 405, and which it has', async () => {
      const byPath = new Map<string, string[]>();
      for (const { apiPath, method } of document.operations) {
        if (apiPath !== null) {
          byPath.set(apiPath, [...(byPath.get(apiPath) ?? []), method]);
        }
      }
      const wrong: unknown[] = [];
      for (const [path, methods] of byPath) {
        const url = path.replace(/\{\w+\}/g, '1');
        // Another address may fit too: /contacts/export is /contacts/{id}.
        const all = [...byPath]
          .filter(([other]) => new RegExp(`^${other.replace(/\{\w+\}/g, '[^/]+')}$`).test(url))
          .flatMap(([, found]) => found);
        for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter(
          (name) => !all.includes(name),
        )) {
          const answer = await api.call<Problem>(method, url);
          const allowed = answer.headers.get('allow')?.split(', ') ?? [];
          if (
            answer.status !== 405 ||
            answer.body.code !== 'method_not_allowed' ||
            !methods.every((name) => allowed.includes(name)) ||
            answer.body.request_id !== answer.headers.get('x-request-id')
          ) {
            wrong.push([method, path, answer.status, allowed]);
          }
        }
      }
      expect(wrong).toEqual([]);
    });

    it('is an address that there is not: 404', async () => {
      for (const path of ['/nothing', '/labels/1/2/3', '/%00', '/..%2f..%2fetc', '/labels//']) {
        const { status, body, headers } = await api.call<Problem>('GET', path);
        expect([path, status]).toEqual([path, status >= 400 && status < 500 ? status : 'client error']);
        expect(body.request_id).toBe(headers.get('x-request-id'));
      }
      expect((await api.call<Problem>('GET', '/nothing')).body.code).toBe('not_found');
    });

    it('is answered to HEAD without a body, and at once', async () => {
      const gets = document.operations.filter(({ method, needsKey }) => method === 'GET' && needsKey);
      const wrong: unknown[] = [];
      for (const operation of gets) {
        const status = await head(`${api.url}/whatsapp/api${pathOf(operation)}`);
        // 502: Graph is not there.
        if (status === 500 || status < 200) {
          wrong.push([operation.id, status]);
        }
      }
      expect(wrong).toEqual([]);
    });
  });
});

/** `fetch` gives no status of an answer that does not end. */
function head(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method: 'HEAD', headers: { 'x-api-key': ADMIN_KEY } }, (answer) => {
      resolve(answer.statusCode ?? 0);
      answer.destroy();
    });
    sent.setTimeout(30_000, () => sent.destroy(new Error(`no answer to HEAD ${url}`)));
    sent.on('error', reject);
    sent.end();
  });
}
