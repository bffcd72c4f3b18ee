import { exampleOf, exampleOfRequest } from './document-examples.js';
import { nameOf, resolve, type MediaType, type Operation, type Schema, type Schemas } from './document-parts.js';
import { EXAMPLE_EXTENSION } from './operation.js';

/** A body of a request: one schema per content type, each with an example; examples of the answers. */
export function describeBodies(operation: Operation, schemas: Schemas, examples: Record<string, unknown>): void {
  const given = operation[EXAMPLE_EXTENSION];
  delete operation[EXAMPLE_EXTENSION];
  describeRequest(operation, given, schemas);
  for (const [status, { content = {} }] of Object.entries(operation.responses)) {
    if (status.startsWith('2') || content['application/json']) {
      Object.entries(content).forEach(([type, media]) => describeAnswer(type, media, schemas, examples));
    }
  }
}

function describeRequest(operation: Operation, given: unknown, schemas: Schemas): void {
  const content = operation.requestBody?.content ?? {};
  for (const [type, media] of Object.entries(content)) {
    media.schema = partsFor(type, media.schema ?? {});
    if (media.example === undefined && !media.examples && type === 'application/json') {
      media.example = given ?? exampleOfRequest(media.schema ?? {}, schemas);
    }
  }
  if (content['multipart/form-data']) {
    describeForm(content['multipart/form-data'], given, schemas);
  }
}

/** A form's example names its file; Swagger UI shows a button there. */
function describeForm(media: MediaType, given: unknown, schemas: Schemas): void {
  const schema = media.schema ?? {};
  const example = (given ?? exampleOfRequest(schema, schemas)) as Record<string, unknown>;
  const needsFile = resolve(schema, schemas).required?.includes('file');
  media.example ??= needsFile ? { ...example, file: '(the file)' } : example;
}

/** Where the decorators say either type, one schema serves both: only a form has a file. */
function partsFor(type: string, schema: Schema): Schema {
  const hasFile = (part: Schema): boolean => part.properties?.file !== undefined;
  const parts = schema.allOf ?? schema.anyOf ?? schema.oneOf;
  const isForm = type === 'multipart/form-data';
  if (!parts?.some(hasFile) || (isForm && schema.allOf)) {
    return schema;
  }
  const [first, ...others] = parts.filter((part) => hasFile(part) === isForm);
  return first && others.length === 0 ? first : schema;
}

/** Answers that are named share their example. */
function describeAnswer(type: string, media: MediaType, schemas: Schemas, examples: Record<string, unknown>): void {
  if (media.example !== undefined || media.examples || !media.schema) {
    return;
  }
  if (media.schema.format === 'binary') {
    // Bytes: OpenAPI 3.1 describes them by their type alone.
    media.schema = { type: 'string', format: 'binary' };
    return;
  }
  if (type === 'text/csv') {
    return;
  }
  const name = nameOf(media.schema);
  if (name === null) {
    media.example = exampleOf(media.schema, schemas);
    return;
  }
  examples[name] ??= { summary: `A ${spaced(name)}`, value: exampleOf(resolve(media.schema, schemas), schemas) };
  media.examples = { [name]: { $ref: `#/components/examples/${name}` } };
}

function spaced(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, (_all, a: string, b: string) => `${a} ${b.toLowerCase()}`).toLowerCase();
}
