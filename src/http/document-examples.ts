import { resolve, type Schema, type Schemas } from './document-parts.js';

/** Deep enough for everything that we answer, and an end where a schema contains itself. */
const MAX_DEPTH = 8;

/** A full example: every field there is, with what its decorator gives as example. */
export function exampleOf(given: Schema, schemas: Schemas, depth = 0): unknown {
  const schema = resolve(given, schemas);
  const own = [given.example, schema.example, schema.examples?.[0]].find((example) => example !== undefined);
  if (own !== undefined) {
    return own;
  }
  if (schema.default !== undefined) {
    return schema.default;
  }
  if (schema.allOf) {
    return Object.assign({}, ...schema.allOf.map((part) => exampleOf(part, schemas, depth) as object)) as unknown;
  }
  const choice = (schema.anyOf ?? schema.oneOf)?.[0];
  if (choice) {
    return depth >= MAX_DEPTH ? null : exampleOf(choice, schemas, depth);
  }
  if (schema.enum) {
    return schema.enum[0];
  }
  return ofType(schema, schemas, depth);
}

/**
 * A small one: required fields, and where there are none, all that have an example of their own. The account is left out: it
 * is the header's business.
 */
export function exampleOfRequest(given: Schema, schemas: Schemas): unknown {
  const schema = resolve(given, schemas);
  if (schema.allOf) {
    return Object.assign({}, ...schema.allOf.map((part) => exampleOfRequest(part, schemas) as object)) as unknown;
  }
  const properties = Object.entries(schema.properties ?? {}).filter(([name]) => name !== 'account_id');
  const required = properties.filter(([name]) => schema.required?.includes(name));
  const wanted = required.length > 0 ? required : properties.filter(([, field]) => field.example !== undefined);
  return Object.fromEntries(wanted.map(([name, field]) => [name, exampleOf(field, schemas)]));
}

function ofType(schema: Schema, schemas: Schemas, depth: number): unknown {
  const [type] = [schema.type ?? (schema.properties ? 'object' : undefined)].flat();
  switch (type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {})
          .filter(([name]) => depth < MAX_DEPTH || schema.required?.includes(name))
          .map(([name, field]) => [name, exampleOf(field, schemas, depth + 1)]),
      );
    case 'array':
      return depth >= MAX_DEPTH || !schema.items ? [] : [exampleOf(schema.items, schemas, depth + 1)];
    case 'integer':
    case 'number':
      return schema.minimum ?? 0;
    case 'boolean':
      return false;
    case 'string':
      return schema.format === 'date-time' ? '2026-11-21T09:30:00.000Z' : 'text'.padEnd(schema.minLength ?? 0, '.');
    default:
      return null;
  }
}
