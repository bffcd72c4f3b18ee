import { isUserId } from './state/bsuid.js';
import { isJson, type Json } from './validation/check.js';

/** Reads the fields of a control call, notes every fault, and names the fields that nobody asked for. */
export class Fields {
  private readonly problems: string[] = [];
  private readonly asked = new Set<string>();

  constructor(private readonly body: Json) {}

  has(key: string): boolean {
    return this.value(key) !== undefined;
  }

  /** The value as it came; null counts as absent. */
  value(key: string): unknown {
    this.asked.add(key);
    return this.body[key] ?? undefined;
  }

  text(key: string): string | undefined {
    return this.checked(key, 'a string', (value): value is string => typeof value === 'string');
  }

  flag(key: string): boolean | undefined {
    return this.checked(key, 'true or false', (value): value is boolean => typeof value === 'boolean');
  }

  object(key: string): Json | undefined {
    return this.checked(key, 'an object', isJson);
  }

  objects(key: string): Json[] | undefined {
    return this.checked(
      key,
      'a list of objects',
      (value): value is Json[] => Array.isArray(value) && value.every(isJson),
    );
  }

  whole(key: string, fallback: number, min: number, max: number): number {
    const isWhole = (value: unknown): value is number =>
      typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
    return this.checked(key, `a whole number from ${min} to ${max}`, isWhole) ?? fallback;
  }

  word<T extends string>(key: string, words: readonly T[], fallback: T): T {
    const isWord = (value: unknown): value is T => (words as readonly unknown[]).includes(value);
    return this.checked(key, `one of ${words.join(', ')}`, isWord) ?? fallback;
  }

  /** Unix seconds; Meta's strings are taken too. */
  seconds(key: string): number | undefined {
    const isTime = (value: unknown): value is string | number => /^\d{1,11}$/.test(String(value));
    const value = this.checked(key, 'Unix seconds', isTime);
    return value === undefined ? undefined : Number(value);
  }

  /** The digits of an international number, '' when none is given. */
  phone(key: string): string {
    const isPhone = (value: unknown): value is string =>
      typeof value === 'string' && /^\+?[1-9]\d{6,14}$/.test(value.replace(/[\s().-]/g, ''));
    return this.checked(key, 'an international phone number', isPhone)?.replace(/\D/g, '') ?? '';
  }

  /** A user id or parent id, '' when none is given. */
  userId(key: string): string {
    const isId = (value: unknown): value is string => typeof value === 'string' && isUserId(value);
    return this.checked(key, 'a user id like IN.1234567890', isId) ?? '';
  }

  problem(sentence: string): void {
    this.problems.push(sentence);
  }

  /** Everything that is wrong, once all fields were read. */
  faults(): string[] {
    const unknown = Object.keys(this.body).filter((key) => !this.asked.has(key));
    return [...unknown.map((key) => `unknown key ${key}`), ...this.problems];
  }

  private checked<T>(key: string, what: string, holds: (value: unknown) => value is T): T | undefined {
    const value = this.value(key);
    if (value === undefined || holds(value)) {
      return value;
    }
    this.problem(`${key} must be ${what}`);
    return undefined;
  }
}
