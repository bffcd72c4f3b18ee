import { asObject, readJson, type Json } from '../meta/webhook-payload.js';

/** Whose items are to vanish. */
export interface Forgotten {
  /** Digits, as Meta writes a `wa_id`. */
  waIds: ReadonlySet<string>;
  userIds: ReadonlySet<string>;
}

/** In place of a body that names the person and cannot be read. */
const MARKER = Buffer.from('{"erased":true}');

/** The business's own number, and what people write: a number in it is a mention. */
const NAMES_NOBODY = new Set(['metadata', 'body', 'caption', 'title', 'description', 'payload']);

/**
 * A body of Meta's without one person's items: messages, statuses, contacts, preferences and whatever else stands in a list
 * and names them. Its neighbours stay as they are, also those who only mention a number in what they wrote.
 * @returns null when nothing in the body is the person's
 */
export function withoutPerson(body: Buffer, person: Forgotten): Buffer | null {
  const read = readJson(body);
  if (!read.ok) {
    return MARKER;
  }
  const cleaner = new Cleaner(person);
  const cleaned = cleaner.clean(read.value);
  if (cleaner.names(cleaned)) {
    return MARKER;
  }
  return cleaner.hasErased ? Buffer.from(JSON.stringify(cleaned)) : null;
}

class Cleaner {
  hasErased = false;

  constructor(private readonly person: Forgotten) {}

  /** Without list items that name the person. The innermost list decides, so that one item does not cost its neighbours. */
  clean(value: unknown): unknown {
    if (Array.isArray(value)) {
      const kept = value.map((item) => this.clean(item)).filter((item) => !this.names(item));
      this.hasErased ||= kept.length < value.length;
      return kept;
    }
    const object = asObject(value);
    return object ? this.cleanObject(object) : value;
  }

  private cleanObject(object: Json): Json {
    return Object.fromEntries(
      Object.entries(object).map(([key, value]) => {
        const cleaned = this.clean(value);
        // What somebody else quotes of the person stays quoted; only whom they quote is not said.
        return key === 'context' ? [key, this.withoutNames(cleaned)] : [key, cleaned];
      }),
    );
  }

  private withoutNames(value: unknown): unknown {
    const object = asObject(value);
    if (!object) {
      return value;
    }
    const kept = Object.entries(object).filter(([, item]) => !this.names(item));
    this.hasErased ||= kept.length < Object.keys(object).length;
    return Object.fromEntries(kept);
  }

  /** Does the value, or a member of it that is no list, name the person? */
  names(value: unknown): boolean {
    if (typeof value === 'string' || typeof value === 'number') {
      const text = String(value);
      return this.person.userIds.has(text) || this.person.waIds.has(text.replace(/^\+/, ''));
    }
    return Object.entries(asObject(value) ?? {}).some(([key, item]) => !NAMES_NOBODY.has(key) && this.names(item));
  }
}
