import 'reflect-metadata';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { AppModule } from '../../src/app.module.js';
import { Config } from '../../src/config/config.js';
import { createLogger } from '../../src/config/log.js';
import { createApp } from '../../src/http/create-app.js';
import { createDocument, serveDocument } from '../../src/http/document.js';
import { openApiText } from '../../src/openapi.js';
import { testEnvironment } from '../support/app.js';
import { createTestDatabase } from '../support/database.js';

const FILE = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'openapi.json');

/** Operations that ask for no key. */
const PUBLIC: Record<string, string> = {
  getLiveness: 'orchestrators',
  getReadiness: 'orchestrators',
  verifyWebhook: 'Meta shows the verify token',
  receiveWebhook: 'Meta signs the body',
  exchangeFlowData: 'Meta signs the body',
};

/** Statuses of which those who ask look at nothing but the number. */
const WITHOUT_PROBLEM: Record<string, string[]> = { exchangeFlowData: ['421', '427', '432'] };

/** Routes that are not for clients of the API. */
const NOT_DOCUMENTED: [pattern: RegExp, reason: string][] = [
  [/^\/metrics$/, 'Prometheus text'],
  [/^\/docs(\/|$)/, 'Swagger UI'],
  [/^\/openapi\.(json|yaml)$/, 'the document itself'],
];

interface Schema {
  $ref?: string;
  [key: string]: unknown;
}

interface Answer {
  content?: Record<string, { schema?: Schema }>;
}

interface Operation {
  operationId?: string;
  summary?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: { name: string; in: string }[];
  responses?: Record<string, Answer>;
}

interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
}

/** As in OpenAPI; Fastify answers HEAD by itself. */
const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

const PROBLEM = '#/components/schemas/Problem';

/** Each operation with its name as people say it: `POST /whatsapp/api/labels`. */
function operationsOf(document: Document): [name: string, operation: Operation][] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method): [string, Operation][] => {
      const operation = item[method];
      return operation ? [[`${method.toUpperCase()} ${path}`, operation]] : [];
    }),
  );
}

function problems(document: Document): string[] {
  const found: string[] = [];
  const seen = new Map<string, string>();
  for (const [name, operation] of operationsOf(document)) {
    const { operationId, summary, tags = [], security = [], parameters = [], responses = {} } = operation;
    if (!operationId || !/^[a-z][A-Za-z0-9]+$/.test(operationId)) {
      found.push(`${name}: operationId "${operationId}" is no name of a method`);
    } else if (seen.has(operationId)) {
      found.push(`${name}: operationId ${operationId} is also that of ${seen.get(operationId)}`);
    }
    seen.set(operationId ?? '', name);
    found.push(
      ...(summary ? [] : [`${name}: no summary`]),
      ...(tags.length === 1 ? [] : [`${name}: has the tags ${tags.join(', ')}, not one`]),
    );

    const isPublic = operationId !== undefined && operationId in PUBLIC;
    if (isPublic === security.some((requirement) => 'api_key' in requirement)) {
      found.push(`${name}: ${isPublic ? 'asks for a key, but is listed as public' : 'asks for no key'}`);
    }

    const statuses = Object.keys(responses);
    if (!statuses.some((status) => status.startsWith('2'))) {
      found.push(`${name}: no successful answer`);
    }
    const failures = statuses.filter((status) => /^[45]/.test(status));
    const expected = ['400', ...(isPublic ? [] : ['401', '403'])].filter((status) => !failures.includes(status));
    found.push(...expected.map((status) => `${name}: does not say that it may answer ${status}`));
    const excepted = WITHOUT_PROBLEM[operationId ?? ''] ?? [];
    for (const status of failures.filter((failure) => !excepted.includes(failure))) {
      const schema = responses[status]?.content?.['application/problem+json']?.schema;
      if (schema?.$ref !== PROBLEM) {
        found.push(`${name}: ${status} is not described as a problem document`);
      }
    }

    const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
    const declared = parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name);
    if (inPath.sort().join() !== declared.sort().join()) {
      found.push(`${name}: path parameters ${declared.join()} are declared`);
    }
  }
  return found;
}

/** References without a target, and names that only our code should know. */
function schemaProblems(document: Document): string[] {
  const names = Object.keys(document.components.schemas);
  const known = new Set(
    Object.entries(document.components).flatMap(([kind, named]) =>
      Object.keys(named).map((name) => `#/components/${kind}/${name}`),
    ),
  );
  return [
    ...referencesIn(document, '#')
      .filter(({ ref }) => !known.has(ref))
      .map(({ at, ref }) => `${at} refers to ${ref}, which is not there`),
    ...names.filter((name) => /Dto$/.test(name)).map((name) => `schema ${name} ends in Dto`),
  ];
}

/** Every `$ref` and every target of a discriminator. */
function referencesIn(node: unknown, at: string): { at: string; ref: string }[] {
  if (typeof node === 'string') {
    return node.startsWith('#/') ? [{ at, ref: node }] : [];
  }
  return node === null || typeof node !== 'object'
    ? []
    : Object.entries(node).flatMap(([key, value]) => referencesIn(value, `${at}/${key}`));
}

/** Names of what differs: the whole documents would be too much to read. */
function difference(a: Document, b: Document): { paths: string[]; schemas: string[] } {
  const names = (one: Record<string, unknown>, other: Record<string, unknown>): string[] =>
    [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
      (name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]),
    );
  return { paths: names(a.paths, b.paths), schemas: names(a.components.schemas, b.components.schemas) };
}

/** What Fastify really serves, with path parameters as OpenAPI writes them, and the document it serves. */
async function runningApi(): Promise<{ routes: string[]; document: Document }> {
  const database = await createTestDatabase();
  const config = Config.fromEnvironment(testEnvironment(database.url));
  const logger = createLogger(config.logLevel, 'test');
  const app = await createApp(AppModule.forRoot(config, logger), config, logger);
  try {
    const routes = new Set<string>();
    const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
    fastify.addHook('onRoute', ({ method, url }: RouteOptions) => {
      const methods = [method].flat().filter((name) => METHODS.includes(name.toLowerCase()));
      const path = url.replace(/:(\w+)/g, '{$1}').replace(/(.)\/$/, '$1');
      methods.forEach((name) => routes.add(`${name} ${path}`));
    });
    const document = createDocument(app);
    serveDocument(app, document);
    await app.init();
    return { routes: [...routes].sort(), document: JSON.parse(JSON.stringify(document)) as Document };
  } finally {
    await app.close();
    await database.drop();
  }
}

describe('the OpenAPI document', () => {
  let text: string;
  let document: Document;
  let running: { routes: string[]; document: Document };

  beforeAll(async () => {
    text = await openApiText();
    document = JSON.parse(text) as Document;
    running = await runningApi();
  });

  it('is the one that is checked in (npm run openapi writes it)', () => {
    expect(existsSync(FILE)).toBe(true);
    const checkedIn = JSON.parse(readFileSync(FILE, 'utf8')) as Document;
    expect(difference(checkedIn, document)).toEqual({ paths: [], schemas: [] });
    expect(readFileSync(FILE, 'utf8') === text).toBe(true);
  });

  it('describes every operation: a unique id, summary, tag, key, errors and path parameters', () => {
    expect(operationsOf(document).length).toBeGreaterThan(20);
    expect(problems(document)).toEqual([]);
  });

  it('lists no public operation that is gone', () => {
    const ids = operationsOf(document).map(([, { operationId }]) => operationId);
    expect(Object.keys(PUBLIC).filter((id) => !ids.includes(id))).toEqual([]);
  });

  it('has no dangling reference and no schema named after a class', () => {
    expect(Object.keys(document.components.schemas)).toContain('Problem');
    expect(schemaProblems(document)).toEqual([]);
  });

  it('describes what the running API serves, and nothing else', () => {
    const pathOf = (route: string): string => route.slice(route.indexOf(' ') + 1);
    const isExcepted = (route: string): boolean => NOT_DOCUMENTED.some(([pattern]) => pattern.test(pathOf(route)));
    const documented = operationsOf(document).map(([name]) => name);
    expect(running.routes.filter((route) => !isExcepted(route))).toEqual(documented.sort());
    const needless = NOT_DOCUMENTED.filter(([pattern]) => !running.routes.some((route) => pattern.test(pathOf(route))));
    expect(needless).toEqual([]);
  });

  it('is the one that the running API serves', () => {
    expect(difference(running.document, document)).toEqual({ paths: [], schemas: [] });
    expect(running.document).toEqual(document);
  });

  it('notices what is wrong', () => {
    const answers = { '200': {}, '400': { content: { 'application/problem+json': { schema: { $ref: PROBLEM } } } } };
    const broken: Document = {
      openapi: '3.1.0',
      paths: {
        '/a/{id}': {
          get: { operationId: 'listA', summary: 'A', tags: ['A'], security: [{ api_key: [] }], responses: answers },
          post: { operationId: 'listA', tags: [], responses: { '400': {}, '401': {}, '403': {} } },
        },
      },
      components: { schemas: { ADto: {} } },
    };
    expect(problems(broken)).toEqual([
      'GET /a/{id}: does not say that it may answer 401',
      'GET /a/{id}: does not say that it may answer 403',
      'GET /a/{id}: path parameters  are declared',
      'POST /a/{id}: operationId listA is also that of GET /a/{id}',
      'POST /a/{id}: no summary',
      'POST /a/{id}: has the tags , not one',
      'POST /a/{id}: asks for no key',
      'POST /a/{id}: no successful answer',
      'POST /a/{id}: 400 is not described as a problem document',
      'POST /a/{id}: 401 is not described as a problem document',
      'POST /a/{id}: 403 is not described as a problem document',
      'POST /a/{id}: path parameters  are declared',
    ]);
    expect(schemaProblems(broken)).toEqual([
      `#/paths//a/{id}/get/responses/400/content/application/problem+json/schema/$ref refers to ${PROBLEM}, which is not there`,
      'schema ADto ends in Dto',
    ]);
  });
});
