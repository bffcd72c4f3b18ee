import { createConfig, lintFromString } from '@redocly/openapi-core';
import spectralCore from '@stoplight/spectral-core';
import spectralRulesets from '@stoplight/spectral-rulesets';
import { openApiText } from '../../src/openapi.js';
import {
  DocumentValidator,
  escapePointer,
  operationsOf,
  valueOf,
  type ApiAnswer,
  type ApiDocument,
  type MediaType,
} from '../support/api-document.js';

/** What serves bytes of any type. */
const ANY_TYPE = '*/*';

const EVENT_STREAM = 'text/event-stream';

/** Findings of Redocly's recommended rules, errors and warnings. */
async function redoclyFindings(text: string): Promise<string[]> {
  const config = await createConfig({ extends: ['recommended'] });
  const findings = await lintFromString({ source: text, config, absoluteRef: 'openapi.json' });
  return findings.map(({ ruleId, message, location: [at] }) => `${ruleId}: ${message} (${at?.pointer ?? '?'})`);
}

/** Findings of Spectral's recommended rules for OpenAPI. */
async function spectralFindings(document: ApiDocument): Promise<string[]> {
  const spectral = new spectralCore.Spectral();
  spectral.setRuleset({ extends: [[spectralRulesets.oas as never, 'recommended']] });
  const findings = await spectral.run(document as never);
  return findings.map(({ code, message, path }) => `${code}: ${message} (${path.join('/')})`);
}

/**
 * Spectral writes every reference out before it looks, and then walks through the same problem document a thousand times: what
 * is word for word the same in many operations is kept in the first. SPECTRAL_WHOLE=1 looks at everything (a minute).
 */
function withoutRepetition(document: ApiDocument): ApiDocument {
  const copy = JSON.parse(JSON.stringify(document)) as ApiDocument;
  const seen = new Set<string>();
  const isNew = (part: unknown): boolean => {
    const text = JSON.stringify(part);
    return !seen.has(text) && seen.add(text).has(text);
  };
  for (const { operation } of operationsOf(copy)) {
    for (const [status, answer] of Object.entries(operation.responses)) {
      if (answer.headers && !isNew(answer.headers)) {
        delete answer.headers;
      }
      if (status >= '400' && !isNew(answer.content)) {
        delete answer.content;
      }
    }
  }
  // Spectral looks for examples of everything that is used, and for uses of every example.
  const used = JSON.stringify(copy.paths);
  for (const name of Object.keys(copy.components.examples ?? {})) {
    if (!used.includes(`#/components/examples/${name}"`)) {
      delete copy.components.examples?.[name];
    }
  }
  return copy;
}

const hasExample = (media: MediaType): boolean =>
  media.example !== undefined || Object.keys(media.examples ?? {}).length > 0;

/** What a client author would miss. */
function gaps(document: ApiDocument): string[] {
  const described = new Set((document.tags ?? []).filter((tag) => tag.description).map((tag) => tag.name));
  return operationsOf(document).flatMap(({ name, method, operation }) => {
    const { summary, description, tags = [], security, parameters = [], requestBody, responses } = operation;
    const isSecured = (security ?? []).length > 0;
    return [
      ...(summary ? [] : ['no summary']),
      ...(description ? [] : ['no description']),
      ...tags.filter((tag) => !described.has(tag)).map((tag) => `the tag ${tag} is not described`),
      ...(security ? [] : ['does not say whether it asks for a key']),
      ...parameters.flatMap((parameter) => [
        ...(parameter.description ? [] : [`${parameter.name} is not described`]),
        ...(parameter.schema && 'type' in parameter.schema ? [] : [`${parameter.name} has no type`]),
        ...(parameter.example !== undefined || parameter.schema?.examples ? [] : [`${parameter.name} has no example`]),
      ]),
      ...Object.entries(requestBody?.content ?? {}).flatMap(([type, media]) => [
        ...(media.schema ? [] : [`the body as ${type} has no schema`]),
        ...(hasExample(media) ? [] : [`the body as ${type} has no example`]),
      ]),
      ...Object.entries(responses).flatMap(([status, answer]) => answerGaps(status, answer, isSecured)),
      ...(isSecured && !responses['429'] ? ['does not say that it may be too often'] : []),
      ...(isSecured && method === 'post' && !parameters.some((parameter) => parameter.name === 'Idempotency-Key')
        ? ['takes no Idempotency-Key']
        : []),
    ].map((gap) => `${name}: ${gap}`);
  });
}

function answerGaps(
  status: string,
  { description, headers = {}, content = {} }: ApiAnswer,
  isSecured: boolean,
): string[] {
  const wanted = ['X-Request-Id', ...(isSecured && status !== '401' ? ['RateLimit', 'RateLimit-Policy'] : [])];
  if (status === '429' || status === '503') {
    wanted.push('Retry-After');
  }
  return [
    ...(description ? [] : ['not described']),
    ...wanted.filter((header) => !(header in headers)).map((header) => `no header ${header}`),
    ...(Object.keys(content).length > 0 || ['204', '304'].includes(status) ? [] : ['no content']),
    ...Object.entries(content).flatMap(([type, media]) => [
      ...(media.schema ? [] : [`${type} has no schema`]),
      ...(type === ANY_TYPE || hasExample(media) ? [] : [`${type} has no example`]),
    ]),
  ].map((gap) => `${status}: ${gap}`);
}

/** Examples that are not what they are an example of. */
function wrongExamples(document: ApiDocument): string[] {
  const validator = new DocumentValidator(document);
  return operationsOf(document).flatMap(({ name, path, method, operation }) => {
    const at = `/paths/${escapePointer(path)}/${method}`;
    const check = (pointer: string, content: Record<string, MediaType> = {}): string[] =>
      Object.entries(content).flatMap(([type, media]) => {
        const examples = [
          ...(media.example === undefined ? [] : [media.example]),
          ...Object.values(media.examples ?? {}).map((example) => valueOf(example, document)),
        ];
        const schemaAt = `${pointer}/content/${escapePointer(type)}/schema`;
        return examples.flatMap((example) => {
          const fault = type === EVENT_STREAM ? null : validator.check(schemaAt, example, media.schema);
          return fault ? [`${name} ${type}: ${fault}`] : [];
        });
      });
    const parameters = (operation.parameters ?? []).flatMap(({ name: parameter, example, schema }, index) =>
      [example, ...((schema?.examples as unknown[] | undefined) ?? [])]
        .filter((value) => value !== undefined)
        .flatMap((value) => {
          const fault = validator.check(`${at}/parameters/${index}/schema`, value);
          return fault ? [`${name} ${parameter}: ${fault}`] : [];
        }),
    );
    return [
      ...parameters,
      ...check(`${at}/requestBody`, operation.requestBody?.content),
      ...Object.entries(operation.responses).flatMap(([status, answer]) =>
        check(`${at}/responses/${status}`, answer.content),
      ),
    ];
  });
}

describe('the OpenAPI document, as a product', () => {
  let text: string;
  let document: ApiDocument;

  beforeAll(async () => {
    text = await openApiText();
    document = JSON.parse(text) as ApiDocument;
  });

  it('is without a finding in Redocly’s recommended rules', async () => {
    expect(await redoclyFindings(text)).toEqual([]);
  });

  it('is without a finding in Spectral’s recommended rules', async () => {
    const whole = process.env.SPECTRAL_WHOLE === '1' ? document : withoutRepetition(document);
    expect(await spectralFindings(whole)).toEqual([]);
  }, 240_000);

  it('says everything of every operation: words, examples, answers, errors and headers', () => {
    expect(gaps(document)).toEqual([]);
  });

  it('has no example that is not what it is an example of', () => {
    expect(wrongExamples(document)).toEqual([]);
  });

  it('has an example problem for each error code of each status', () => {
    const missing = operationsOf(document).flatMap(({ name, operation }) =>
      Object.entries(operation.responses)
        .filter(([status]) => status >= '400')
        .flatMap(([status, answer]) => {
          const examples = answer.content?.['application/problem+json']?.examples ?? {};
          const named = [...(answer.description ?? '').matchAll(/`(\w+)`:/g)].map(([, code]) => code ?? '');
          return named
            .filter((code) => {
              const value = valueOf(examples[code] ?? {}, document) as { code: string; status: number } | undefined;
              return value?.code !== code || String(value.status) !== status;
            })
            .map((code) => `${name} ${status}: ${code}`);
        }),
    );
    expect(missing).toEqual([]);
  });

  it('notices what is wrong', async () => {
    const broken = {
      openapi: '3.1.0',
      info: { title: 'Broken', version: '1', license: { name: 'MIT', url: 'https://example.com' } },
      servers: [{ url: '/' }],
      paths: {
        '/a/{id}': {
          get: {
            operationId: 'getA',
            tags: ['A'],
            security: [{ api_key: [] }],
            parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' }, example: 'x' }],
            responses: {
              '200': {
                description: 'A',
                content: { 'application/json': { schema: { $ref: '#/components/schemas/A' }, example: { b: 1 } } },
              },
            },
          },
        },
      },
      components: {
        schemas: { A: { type: 'object', properties: { a: { type: 'string' } } } },
        securitySchemes: { api_key: { type: 'apiKey', in: 'header', name: 'X-API-Key' } },
      },
    } as unknown as ApiDocument;
    expect(gaps(broken)).toEqual([
      'GET /a/{id}: no summary',
      'GET /a/{id}: no description',
      'GET /a/{id}: the tag A is not described',
      'GET /a/{id}: id is not described',
      'GET /a/{id}: 200: no header X-Request-Id',
      'GET /a/{id}: 200: no header RateLimit',
      'GET /a/{id}: 200: no header RateLimit-Policy',
      'GET /a/{id}: does not say that it may be too often',
    ]);
    expect(wrongExamples(broken)).toEqual([
      'GET /a/{id} id: data must be integer',
      'GET /a/{id} application/json: data must NOT have additional properties',
    ]);
    expect((await redoclyFindings(JSON.stringify(broken))).join()).toContain('operation-summary');
    expect((await spectralFindings(broken)).join()).toContain('operation-tag-defined');
  });
});
