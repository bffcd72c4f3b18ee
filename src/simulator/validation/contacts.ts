import { invalid } from '../graph/graph-error.js';
import { objectAt, objectsAt, onlyKeys, optionalObjectAt, optionalTextAt, textAt, type Json } from './check.js';

const LISTS: Record<string, readonly string[]> = {
  addresses: ['street', 'city', 'state', 'zip', 'country', 'country_code', 'type'],
  emails: ['email', 'type'],
  phones: ['phone', 'type', 'wa_id'],
  urls: ['url', 'type'],
};
const NAME_KEYS = ['formatted_name', 'first_name', 'last_name', 'middle_name', 'suffix', 'prefix'];
const MANY = 100;
const LONG = 1024;

/** Meta: contacts message; only `name.formatted_name` is required. */
export function checkContacts(contacts: Json[]): void {
  contacts.forEach((contact, index) => {
    const path = `contacts[${index}]`;
    onlyKeys(contact, path, [...Object.keys(LISTS), 'birthday', 'name', 'org']);
    const name = objectAt(contact, 'name', `${path}['name']`);
    onlyKeys(name, `${path}['name']`, NAME_KEYS);
    textAt(name, 'formatted_name', `${path}['name']['formatted_name']`, LONG);
    checkTexts(name, NAME_KEYS, `${path}['name']`);
    const org = optionalObjectAt(contact, 'org', `${path}['org']`);
    if (org !== undefined) {
      onlyKeys(org, `${path}['org']`, ['company', 'department', 'title']);
      checkTexts(org, ['company', 'department', 'title'], `${path}['org']`);
    }
    const birthday = optionalTextAt(contact, 'birthday', `${path}['birthday']`, 10);
    if (birthday !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(birthday)) {
      throw invalid(`${path}['birthday'] must be in the form YYYY-MM-DD`);
    }
    for (const [list, keys] of Object.entries(LISTS)) {
      if (contact[list] !== undefined) {
        checkList(objectsAt(contact, list, `${path}['${list}']`, 0, MANY), keys, `${path}['${list}']`);
      }
    }
  });
}

function checkList(items: Json[], keys: readonly string[], path: string): void {
  items.forEach((item, index) => {
    onlyKeys(item, `${path}[${index}]`, keys);
    checkTexts(item, keys, `${path}[${index}]`);
  });
}

function checkTexts(parent: Json, keys: readonly string[], path: string): void {
  for (const key of keys) {
    optionalTextAt(parent, key, `${path}['${key}']`, LONG);
  }
}
