import type { OpenAPIObject } from '@nestjs/swagger';

/** A JSON schema, as far as the document's makers look into it. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  example?: unknown;
  examples?: unknown[];
  default?: unknown;
  description?: string;
  pattern?: string;
  minimum?: number;
  minLength?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: unknown;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  [key: string]: unknown;
}

export type Schemas = Record<string, Schema>;

export interface MediaType {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, unknown>;
}

export interface Response {
  description?: string;
  headers?: Record<string, unknown>;
  content?: Record<string, MediaType>;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  example?: unknown;
  schema?: Schema;
}

export interface Operation {
  operationId?: string;
  description?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, MediaType> };
  responses: Record<string, Response>;
  [extension: `x-${string}`]: unknown;
}

/** Parameters that many operations have, and name themselves. */
const SAID_OFTEN: Record<string, unknown> = { 'X-Account-Id': 1, cursor: 'WyJjb250YWN0cyIsMTA0Ml0' };
const SCHEMA_PREFIX = '#/components/schemas/';

/** The schema itself, where one only names it. */
export function resolve(schema: Schema, schemas: Schemas): Schema {
  const name = schema.$ref?.slice(SCHEMA_PREFIX.length);
  return (name === undefined ? undefined : schemas[name]) ?? schema;
}

/** The name of a schema, where there is nothing but the name. */
export function nameOf(schema: Schema | undefined): string | null {
  return schema?.$ref?.startsWith(SCHEMA_PREFIX) ? schema.$ref.slice(SCHEMA_PREFIX.length) : null;
}

/** All named schemas in order, without Dto in their names. */
export function sharedSchemas(document: OpenAPIObject): Schemas {
  const named = Object.entries((document.components?.schemas ?? {}) as Schemas)
    .map(([name, schema]) => [name.replace(/Dto$/, ''), schema] as const)
    .sort(([a], [b]) => a.localeCompare(b));
  return Object.fromEntries(named);
}

/** The header of idempotency for each POST that takes it, and examples where they belong. */
export function describeParameters(operation: Operation, method: string): void {
  const parameters = (operation.parameters ?? []).filter(({ name }) => name.toLowerCase() !== 'idempotency-key');
  if (takesIdempotencyKey(operation, method)) {
    parameters.push({
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description:
        'The same key and body again answer what the first request answered, with `Idempotency-Replayed: true`. Kept 7 days.',
      schema: { type: 'string', minLength: 1, maxLength: 255, examples: ['order-1042-shipped'] },
    });
  }
  if (parameters.length > 0) {
    operation.parameters = parameters.map(withExample);
  }
}

/** Every POST that asks for a key takes the header, uploads too. */
export function takesIdempotencyKey(operation: Operation, method: string): boolean {
  return method === 'post' && (operation.security ?? []).length > 0;
}

/**
 * Swagger UI fills in an `example`, also where nothing is needed: a list would be asked for with every filter there is, and a
 * cursor that is none. What may be left out has its example in `examples` of its schema, which is only shown.
 */
function withExample(parameter: Parameter): Parameter {
  const { example: ofSchema, ...schema } = parameter.schema ?? {};
  const example = parameter.example ?? ofSchema ?? schema.examples?.[0] ?? exampleOfKind(schema, parameter.name);
  const { example: _none, ...rest } = parameter;
  if (example === undefined) {
    return { ...rest, schema };
  }
  if (parameter.required) {
    const { examples: _given, ...bare } = schema;
    return { ...rest, example, schema: bare };
  }
  return { ...rest, schema: { ...schema, examples: [example] } };
}

function exampleOfKind(schema: Schema, name: string): unknown {
  return schema.default ?? schema.enum?.[0] ?? (schema.type === 'boolean' ? true : SAID_OFTEN[name]);
}

/** `{type: 'string', nullable: true}` of 3.0 is `{type: ['string', 'null']}` in 3.1. */
export function convertNullable(node: unknown): unknown {
  if (Array.isArray(node)) {
    return node.map(convertNullable);
  }
  if (node === null || typeof node !== 'object') {
    return node;
  }
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(node as Record<string, unknown>).map(([key, value]) => [
      key,
      key === 'example' || key === 'default' ? value : convertNullable(value),
    ]),
  );
  if (nullable !== true) {
    return nullable === undefined || nullable === false ? rest : { ...rest, nullable };
  }
  if (typeof rest.type === 'string') {
    return {
      ...rest,
      type: [rest.type, 'null'],
      ...(Array.isArray(rest.enum) && !rest.enum.includes(null) ? { enum: [...(rest.enum as unknown[]), null] } : {}),
    };
  }
  if (rest.$ref !== undefined || rest.allOf !== undefined) {
    return { anyOf: [rest, { type: 'null' }] };
  }
  return rest;
}
