import {
  METHODS,
  operationsOf,
  type ApiDocument,
  type ApiOperation,
  type MediaType,
  type Schema,
} from './api-document.js';

/** In which way values travel: what may be asked for must not grow, what is answered must not shrink. */
type Direction = 'request' | 'answer';

/** Deeper than any schema of ours; some contain themselves. */
const MAX_DEPTH = 12;

/** Sets that grow by their nature; clients are told to expect it. */
const OPEN_SETS = ['ErrorCode'];

/**
 * What a client that was made for the one document could stumble over in the other. More is allowed: operations, optional
 * fields of requests, properties of answers, error codes, statuses of errors.
 */
export function breakingChanges(before: ApiDocument, after: ApiDocument): string[] {
  const now = new Map(operationsOf(after).map(({ name, operation }) => [name, operation]));
  return operationsOf(before).flatMap(({ name, path, method, operation }) => {
    const changed = now.get(name);
    if (!changed) {
      const left = METHODS.filter((other) => other !== method && after.paths[path]?.[other]);
      return [`${name} is gone${left.length > 0 ? ` (${left.join(', ')} of this path stays)` : ''}`];
    }
    return new Comparison(before, after).ofOperations(operation, changed).map((change) => `${name}: ${change}`);
  });
}

class Comparison {
  private readonly compared = new Set<string>();

  constructor(
    private readonly before: ApiDocument,
    private readonly after: ApiDocument,
  ) {}

  ofOperations(before: ApiOperation, after: ApiOperation): string[] {
    return [
      ...(before.operationId === after.operationId
        ? []
        : [`is called ${after.operationId}, was ${before.operationId}: a method of every client`]),
      ...((before.security ?? []).length === 0 && (after.security ?? []).length > 0 ? ['asks for a key now'] : []),
      ...this.ofParameters(before, after),
      ...this.ofBodies(before, after),
      ...this.ofAnswers(before, after),
    ];
  }

  private ofParameters(before: ApiOperation, after: ApiOperation): string[] {
    const keyOf = ({ name, in: place }: { name: string; in: string }): string => `${place} parameter ${name}`;
    const known = new Map((before.parameters ?? []).map((parameter) => [keyOf(parameter), parameter]));
    const now = new Map((after.parameters ?? []).map((parameter) => [keyOf(parameter), parameter]));
    const gone = [...known.keys()].filter((key) => !now.has(key)).map((key) => `the ${key} is gone`);
    return [
      ...gone,
      ...[...now].flatMap(([key, parameter]) => {
        const old = known.get(key);
        const isNewlyRequired = parameter.required === true && old?.required !== true;
        return [
          ...(isNewlyRequired ? [`the ${key} is required now`] : []),
          ...(old ? this.ofSchemas(old.schema, parameter.schema, 'request', `the ${key}`) : []),
        ];
      }),
    ];
  }

  private ofBodies(before: ApiOperation, after: ApiOperation): string[] {
    if (!before.requestBody) {
      const isRequired = (after.requestBody as { required?: boolean } | undefined)?.required === true;
      return isRequired ? ['has a required body now'] : [];
    }
    if (!after.requestBody) {
      return ['takes no body any more'];
    }
    return this.ofContent(before.requestBody.content, after.requestBody.content, 'request', 'the body');
  }

  private ofAnswers(before: ApiOperation, after: ApiOperation): string[] {
    return Object.entries(before.responses).flatMap(([status, old]) => {
      const now = after.responses[status];
      if (!now) {
        return status.startsWith('2') ? [`does not answer ${status} any more`] : [];
      }
      const gone = Object.keys(old.headers ?? {}).filter((header) => !(header in (now.headers ?? {})));
      return [
        ...gone.map((header) => `${status}: the header ${header} is gone`),
        ...this.ofContent(old.content ?? {}, now.content ?? {}, 'answer', status),
      ];
    });
  }

  private ofContent(
    before: Record<string, MediaType>,
    after: Record<string, MediaType>,
    direction: Direction,
    at: string,
  ): string[] {
    return Object.entries(before).flatMap(([type, old]) => {
      const now = after[type];
      return now ? this.ofSchemas(old.schema, now.schema, direction, at) : [`${at}: ${type} is gone`];
    });
  }

  private ofSchemas(
    before: Schema | undefined,
    after: Schema | undefined,
    direction: Direction,
    at: string,
    depth = 0,
  ): string[] {
    if (!before || !after || depth > MAX_DEPTH) {
      return [];
    }
    // What two names stand for is said once for an operation.
    const pair = before.$ref && after.$ref ? `${direction} ${before.$ref} ${after.$ref}` : '';
    if (pair !== '' && this.compared.has(pair)) {
      return [];
    }
    this.compared.add(pair);
    const old = this.written(before, this.before);
    const now = this.written(after, this.after);
    return [
      ...ofTypes(old, now, direction, at),
      ...(OPEN_SETS.some((name) => after.$ref?.endsWith(`/${name}`)) ? [] : ofEnums(old, now, direction, at)),
      ...(direction === 'request' ? ofLimits(old, now, at) : []),
      ...this.ofProperties(old, now, direction, at, depth),
      ...this.ofSchemas(
        old.items as Schema | undefined,
        now.items as Schema | undefined,
        direction,
        `${at}[]`,
        depth + 1,
      ),
      ...this.ofChoices(old, now, direction, at, depth),
    ];
  }

  private ofProperties(before: Schema, after: Schema, direction: Direction, at: string, depth: number): string[] {
    const [old, now] = [before.properties ?? {}, after.properties ?? {}];
    const [needed, needs] = [requiredOf(before), requiredOf(after)];
    const gone = Object.keys(old).filter((name) => !(name in now));
    const isOpen = after.additionalProperties === true;
    return [
      ...(direction === 'request' && isOpen ? [] : gone.map((name) => `${at}.${name} is gone`)),
      ...(direction === 'request'
        ? [...needs].filter((name) => !needed.has(name)).map((name) => `${at}.${name} is required now`)
        : [...needed]
            .filter((name) => !needs.has(name) && name in now)
            .map((name) => `${at}.${name} may be missing now`)),
      ...Object.entries(old).flatMap(([name, schema]) =>
        this.ofSchemas(schema, now[name], direction, `${at}.${name}`, depth + 1),
      ),
    ];
  }

  /** Alternatives, one by one; null among them is a matter of types. */
  private ofChoices(before: Schema, after: Schema, direction: Direction, at: string, depth: number): string[] {
    const [old, now] = [choicesOf(before), choicesOf(after)];
    if (old.length === 0 && now.length === 0) {
      return [];
    }
    if (direction === 'request' ? now.length > 0 && now.length < old.length : now.length > old.length) {
      return [`${at} has ${now.length} forms, had ${old.length}`];
    }
    return old.flatMap((choice, index) => this.ofSchemas(choice, now[index], direction, at, depth + 1));
  }

  /** The schema itself; of a sum, its parts together; of something or null, the something and a null among its types. */
  private written(schema: Schema, document: ApiDocument): Schema {
    const named = schema.$ref?.split('/').pop();
    const target = named === undefined ? schema : (document.components.schemas[named] ?? schema);
    if (target.allOf) {
      return target.allOf
        .map((part) => this.written(part, document))
        .reduce<Schema>(
          (sum, part) => ({
            ...sum,
            ...part,
            properties: { ...sum.properties, ...part.properties },
            required: [...requiredOf(sum), ...requiredOf(part)],
          }),
          {},
        );
    }
    const choices = (target.anyOf ?? target.oneOf) as Schema[] | undefined;
    const [only, ...others] = (choices ?? []).filter(({ type }) => type !== 'null');
    if (choices && only && others.length === 0) {
      const inner = this.written(only, document);
      return { ...inner, type: [...typesOf(inner), 'null'] };
    }
    return target;
  }
}

function ofTypes(before: Schema, after: Schema, direction: Direction, at: string): string[] {
  const [old, now] = [typesOf(before), typesOf(after)];
  // An integer is a number: fewer values.
  const covers = (types: string[], type: string): boolean =>
    types.length === 0 || types.includes(type) || (type === 'integer' && types.includes('number'));
  if (direction === 'request') {
    if (old.length === 0 && now.length > 0) {
      return [`${at} must be ${now.join(' or ')} now`];
    }
    const lost = old.filter((type) => !covers(now, type));
    return lost.map((type) => `${at} may not be ${type} any more`);
  }
  if (old.length > 0 && now.length === 0) {
    return [`${at} may be anything now, was ${old.join(' or ')}`];
  }
  return old.length === 0 ? [] : now.filter((type) => !covers(old, type)).map((type) => `${at} may be ${type} now`);
}

function ofEnums(before: Schema, after: Schema, direction: Direction, at: string): string[] {
  const [old, now] = [before.enum as unknown[] | undefined, after.enum as unknown[] | undefined];
  // Null is a matter of types.
  const without = (values: unknown[], others: unknown[]): unknown[] =>
    values.filter((value) => value !== null && !others.includes(value));
  if (direction === 'request') {
    if (!now) {
      return [];
    }
    return old
      ? without(old, now).map((value) => `${at} may not be ${JSON.stringify(value)} any more`)
      : [`${at} must be one of ${now.length} values now`];
  }
  if (!old) {
    return [];
  }
  return now
    ? without(now, old).map((value) => `${at} may be ${JSON.stringify(value)} now`)
    : [`${at} is no closed set any more`];
}

/** What was let through, and is not. */
function ofLimits(before: Schema, after: Schema, at: string): string[] {
  const upper = ['maximum', 'maxLength', 'maxItems'];
  const lower = ['minimum', 'minLength', 'minItems'];
  const tighter = [
    ...upper.filter((name) => Number(after[name] ?? Infinity) < Number(before[name] ?? Infinity)),
    ...lower.filter((name) => Number(after[name] ?? -Infinity) > Number(before[name] ?? -Infinity)),
  ].map((name) => `${at}: ${name} is ${String(after[name])} now, was ${String(before[name] ?? 'none')}`);
  const pattern =
    after.pattern !== undefined && after.pattern !== before.pattern
      ? [`${at} must match ${String(after.pattern)} now`]
      : [];
  return [...tighter, ...pattern];
}

function typesOf({ type }: Schema): string[] {
  return type === undefined ? [] : ([type].flat() as string[]);
}

function requiredOf({ required }: Schema): Set<string> {
  return new Set((required as string[] | undefined) ?? []);
}

function choicesOf(schema: Schema): Schema[] {
  return ((schema.anyOf ?? schema.oneOf) as Schema[] | undefined) ?? [];
}
