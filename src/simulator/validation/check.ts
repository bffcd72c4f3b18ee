import { badParam, invalid, missing } from '../graph/graph-error.js';

/** An object out of JSON. */
export type Json = Record<string, unknown>;

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object at `key`; missing → 131008, of another type → 100. */
export function objectAt(parent: Json, key: string, path: string): Json {
  const value = parent[key];
  if (value === undefined || value === null) {
    throw missing(path);
  }
  if (!isJson(value)) {
    throw badParam(`Param ${path} must be a JSON object.`);
  }
  return value;
}

/** The object at `key` when there is one. */
export function optionalObjectAt(parent: Json, key: string, path: string): Json | undefined {
  return parent[key] === undefined || parent[key] === null ? undefined : objectAt(parent, key, path);
}

/** The list at `key` with between `min` and `max` items. */
export function listAt(parent: Json, key: string, path: string, min: number, max: number): unknown[] {
  const value = parent[key];
  if (value === undefined || value === null) {
    throw missing(path);
  }
  if (!Array.isArray(value)) {
    throw badParam(`Param ${path} must be an array.`);
  }
  if (value.length < min || value.length > max) {
    throw invalid(`${path} has an invalid number of items (${value.length}). Min: ${min}, Max: ${max}`);
  }
  return value;
}

/** The objects of the list at `key`. */
export function objectsAt(parent: Json, key: string, path: string, min: number, max: number): Json[] {
  return listAt(parent, key, path, min, max).map((item, index) => {
    if (!isJson(item)) {
      throw badParam(`Param ${path}[${index}] must be a JSON object.`);
    }
    return item;
  });
}

/** The text at `key`, from 1 to `max` characters. */
export function textAt(parent: Json, key: string, path: string, max: number): string {
  const value = parent[key];
  if (value === undefined || value === null || value === '') {
    throw missing(path);
  }
  if (typeof value !== 'string') {
    throw badParam(`Param ${path} must be a string.`);
  }
  if (value.length > max) {
    throw invalid(`${path} length invalid (${value.length}). Min length: 1, Max length: ${max}`);
  }
  return value;
}

/** The text at `key` when there is one; may be empty. */
export function optionalTextAt(parent: Json, key: string, path: string, max: number): string | undefined {
  const value = parent[key];
  return value === undefined || value === null || value === '' ? undefined : textAt(parent, key, path, max);
}

/** One of a set of words. */
export function wordAt(parent: Json, key: string, path: string, words: readonly string[]): string {
  const value = textAt(parent, key, path, 200);
  if (!words.includes(value)) {
    throw invalid(`${path} must be one of ${words.join(', ')}; got "${value.slice(0, 60)}"`);
  }
  return value;
}

export function optionalFlagAt(parent: Json, key: string, path: string): boolean | undefined {
  const value = parent[key];
  if (value !== undefined && typeof value !== 'boolean') {
    throw badParam(`Param ${path} must be a boolean.`);
  }
  return value;
}

/** Graph names the first key it does not know inside an object. */
export function onlyKeys(parent: Json, path: string, keys: readonly string[]): void {
  for (const key in parent) {
    if (!keys.includes(key)) {
      throw badParam(`Unexpected key "${key.slice(0, 60)}" on param "${path}".`);
    }
  }
}

/** No two alike. */
export function unique(values: readonly string[], path: string): void {
  if (new Set(values).size !== values.length) {
    throw invalid(`Duplicated values in ${path}`);
  }
}

/** Meta: a link that is none is refused by Graph itself. */
export function httpUrlAt(parent: Json, key: string, path: string, max = 2000): string {
  const url = textAt(parent, key, path, max);
  if (!/^https?:\/\/[^\s/]/i.test(url)) {
    throw badParam(`Param ${path} is not a valid URI.`);
  }
  return url;
}
