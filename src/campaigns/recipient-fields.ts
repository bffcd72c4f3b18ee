import { isContactField } from '../contacts/contact-fields.js';

/** A recipient as its message is made. */
export interface MappedRecipient {
  phone: string | null;
  userId: string | null;
  name: string;
  /** Columns of the file, or fields of the contact. */
  parameters: Readonly<Record<string, string>>;
  /** What else the address book has of them, by field in lower case; where their columns have nothing it serves. */
  contact?: Readonly<Record<string, string>>;
}

/** Reads one field of a recipient; '' where there is none. */
export type FieldReader = (recipient: MappedRecipient) => string;

/** What is known of everybody, whatever columns an audience has. */
const KNOWN: Record<string, FieldReader> = {
  name: ({ name }) => name,
  display_name: ({ name, phone }) => name || (phone ?? ''),
  first_name: ({ name }) => name.trim().split(/\s+/, 1)[0] ?? '',
  last_name: ({ name }) => name.trim().split(/\s+/).slice(1).join(' '),
  phone: ({ phone }) => phone ?? '',
  phone_number: ({ phone }) => phone ?? '',
  user_id: ({ userId }) => userId ?? '',
};

/** Whether our own contacts have it. */
export function isFieldOfContacts(field: string): boolean {
  return Object.hasOwn(KNOWN, field.toLowerCase()) || isContactField(field);
}

/** Those that the address book has, in lower case, each once. */
export function contactFieldsAmong(fields: readonly string[]): string[] {
  return [...new Set(fields.map((field) => field.toLowerCase()))].filter(isContactField);
}

/**
 * Columns come first, then what is known of everybody, then the address book. Names are case-insensitive, as in the seeds.
 */
export function fieldReader(field: string): FieldReader {
  const lower = field.toLowerCase();
  const known = Object.hasOwn(KNOWN, lower) ? KNOWN[lower] : undefined;
  return (recipient) => {
    const { parameters } = recipient;
    const value = own(parameters, field) ?? own(parameters, lower) ?? anySpelling(parameters, lower);
    return value || known?.(recipient) || own(recipient.contact ?? {}, lower) || '';
  };
}

function own(parameters: Readonly<Record<string, unknown>>, name: string): string | undefined {
  if (!Object.hasOwn(parameters, name)) {
    return undefined;
  }
  const value = parameters[name];
  return value === null || value === undefined ? '' : String(value);
}

/** Files are read with their columns in lower case; audiences of code may spell them as they like. */
function anySpelling(parameters: Readonly<Record<string, unknown>>, lower: string): string | undefined {
  for (const name in parameters) {
    if (name.length === lower.length && name.toLowerCase() === lower) {
      return own(parameters, name);
    }
  }
  return undefined;
}
