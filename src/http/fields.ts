import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsEmail,
  IsIn,
  IsInt,
  IsISO8601,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateBy,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { MAX_PAGE_SIZE } from '../common/page.js';
import { isStorable } from '../common/storable.js';

const MAX_INT_32 = 2 ** 31 - 1;

/**
 * Fields of requests and answers: each decorator says in one place how a value is checked and what the OpenAPI document
 * says of it. On answers the checks do not run.
 */
export interface FieldOptions {
  description?: string;
  example?: unknown;
  optional?: boolean;
  nullable?: boolean;
  default?: unknown;
  deprecated?: boolean;
}

function field(options: FieldOptions, schema: ApiPropertyOptions, ...rules: PropertyDecorator[]): PropertyDecorator {
  const presence: PropertyDecorator[] = [];
  if (options.optional && options.nullable) {
    presence.push(IsOptional());
  } else if (options.optional) {
    presence.push(ValidateIf((_object, value) => value !== undefined));
  } else if (options.nullable) {
    presence.push(ValidateIf((_object, value) => value !== null));
  }
  const { description, example, nullable, deprecated } = options;
  const documented = {
    ...schema,
    ...(description === undefined ? {} : { description }),
    ...(example === undefined ? {} : { example }),
    ...(options.default === undefined ? {} : { default: options.default }),
    ...(deprecated ? { deprecated } : {}),
    required: !options.optional,
    ...(nullable ? { nullable } : {}),
  } as ApiPropertyOptions;
  return applyDecorators(ApiProperty(documented), ...presence, ...rules) as PropertyDecorator;
}

/** PostgreSQL refuses NUL in text, and a lone surrogate cannot be written in UTF-8. */
const NoControl = Matches(/^[^\u0000]*$/u, { message: '$property must not contain a NUL character' });

const IsStorable = ValidateBy({
  name: 'isStorable',
  validator: {
    validate: isStorable,
    defaultMessage: () => '$property must not contain a NUL character or half of a surrogate pair',
  },
});

/** Text of `min` (1) to `max` characters. */
export function Text(
  options: FieldOptions & { max: number; min?: number; pattern?: RegExp; patternHint?: string },
): PropertyDecorator {
  const min = options.min ?? 1;
  return field(
    options,
    {
      type: 'string',
      minLength: min,
      maxLength: options.max,
      ...(options.pattern ? { pattern: options.pattern.source } : {}),
    },
    IsString(),
    MinLength(min),
    MaxLength(options.max),
    NoControl,
    ...(options.pattern
      ? [Matches(options.pattern, { message: `$property ${options.patternHint ?? 'has the wrong form'}` })]
      : []),
  );
}

/** Text that may be left out. */
export function OptionalText(options: FieldOptions & { max: number; min?: number }): PropertyDecorator {
  return Text({ min: 0, ...options, optional: true });
}

/** A message by its wamid or by its local id, which may be written as a number. */
export function MessageReference(options: FieldOptions = {}): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }) => (typeof value === 'number' ? String(value) : value)),
    Text({ example: 'wamid.HBgLMTIwMjU1NTAxNzE', ...options, max: 512 }),
  ) as PropertyDecorator;
}

/** A phone number in any spelling; the service parses it once. */
export function Phone(options: FieldOptions = {}): PropertyDecorator {
  return Text({
    description: 'Phone number in any spelling; best with + and country code.',
    example: '+919876500001',
    ...options,
    max: 32,
  });
}

export function Email(options: FieldOptions = {}): PropertyDecorator {
  return field(options, { type: 'string', format: 'email', maxLength: 254 }, IsEmail(), MaxLength(254));
}

export function Int(options: FieldOptions & { min?: number; max?: number } = {}): PropertyDecorator {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
  return field(
    options,
    // Without the format, clients in Java and C# take 32 bits.
    {
      type: 'integer',
      minimum: min,
      ...(max > MAX_INT_32 ? { format: 'int64' } : {}),
      ...(max < Number.MAX_SAFE_INTEGER ? { maximum: max } : {}),
    },
    Type(() => Number),
    IsInt(),
    Min(min),
    Max(max),
  );
}

/** An id of one of our rows. */
export function Id(options: FieldOptions = {}): PropertyDecorator {
  return Int({ example: 1, ...options, min: 1 });
}

export function Decimal(options: FieldOptions & { min: number; max: number }): PropertyDecorator {
  return field(
    options,
    { type: 'number', minimum: options.min, maximum: options.max },
    // The seeds' clients send coordinates as text too.
    Transform(({ value }) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value)),
    IsNumber(),
    Min(options.min),
    Max(options.max),
  );
}

/** A boolean; in a query string `true` and `false` are read as such. */
export function Bool(options: FieldOptions = {}): PropertyDecorator {
  return field(
    options,
    { type: 'boolean' },
    Transform(({ value }) => (value === 'true' ? true : value === 'false' ? false : value)),
    IsBoolean(),
  );
}

/** One of a closed set; with a `name`, clients have a type of that name for it. */
export function OneOf(values: readonly string[], options: FieldOptions & { name?: string } = {}): PropertyDecorator {
  const named = options.name === undefined ? {} : { enumName: options.name };
  return field(options, { type: 'string', enum: [...values], ...named }, IsIn([...values]));
}

/** A moment: ISO-8601, in answers UTC with milliseconds. */
export function Timestamp(options: FieldOptions = {}): PropertyDecorator {
  return field(
    { example: '2026-11-21T09:30:00.000Z', ...options },
    { type: 'string', format: 'date-time' },
    IsISO8601({ strict: true }),
  );
}

/** A JSON object of any shape. */
export function JsonObject(options: FieldOptions = {}): PropertyDecorator {
  return field(options, { type: 'object', additionalProperties: true }, IsObject(), IsStorable);
}

/** Any JSON value, checked by the service. */
export function AnyJson(options: FieldOptions & { schema?: ApiPropertyOptions } = {}): PropertyDecorator {
  return field(
    options,
    options.schema ?? {},
    ValidateIf((_object, value) => value !== undefined),
  );
}

/** A list of texts, numbers or ids. */
export function ListOfText(
  options: FieldOptions & { maxItems: number; max: number; values?: readonly string[] },
): PropertyDecorator {
  return field(
    options,
    {
      type: 'array',
      maxItems: options.maxItems,
      items: { type: 'string', maxLength: options.max, ...(options.values ? { enum: [...options.values] } : {}) },
    },
    IsArray(),
    ArrayMaxSize(options.maxItems),
    IsString({ each: true }),
    MaxLength(options.max, { each: true }),
    ...(options.values ? [IsIn([...options.values], { each: true })] : []),
  );
}

export function ListOfIds(options: FieldOptions & { maxItems: number }): PropertyDecorator {
  return field(
    options,
    { type: 'array', maxItems: options.maxItems, items: { type: 'integer', format: 'int64', minimum: 1 } },
    IsArray(),
    ArrayMaxSize(options.maxItems),
    IsInt({ each: true }),
    Min(1, { each: true }),
  );
}

/** A nested object, checked by its own class. */
export function Nested(type: () => new () => object, options: FieldOptions = {}): PropertyDecorator {
  return field(options, { type: () => type() }, IsObject(), ValidateNested(), Type(type));
}

/** A list of nested objects. */
export function ListOf(
  type: () => new () => object,
  options: FieldOptions & { maxItems?: number } = {},
): PropertyDecorator {
  const maxItems = options.maxItems ?? MAX_PAGE_SIZE;
  return field(
    options,
    // Swagger takes a function for a lazy type only when it is called `type`.
    { type: () => type(), isArray: true } as ApiPropertyOptions,
    IsArray(),
    ArrayMaxSize(maxItems),
    // class-validator walks into a list within the list, and would take an empty one for well-formed.
    IsObject({ each: true, message: '$property must have objects only' }),
    ValidateNested({ each: true }),
    Type(type),
  );
}
