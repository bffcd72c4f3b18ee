import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createDocument } from '../../src/http/document.js';

/** A JSON schema, as far as requests need it. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  example?: unknown;
  examples?: unknown[];
  default?: unknown;
  minLength?: number;
  minimum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema?: Schema;
  example?: unknown;
}

interface MediaType {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, { value?: unknown }>;
}

/** An operation of the document of a running application. */
export interface ApiOperation {
  id: string;
  method: string;
  /** As in the document: `/whatsapp/api/labels/{id}`. */
  path: string;
  /** Below `/whatsapp/api`; null for what is elsewhere. */
  apiPath: string | null;
  needsKey: boolean;
  description: string;
  parameters: Parameter[];
  /** By content type. */
  bodies: Record<string, MediaType>;
  answers: Record<string, { content?: Record<string, unknown> }>;
}

export interface ApiDocument {
  operations: ApiOperation[];
  /** A schema with references followed and parts put together. */
  resolve(schema: Schema | undefined): Schema;
  /** A request body: the example of the document, else made of the schemas of the required fields. */
  exampleBody(operation: ApiOperation): Record<string, unknown> | undefined;
}

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;
const API = '/whatsapp/api';
const MAX_DEPTH = 6;

interface RawOperation {
  operationId: string;
  description?: string;
  security?: object[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, MediaType> };
  responses?: Record<string, { content?: Record<string, unknown> }>;
}

/** Every operation there is, as the application describes it: what is new is in it by itself. */
export function readDocument(app: NestFastifyApplication): ApiDocument {
  const document = JSON.parse(JSON.stringify(createDocument(app))) as {
    paths: Record<string, Partial<Record<(typeof METHODS)[number], RawOperation>>>;
    components: { schemas: Record<string, Schema>; parameters?: Record<string, Parameter> };
  };
  const lookUp = <T extends object>(node: T): T => {
    const ref = (node as { $ref?: string }).$ref;
    if (ref === undefined) {
      return node;
    }
    const target = ref
      .slice(2)
      .split('/')
      .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], document);
    return lookUp(target as T);
  };
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method): ApiOperation[] => {
      const operation = item[method];
      return operation
        ? [
            {
              id: operation.operationId,
              method: method.toUpperCase(),
              path,
              apiPath: path.startsWith(`${API}/`) ? path.slice(API.length) : null,
              needsKey: (operation.security ?? []).some((requirement) => 'api_key' in requirement),
              description: operation.description ?? '',
              parameters: (operation.parameters ?? []).map(lookUp),
              bodies: operation.requestBody ? lookUp(operation.requestBody).content : {},
              answers: operation.responses ?? {},
            },
          ]
        : [];
    }),
  );

  const resolve = (schema: Schema | undefined): Schema => {
    const target = lookUp(schema ?? {});
    const parts = target.allOf ?? (target.anyOf ?? target.oneOf)?.slice(0, 1) ?? [];
    return parts.reduce<Schema>((merged, part) => {
      const next = resolve(part);
      return {
        ...merged,
        ...next,
        properties: { ...merged.properties, ...next.properties },
        required: [...(merged.required ?? []), ...(next.required ?? [])],
      };
    }, target);
  };

  const exampleOf = (given: Schema | undefined, depth = 0): unknown => {
    const schema = resolve(given);
    const type = [schema.type].flat().find((name) => name !== 'null');
    const known = schema.example ?? schema.examples?.[0] ?? schema.default ?? schema.enum?.[0];
    if (known !== undefined && known !== null) {
      return known;
    }
    if (depth > MAX_DEPTH) {
      return null;
    }
    switch (type) {
      case 'integer':
      case 'number':
        return schema.minimum ?? 1;
      case 'boolean':
        return true;
      case 'array':
        return [exampleOf(schema.items, depth + 1)];
      case 'object':
      case undefined:
        return Object.fromEntries(
          (schema.required ?? []).map((name) => [name, exampleOf(schema.properties?.[name], depth + 1)]),
        );
      default:
        return schema.format === 'date-time'
          ? '2030-01-01T00:00:00.000Z'
          : 'x'.repeat(Math.max(1, schema.minLength ?? 1));
    }
  };

  return {
    operations,
    resolve,
    exampleBody: ({ bodies }) => {
      const media = bodies['application/json'];
      if (!media) {
        return undefined;
      }
      const example = media.example ?? Object.values(media.examples ?? {})[0]?.value ?? exampleOf(media.schema);
      return example as Record<string, unknown>;
    },
  };
}

/** The path with its parameters filled in. */
export function fillPath(operation: ApiOperation, values: Record<string, string | number>): string {
  return (operation.apiPath ?? operation.path).replace(/\{(\w+)\}/g, (_all, name: string) => {
    const value = values[name];
    if (value === undefined) {
      throw new Error(`${operation.id}: no value for {${name}}`);
    }
    return encodeURIComponent(String(value));
  });
}

/** Ten at a time. */
export async function inParallel<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < items.length; from += 10) {
    await Promise.all(items.slice(from, from + 10).map((item, offset) => work(item, from + offset)));
  }
}
