import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openApiText } from '../../src/openapi.js';
import { breakingChanges } from '../support/api-changes.js';
import type { ApiDocument, Schema } from '../support/api-document.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const WHAT_TO_DO =
  'This breaks clients. Keep the old form beside the new one; or raise VERSION in src/http/document.ts, say what changed in ' +
  'docs/api-changelog.md, and run: npm run build && npm run openapi && npm run openapi:release';

const copyOf = (document: ApiDocument): ApiDocument => JSON.parse(JSON.stringify(document)) as ApiDocument;

describe('a change of the API', () => {
  let released: ApiDocument;
  let current: ApiDocument;

  beforeAll(async () => {
    released = JSON.parse(readFileSync(join(ROOT, 'openapi', 'released.json'), 'utf8')) as ApiDocument;
    current = JSON.parse(await openApiText()) as ApiDocument;
  });

  it('breaks no client of the released one', () => {
    const changes = breakingChanges(released, current);
    expect(changes.length === 0 ? [] : [WHAT_TO_DO, ...changes]).toEqual([]);
  });

  it('is in the changelog, when it is a version', () => {
    const changelog = readFileSync(join(ROOT, 'docs', 'api-changelog.md'), 'utf8').split('\n');
    expect(changelog.filter((line) => line === `## ${current.info.version}`)).toHaveLength(1);
    expect(changelog.find((line) => line.startsWith('## '))).toBe(`## ${current.info.version}`);
  });

  describe('of a small document', () => {
    const thing: Schema = {
      type: 'object',
      required: ['id', 'state', 'name'],
      properties: {
        id: { type: 'integer' },
        state: { type: 'string', enum: ['open', 'closed'] },
        name: { type: 'string', maxLength: 50 },
        note: { type: ['string', 'null'] },
        parts: { type: 'array', items: { $ref: '#/components/schemas/Part' } },
        owner: { anyOf: [{ $ref: '#/components/schemas/Part' }, { type: 'null' }] },
      },
    };
    const before: ApiDocument = {
      openapi: '3.1.0',
      info: { version: '1' },
      paths: {
        '/things': {
          get: {
            operationId: 'listThings',
            security: [{ api_key: [] }],
            parameters: [{ name: 'q', in: 'query', schema: { type: 'string', maxLength: 100 } }],
            responses: {
              '200': {
                headers: { 'X-Request-Id': {} },
                content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
              },
            },
          },
          post: {
            operationId: 'createThing',
            security: [{ api_key: [] }],
            requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/CreateThing' } } } },
            responses: {
              '201': { content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
            },
          },
        },
      },
      components: {
        schemas: {
          Thing: thing,
          Part: { type: 'object', required: ['size'], properties: { size: { type: 'number' } } },
          CreateThing: {
            type: 'object',
            required: ['name'],
            properties: {
              name: { type: 'string', maxLength: 50 },
              state: { type: 'string', enum: ['open', 'closed'] },
              tags: { type: 'array', maxItems: 10, items: { type: 'string' } },
            },
          },
        },
      },
    };

    type Properties = Record<string, Schema>;
    const changed = (
      change: (document: ApiDocument, schemas: Record<string, { properties: Properties } & Schema>) => void,
    ) => {
      const after = copyOf(before);
      change(after, after.components.schemas as never);
      return breakingChanges(before, after);
    };
    const item = (document: ApiDocument): Record<string, NonNullable<ApiDocument['paths'][string]['get']>> =>
      document.paths['/things'] as never;

    it('is none when nothing changed, or when something was added', () => {
      expect(breakingChanges(before, copyOf(before))).toEqual([]);
      expect(
        changed((document, { Thing, CreateThing, Part }) => {
          document.paths['/others'] = { get: { operationId: 'listOthers', responses: {} } };
          Thing!.properties.more = { type: 'string' };
          (Thing!.required as string[]).push('note');
          Thing!.properties.note = { type: 'string' };
          CreateThing!.properties.more = { type: 'string' };
          CreateThing!.properties.state = { type: ['string', 'null'], enum: ['open', 'closed', 'lost', null] };
          CreateThing!.properties.name = { type: 'string', maxLength: 60 };
          CreateThing!.required = [];
          Part!.properties.size = { type: 'integer' };
          item(document).get!.parameters!.push({ name: 'more', in: 'query', schema: { type: 'string' } });
          item(document).get!.responses['409'] = { content: {} };
        }),
      ).toEqual([]);
    });

    it.each<[string, Parameters<typeof changed>[0], string[]]>([
      ['a path that is gone', (d) => delete d.paths['/things'], ['GET /things is gone', 'POST /things is gone']],
      ['an operation that is gone', (d) => delete item(d).post, ['POST /things is gone (get of this path stays)']],
      [
        'another name of a method',
        (d) => (item(d).get!.operationId = 'getThings'),
        ['GET /things: is called getThings, was listThings: a method of every client'],
      ],
      [
        'a parameter that is gone',
        (d) => (item(d).get!.parameters = []),
        ['GET /things: the query parameter q is gone'],
      ],
      [
        'a parameter that is required',
        (d) => item(d).get!.parameters!.push({ name: 'account', in: 'header', required: true }),
        ['GET /things: the header parameter account is required now'],
      ],
      [
        'a parameter that is narrower',
        (d) => (item(d).get!.parameters![0]!.schema!.maxLength = 20),
        ['GET /things: the query parameter q: maxLength is 20 now, was 100'],
      ],
      [
        'an answer that is gone',
        (d) => (item(d).post!.responses = { '200': item(d).post!.responses['201']! }),
        ['POST /things: does not answer 201 any more'],
      ],
      [
        'a header that is gone',
        (d) => delete item(d).get!.responses['200']!.headers,
        ['GET /things: 200: the header X-Request-Id is gone'],
      ],
      [
        'another content type',
        (d) => (item(d).get!.responses['200']!.content = { 'text/csv': {} }),
        ['GET /things: 200: application/json is gone'],
      ],
      [
        'a property that is gone from an answer',
        (_d, { Thing }) => delete Thing!.properties.name,
        ['GET /things: 200.name is gone', 'POST /things: 201.name is gone'],
      ],
      [
        'a property of an answer that may be missing',
        (_d, { Part }) => (Part!.required = []),
        [
          ...['GET /things: 200', 'POST /things: 201'].flatMap((at) => [
            `${at}.parts[].size may be missing now`,
            `${at}.owner.size may be missing now`,
          ]),
        ],
      ],
      [
        'a property of an answer that may be null',
        (_d, { Thing }) => (Thing!.properties.id = { type: ['integer', 'null'] }),
        ['GET /things: 200.id may be null now', 'POST /things: 201.id may be null now'],
      ],
      [
        'another type in an answer',
        (_d, { Part }) => (Part!.properties.size = { type: 'string' }),
        [
          ...['GET /things: 200', 'POST /things: 201'].flatMap((at) => [
            `${at}.parts[].size may be string now`,
            `${at}.owner.size may be string now`,
          ]),
        ],
      ],
      [
        'a reference of an answer that may be null',
        (_d, { Thing }) =>
          (Thing!.properties.parts = { anyOf: [thing.properties!.parts as Schema, { type: 'null' }] } as Schema),
        ['GET /things: 200.parts may be null now', 'POST /things: 201.parts may be null now'],
      ],
      [
        'a wider set in an answer',
        (_d, { Thing }) => (Thing!.properties.state = { type: 'string', enum: ['open', 'closed', 'lost'] }),
        ['GET /things: 200.state may be "lost" now', 'POST /things: 201.state may be "lost" now'],
      ],
      [
        'a field of a request that is gone',
        (_d, { CreateThing }) => delete CreateThing!.properties.tags,
        ['POST /things: the body.tags is gone'],
      ],
      [
        'a field of a request that is required',
        (_d, { CreateThing }) => (CreateThing!.required = ['name', 'state']),
        ['POST /things: the body.state is required now'],
      ],
      [
        'a narrower set in a request',
        (_d, { CreateThing }) => (CreateThing!.properties.state = { type: 'string', enum: ['open'] }),
        ['POST /things: the body.state may not be "closed" any more'],
      ],
      [
        'a narrower type in a request',
        (_d, { CreateThing }) => (CreateThing!.properties.tags = { type: 'string' }),
        ['POST /things: the body.tags may not be array any more'],
      ],
      [
        'a tighter limit in a request',
        (_d, { CreateThing }) => Object.assign(CreateThing!.properties.name!, { maxLength: 20, pattern: '^a' }),
        ['POST /things: the body.name: maxLength is 20 now, was 50', 'POST /things: the body.name must match ^a now'],
      ],
      ['a body that is gone', (d) => delete item(d).post!.requestBody, ['POST /things: takes no body any more']],
    ])('is found: %s', (_name, change, expected) => {
      expect(changed(change)).toEqual(expected);
    });
  });
});
