import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from '../../src/app.module.js';
import { makeDemo } from '../../src/cli/demo.js';
import { Config } from '../../src/config/config.js';
import { createLogger } from '../../src/config/log.js';
import { createApp } from '../../src/http/create-app.js';
import { createDocument, serveDocument } from '../../src/http/document.js';
import { operationsOf, type ApiDocument, type ApiOperation } from '../support/api-document.js';
import { startTestApp, testEnvironment, type TestApp } from '../support/app.js';
import { createTestDatabase } from '../support/database.js';
import { startTestSimulator, type Simulator } from '../support/simulator.js';

/** Parameters whose examples only show what they look like: their values are given out, and end. */
const GIVEN_OUT = ['cursor', 'ticket', 'last_event_id'];

/** Operations whose success is decided by something that the demo data has not. */
const NOT_TRIED: Record<string, string> = {
  pickCampaignWinner: 'needs a trial that goes on',
  testWebhookEndpoint: 'posts to the server of the example, out in the world',
};

/** What may stand in the way of a request that is right. */
const FINE = [404, 409, 410, 422, 502, 503];

const isRead = (method: string): boolean => method === 'get';

/** Swagger UI with the demo key and everything as it stands there: nobody needs to know anything to try an operation. */
describe('every operation, tried with its own examples on the demo data', () => {
  let simulator: Simulator;
  let api: TestApp;
  let operations: { name: string; path: string; method: string; operation: ApiOperation }[];

  /** Calls it with its examples: what is needed, and `extra`. */
  const attempt = async (
    { name, path, method, operation }: (typeof operations)[number],
    extra: Record<string, string> = {},
  ): Promise<{ status: number; fault: string | null }> => {
    const { parameters = [], requestBody, responses } = operation;
    const filled = path.replace(/\{(\w+)\}/g, (_all, parameter: string) => {
      const known = parameters.find((one) => one.in === 'path' && one.name === parameter);
      return encodeURIComponent(String(known?.example));
    });
    const needed = parameters.filter((one) => one.in === 'query' && one.required);
    const isStream = 'text/event-stream' in (responses['200']?.content ?? {});
    const query = new URLSearchParams({
      ...Object.fromEntries(needed.map((one) => [one.name, String(one.example)])),
      ...(isStream ? { poll: '1' } : {}),
      ...extra,
    });
    const { body, headers } = bodyOf(requestBody?.content ?? {});
    const called = filled.replace('/whatsapp/api', '');
    const answer = await api
      .call<{ code?: string; detail?: string }>(method.toUpperCase(), `${called}?${query}`, {
        ...(body === undefined ? {} : { body }),
        headers,
      })
      .catch((error: Error) => error.message);
    if (typeof answer === 'string') {
      return { status: 0, fault: answer };
    }
    const isFine = answer.status < 300 || FINE.includes(answer.status);
    const words = `${name} ${query}: ${answer.status} ${answer.body?.code} ${answer.body?.detail}`;
    return { status: answer.status, fault: isFine ? null : words };
  };

  beforeAll(async () => {
    simulator = await startTestSimulator();
    api = await startTestApp({ env: { GRAPH_API_BASE_URL: simulator.url }, worker: true, validate: true });
    await makeDemo(api.app);
    const document = JSON.parse(JSON.stringify(createDocument(api.app))) as ApiDocument;
    operations = operationsOf(document).filter(({ operation }) => (operation.security ?? []).length > 0);
  });

  afterAll(async () => {
    await api?.close();
    await simulator?.close();
  });

  it('reads whatever there is to read', async () => {
    const faults: string[] = [];
    let found = 0;
    for (const one of operations.filter(({ method }) => isRead(method))) {
      const { status, fault } = await attempt(one);
      found += status === 200 ? 1 : 0;
      faults.push(...(fault ? [fault] : []));
    }
    expect(faults).toEqual([]);
    expect(found).toBeGreaterThan(30);
  });

  it('takes the example of every filter', async () => {
    const faults: string[] = [];
    for (const one of operations.filter(({ method }) => isRead(method))) {
      const optional = (one.operation.parameters ?? []).filter(
        ({ in: place, required, name }) => place === 'query' && !required && !GIVEN_OUT.includes(name),
      );
      for (const { name, schema } of optional) {
        const [example] = (schema?.examples as unknown[] | undefined) ?? [];
        const { fault } = await attempt(one, { [name]: String(example) });
        faults.push(...(fault ? [fault] : []));
      }
    }
    expect(faults).toEqual([]);
  });

  it('takes the example of every body', async () => {
    const writing = operations.filter(
      ({ method, operation }) => !isRead(method) && !(operation.operationId in NOT_TRIED),
    );
    const order = [...writing].sort((a, b) => Number(a.method === 'delete') - Number(b.method === 'delete'));
    const faults: string[] = [];
    let done = 0;
    for (const one of order) {
      const { status, fault } = await attempt(one);
      done += status < 300 ? 1 : 0;
      faults.push(...(fault ? [fault] : []));
    }
    expect(faults).toEqual([]);
    expect(done).toBeGreaterThan(40);
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(Object.keys(NOT_TRIED).filter((id) => !ids.includes(id))).toEqual([]);
  });
});

describe('Swagger UI', () => {
  let app: NestFastifyApplication;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let url: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    const config = Config.fromEnvironment(testEnvironment(database.url));
    const logger = createLogger(config.logLevel, 'test');
    app = await createApp(AppModule.forRoot(config, logger), config, logger);
    serveDocument(app, createDocument(app));
    await app.listen({ port: 0, host: '127.0.0.1' });
    url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  });

  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  it('loads everything from here, as the policy of the page asks', async () => {
    const page = await fetch(`${url}/docs`);
    expect(page.status).toBe(200);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).toMatch(/script-src 'self' 'unsafe-inline'/);
    expect(policy).not.toContain('upgrade-insecure-requests');
    const html = await page.text();
    const sources = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source ?? '');
    expect(sources.length).toBeGreaterThan(3);
    for (const source of sources) {
      const at = new URL(source, `${url}/docs`);
      expect(at.origin).toBe(new URL(url).origin);
      expect([source, (await fetch(at)).status]).toEqual([source, 200]);
    }
  });

  it('knows the document, keeps the key, and calls this server', async () => {
    const script = await (await fetch(`${url}/docs/swagger-ui-init.js`)).text();
    expect(script).toMatch(/"persistAuthorization":\s*true/);
    expect(script).toMatch(/"tryItOutEnabled":\s*true/);
    expect(script).toContain('"operationId": "sendMessage"');
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as ApiDocument & {
      servers: { url: string }[];
    };
    expect(document.servers.map((server) => server.url)).toEqual(['/']);
    expect((await fetch(`${url}/openapi.yaml`)).status).toBe(200);
  });

  it('fills in what is needed, and nothing that may be left out', async () => {
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as ApiDocument;
    const filledIn = operationsOf(document).flatMap(({ name, operation }) =>
      (operation.parameters ?? [])
        .filter(({ required, example, schema }) => !required && (example ?? schema?.example) !== undefined)
        .map((parameter) => `${name} ${parameter.name}`),
    );
    expect(filledIn).toEqual([]);
  });
});

/** JSON where there is any, else a form with a small file. */
function bodyOf(content: NonNullable<ApiOperation['requestBody']>['content']): {
  body: unknown;
  headers: Record<string, string>;
} {
  const json = content['application/json'];
  if (json) {
    const [first] = Object.values(json.examples ?? {});
    return { body: json.example ?? first?.value, headers: {} };
  }
  const form = content['multipart/form-data'];
  if (!form) {
    return { body: undefined, headers: {} };
  }
  const data = new FormData();
  data.set('file', new Blob(['phone,name\n+919876500001,Asha Rao\n'], { type: 'text/csv' }), 'people.csv');
  return { body: data, headers: {} };
}
