import { Fields } from '../fields.js';
import { nameOf } from '../state/people.js';
import type { BusinessNumber } from '../state/registry.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { changeJson, post, readPosting, type Posting } from './envelope.js';
import { meet, readWho, type Who } from './who.js';

interface SyncedContact {
  readonly who: Who;
  readonly fullName: string | undefined;
  readonly firstName: string | undefined;
}

/** Entries of the address book of the business's app. */
export interface StateSyncRequest {
  readonly action: 'add' | 'remove';
  readonly contacts: SyncedContact[];
  readonly timestamp: number;
  readonly posting: Posting;
}

/** Reads a call of `POST /__simulate/state-sync`: one contact, or several in `contacts`. */
export function readStateSync(fields: Fields): StateSyncRequest {
  const several = fields.objects('contacts')?.map((contact) => new Fields(contact));
  const contacts = (several ?? [fields]).map(readContact);
  several?.flatMap((each) => each.faults()).forEach((fault) => fields.problem(`contacts: ${fault}`));
  return {
    action: fields.word('action', ['add', 'remove'], 'add'),
    contacts,
    timestamp: fields.seconds('timestamp') ?? Math.floor(Date.now() / 1000),
    posting: readPosting(fields),
  };
}

/** Sends the entries in one webhook. Meta: `smb_app_state_sync`; names only where one is added. */
export function sendStateSync(world: World, number: BusinessNumber, request: StateSyncRequest): void {
  const { action, timestamp } = request;
  const state_sync = request.contacts.map((each) => ({
    type: 'contact',
    contact: contactJson(world, number, each, action),
    action,
    metadata: { timestamp: String(timestamp) },
  }));
  post(world, number, [changeJson(number, 'smb_app_state_sync', { state_sync })], request.posting);
}

function readContact(fields: Fields): SyncedContact {
  return { who: readWho(fields), fullName: fields.text('full_name'), firstName: fields.text('first_name') };
}

function contactJson(world: World, number: BusinessNumber, contact: SyncedContact, action: 'add' | 'remove'): Json {
  const { person, shown } = meet(world, number, contact.who);
  const fullName = contact.fullName ?? nameOf(person);
  const names = { full_name: fullName, first_name: contact.firstName ?? fullName.split(' ')[0] };
  return {
    ...(action === 'add' ? names : {}),
    ...(shown.waId === '' ? {} : { phone_number: shown.waId }),
    ...(shown.userId === '' ? {} : { user_id: shown.userId }),
    ...(shown.parentUserId === '' ? {} : { parent_user_id: shown.parentUserId }),
    ...(shown.username === '' ? {} : { username: shown.username }),
  };
}
