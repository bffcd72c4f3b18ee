import { ValidationPipe, type ValidationError } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';
import { invalidFields, type FieldError } from '../common/app-error.js';

rememberRules();

/**
 * The rules of a class are the same for each request, and class-validator gathers them anew for each object from those of all
 * classes: with some hundred of them that takes longer than to check by them.
 */
function rememberRules(): void {
  const storage = getMetadataStorage();
  const gather = storage.getTargetValidationMetadatas.bind(storage);
  const known = new Map<unknown, ReturnType<typeof gather>>();
  storage.getTargetValidationMetadatas = (target, schema, always, strictGroups, groups) => {
    if (schema || groups?.length || strictGroups || always) {
      return gather(target, schema, always, strictGroups, groups);
    }
    const found = known.get(target) ?? gather(target, schema, always, strictGroups, groups);
    known.set(target, found);
    return found;
  };
}

/** Reads bodies, queries and params into their classes; names every wrong field at once, unknown ones too. */
export function createValidationPipe(): ValidationPipe {
  return new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
    exceptionFactory: (errors) => invalidFields(flatten(errors)),
  });
}

const pipe = createValidationPipe();

/** Reads a value into its class as a `@Body()` is, for requests whose body comes another way (forms). */
export function readInto<T extends object>(type: new () => T, value: unknown): Promise<T> {
  return pipe.transform(value ?? {}, { type: 'body', metatype: type }) as Promise<T>;
}

function flatten(errors: ValidationError[], parent = ''): FieldError[] {
  return errors.flatMap((error) => {
    const field = parent ? `${parent}.${error.property}` : error.property;
    const own = Object.entries(error.constraints ?? {}).map(([rule, message]) =>
      toFieldError(field, rule, message, error),
    );
    return [...own, ...flatten(error.children ?? [], field)];
  });
}

function toFieldError(field: string, rule: string, message: string, error: ValidationError): FieldError {
  if (rule === 'whitelistValidation') {
    return { field, code: 'unknown_field', message: `${field} is not a field of this request` };
  }
  if (error.value === undefined || error.value === null) {
    return { field, code: 'required', message: `${field} is required` };
  }
  const code = rule
    .replace(/^is(?=[A-Z])/, 'not_')
    .replace(/([A-Z])/g, '_$1')
    .replace(/__+/g, '_')
    .toLowerCase();
  return { field, code, message: parentless(message, error.property, field) };
}

function parentless(message: string, property: string, field: string): string {
  return message.startsWith(property) ? field + message.slice(property.length) : message;
}
