import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export interface Schema {
  $ref?: string;
  properties?: Record<string, Schema>;
  allOf?: Schema[];
  additionalProperties?: unknown;
  [key: string]: unknown;
}

export interface Example {
  $ref?: string;
  summary?: string;
  value?: unknown;
}

export interface MediaType {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, Example>;
}

export interface ApiAnswer {
  description?: string;
  headers?: Record<string, unknown>;
  content?: Record<string, MediaType>;
}

export interface ApiParameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  example?: unknown;
  schema?: Schema;
}

export interface ApiOperation {
  operationId: string;
  summary?: string;
  description?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: ApiParameter[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<string, ApiAnswer>;
}

export interface ApiDocument {
  openapi: string;
  info: { version: string };
  tags?: { name: string; description?: string }[];
  paths: Record<string, Record<string, ApiOperation>>;
  components: {
    schemas: Record<string, Schema>;
    examples?: Record<string, Example>;
    headers?: Record<string, unknown>;
  };
}

/** As in OpenAPI; Fastify answers HEAD by itself. */
export const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

const ROOT = 'urn:parley:api';

/** Each operation, with where it is. */
export function operationsOf(
  document: ApiDocument,
): { name: string; path: string; method: string; operation: ApiOperation }[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      return operation ? [{ name: `${method.toUpperCase()} ${path}`, path, method, operation }] : [];
    }),
  );
}

/** What an example says, by itself or where it is kept. */
export function valueOf(example: Example, document: ApiDocument): unknown {
  const name = example.$ref?.slice('#/components/examples/'.length);
  return name === undefined ? example.value : document.components.examples?.[name]?.value;
}

/** Checks values against schemas of the document. Whatever an answer has beyond what is described is a fault. */
export class DocumentValidator {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: false, validateSchema: false });
  private readonly operations: { method: string; pattern: RegExp; pointer: string; operation: ApiOperation }[];

  constructor(document: ApiDocument) {
    addFormats.default(this.ajv);
    for (const format of ['binary', 'int64', 'password']) {
      this.ajv.addFormat(format, true);
    }
    this.ajv.addSchema({ ...closed(document), $id: ROOT });
    this.operations = operationsOf(document)
      .map(({ method, path, operation }) => ({
        method,
        operation,
        pointer: `/paths/${escapePointer(path)}/${method}`,
        pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}/?$`),
        // What is written out wins over a parameter, as in the router.
        parameters: path.split('{').length,
      }))
      .sort((a, b) => a.parameters - b.parameters);
  }

  /** @returns what is wrong with the value, or null */
  check(pointer: string, value: unknown, schema?: Schema): string | null {
    // A name is compiled once, wherever it is used.
    const target = schema?.$ref ?? `#${pointer}`;
    const validate = this.ajv.getSchema(ROOT + encodeURI(target)) as ValidateFunction | undefined;
    if (!validate) {
      return `there is no schema at ${pointer}`;
    }
    return validate(value) ? null : this.ajv.errorsText(validate.errors).slice(0, 500);
  }

  /** @returns what is wrong with an answer of the running API, or null */
  checkAnswer(
    method: string,
    path: string,
    answer: { status: number; headers: Headers; body: unknown },
  ): string | null {
    const { pathname } = new URL(path, 'http://api');
    const found = this.operations.find((one) => one.method === method.toLowerCase() && one.pattern.test(pathname));
    if (!found) {
      return null;
    }
    const name = `${method} ${pathname} → ${answer.status}`;
    const known = found.operation.responses[answer.status];
    if (!known) {
      return `${name}: ${found.operation.operationId} does not say that it answers so: ${JSON.stringify(answer.body).slice(0, 300)}`;
    }
    if (!answer.headers.has('x-request-id')) {
      return `${name}: no X-Request-Id`;
    }
    const type = answer.headers.get('content-type')?.split(';')[0]?.trim();
    // What was kept for a repetition is emptied when the person it told of is erased.
    if (answer.body === null && answer.headers.get('idempotency-replayed') === 'true') {
      return null;
    }
    if (answer.body === null || type === undefined) {
      return known.content && answer.status !== 304 ? `${name}: has no body` : null;
    }
    if (!known.content?.[type]) {
      const types = Object.keys(known.content ?? {});
      return types.includes('*/*') ? null : `${name}: is ${type}, not ${types.join(' or ')}`;
    }
    if (!type.endsWith('json')) {
      return null;
    }
    const media = `${found.pointer}/responses/${answer.status}/content/${escapePointer(type)}/schema`;
    const fault = this.check(media, answer.body, known.content[type]?.schema);
    return fault && `${name}: ${fault}: ${JSON.stringify(answer.body).slice(0, 600)}`;
  }
}

export function escapePointer(part: string): string {
  return part.replace(/~/g, '~0').replace(/\//g, '~1');
}

/** A copy in which an object of an answer may have the properties that are described, and no others. */
function closed(document: ApiDocument): ApiDocument {
  const copy = JSON.parse(JSON.stringify(document)) as ApiDocument;
  const close = (node: unknown, isPart: boolean): void => {
    if (node === null || typeof node !== 'object') {
      return;
    }
    const schema = node as Schema;
    if (schema.properties && schema.type === 'object' && schema.additionalProperties === undefined && !isPart) {
      schema.additionalProperties = false;
    }
    for (const [key, value] of Object.entries(schema)) {
      if (key !== 'example' && key !== 'examples' && key !== 'default') {
        close(value, key === 'allOf' || (isPart && Array.isArray(node)));
      }
    }
  };
  close(copy.components.schemas, false);
  // Of a sum, each part sees the properties of the others.
  const opened = new Set<string>();
  const open = (node: unknown): void => {
    if (node === null || typeof node !== 'object') {
      return;
    }
    const { allOf } = node as Schema;
    if (Array.isArray(allOf) && allOf.length > 1) {
      allOf.forEach(({ $ref }) => opened.add($ref?.split('/').pop() ?? ''));
    }
    Object.values(node).forEach(open);
  };
  open(copy);
  opened.forEach((name) => delete copy.components.schemas[name]?.additionalProperties);
  return copy;
}
