import type { Account } from '../accounts/account.js';
import type { AccountChange, UnreadableItem } from '../accounts/account-change.js';
import { phoneFromWaId } from '../common/phone-number.js';
import type { PersonInput } from '../contacts/person.js';
import { asArray, asObject, idOf, textOf, timeOf, type Json } from '../meta/webhook-payload.js';
import { attemptTokenOf } from './evidence.js';
import {
  readChange,
  readContent,
  readMessageError,
  type ChangeContent,
  type InboundContent,
} from './inbound-content.js';
import type { StatusEvent } from './statuses.repository.js';

/** How a message came to us; it decides what it does beside standing in its thread. */
export type Source =
  /** Written now. */
  | 'live'
  /** Written by the business in the WhatsApp app, beside the API. */
  | 'echo'
  /** Written before the number was connected. */
  | 'history'
  /** Written while another app owns the thread: we only look on. */
  | 'standby';

/** A message that was read from a payload. */
export interface ReadMessage {
  account: Account;
  source: Source;
  person: PersonInput;
  wamid: string;
  direction: 'inbound' | 'outbound';
  /** Meta's type, as it came. */
  type: string;
  content: InboundContent;
  /** What became of it, for messages of the history. */
  status: 'sent' | 'delivered' | 'read' | 'failed';
  timestamp: Date;
  raw: Json;
  /** Meta says that the person's phone or user id is another one now. */
  identityChange: PersonInput | null;
}

/** A reaction, an edit or a revoke. */
export interface ReadChange {
  account: Account;
  person: PersonInput;
  changeId: string;
  change: ChangeContent;
  actor: 'customer' | 'business';
  occurredAt: Date;
}

/** A status, and what it tells of the person beside. */
export interface ReadStatus {
  account: Account;
  event: StatusEvent;
  about: Pick<PersonInput, 'userId' | 'parentUserId' | 'username' | 'name'>;
}

/** All that a batch of changes says. */
export interface Readings {
  messages: ReadMessage[];
  changes: ReadChange[];
  statuses: ReadStatus[];
  /** `value.errors`: trouble of the number, of no message in particular. */
  alerts: { account: Account; error: NonNullable<InboundContent['error']> }[];
  unreadable: UnreadableItem[];
}

/** Where the messages of a change stand, and what is common to them. */
interface Section {
  accountChange: AccountChange;
  source: Source;
  /** `value.contacts`. */
  contacts: unknown;
  messages: unknown[];
  /** For messages of the history: the customer whose thread it is. */
  thread: Thread | null;
}

interface Thread {
  waId: string | null;
  userId: string | null;
  parentUserId: string | null;
  username: string | null;
}

const IDENTITY_CHANGES = new Set(['user_changed_number', 'user_changed_user_id']);

/** Reads the fields `messages`, `standby`, `smb_message_echoes` and `history`. What cannot be read is told; the rest stands. */
export function readInbound(changes: readonly AccountChange[]): Readings {
  const readings: Readings = { messages: [], changes: [], statuses: [], alerts: [], unreadable: [] };
  for (const accountChange of changes) {
    for (const section of sectionsOf(accountChange)) {
      for (const item of section.messages) {
        readItem(readings, section, asObject(item));
      }
    }
    const { value } = accountChange.change;
    for (const item of [...asArray(value.statuses), ...asArray(asObject(value.standby)?.statuses)]) {
      readStatus(readings, accountChange, asObject(item));
    }
    for (const item of [value, ...asArray(value.history).map(asObject)].flatMap((part) => asArray(part?.errors))) {
      const error = readMessageError(asObject(item));
      if (error) {
        readings.alerts.push({ account: accountChange.account, error });
      }
    }
  }
  return readings;
}

function sectionsOf(accountChange: AccountChange): Section[] {
  const { field, value } = accountChange.change;
  const base = { accountChange, contacts: value.contacts, thread: null };
  if (field === 'history') {
    const threads = asArray(value.history)
      .flatMap((chunk) => asArray(asObject(chunk)?.threads))
      .map(asObject);
    return [
      ...threads.map((thread) => ({
        ...base,
        source: 'history' as const,
        messages: asArray(thread?.messages),
        thread: readThread(thread),
      })),
      // Media of the history comes later, by itself.
      { ...base, source: 'history', messages: [...asArray(value.messages), ...asArray(value.message_echoes)] },
    ];
  }
  const standby = asObject(value.standby);
  return [
    { ...base, source: 'live', messages: asArray(value.messages) },
    { ...base, source: 'echo', messages: asArray(value.message_echoes) },
    { ...base, source: 'standby', contacts: standby?.contacts, messages: asArray(standby?.messages) },
    { ...base, source: 'echo', contacts: standby?.contacts, messages: asArray(standby?.message_echoes) },
  ];
}

function readItem(readings: Readings, section: Section, message: Json | null): void {
  const { accountChange } = section;
  const { account, change } = accountChange;
  const refuse = (error: string): void => void readings.unreadable.push({ change: accountChange, error });
  const wamid = idOf(message?.id);
  if (!message || !wamid) {
    refuse('a message without an id');
    return;
  }
  const direction = directionOf(section, message);
  const person = readPerson(section, message, direction);
  if (!person) {
    refuse(`message ${wamid.slice(0, 60)} does not say ${direction === 'inbound' ? 'from' : 'to'} whom it is`);
    return;
  }
  const timestamp = timeOf(message.timestamp, change.receivedAt);
  const changed = readChange(message);
  if (changed) {
    const actor = direction === 'inbound' ? 'customer' : 'business';
    readings.changes.push({ account, person, changeId: wamid, change: changed, actor, occurredAt: timestamp });
    return;
  }
  readings.messages.push({
    account,
    source: section.source,
    person,
    wamid,
    direction,
    type: typeof message.type === 'string' ? message.type : 'unknown',
    content: readContent(message),
    status: statusOf(message, section.source, direction),
    timestamp,
    raw: message,
    identityChange: readIdentityChange(message),
  });
}

/** `id` is missing when the phone is hidden. Source: Meta's business-scoped user ids page. */
function readThread(thread: Json | null): Thread {
  const context = asObject(thread?.context);
  return {
    waId: idOf(thread?.id) ?? idOf(context?.wa_id),
    userId: idOf(context?.user_id),
    parentUserId: idOf(context?.parent_user_id),
    username: textOf(context?.username, 100)?.replace(/^@/, '') ?? null,
  };
}

/** The business writes echoes, and in the history whatever comes from its own number. */
function directionOf(section: Section, message: Json): 'inbound' | 'outbound' {
  if (section.source === 'echo') {
    return 'outbound';
  }
  const own = idOf(asObject(section.accountChange.change.value.metadata)?.display_phone_number);
  return section.source === 'history' && own !== null && idOf(message.from) === own ? 'outbound' : 'inbound';
}

/** The customer: `from` is a wa_id, `from_user_id` the BSUID; either may be missing. The profile stands in `contacts[]`. */
function readPerson(section: Section, message: Json, direction: 'inbound' | 'outbound'): PersonInput | null {
  const isInbound = direction === 'inbound';
  const { thread } = section;
  const waId = thread?.waId ?? idOf(isInbound ? message.from : message.to) ?? sharedWaId(message);
  const userId = thread?.userId ?? idOf(isInbound ? message.from_user_id : message.to_user_id);
  const phone = waId ? phoneFromWaId(waId) : null;
  if (!phone && !userId) {
    return null;
  }
  const parentUserId =
    thread?.parentUserId ?? idOf(isInbound ? message.from_parent_user_id : message.to_parent_user_id);
  const profile = profileOf(section.contacts, waId, userId);
  return { phone, userId, parentUserId, ...profile, username: profile.username ?? thread?.username ?? null };
}

/**
 * A person who is known by user id only may answer our request for the phone with their own card. Source: Meta's
 * business-scoped user ids page (`origin: contact_request`, a vCard with `waid`).
 */
function sharedWaId(message: Json): string | null {
  const cards = asArray(message.contacts).map(asObject);
  const own =
    message.origin === 'contact_request' ? cards[0] : cards.find((card) => card?.origin === 'contact_request');
  if (!own) {
    return null;
  }
  const vcards = [own, ...asArray(own.contacts).map(asObject)].map((card) => textOf(card?.vcard) ?? '');
  return idOf(asObject(asArray(own.phones)[0])?.wa_id) ?? /\bwaid=(\d{6,15})\b/i.exec(vcards.join('\n'))?.[1] ?? null;
}

/** Contacts stand beside the messages in no order: they are matched by what they are called. */
function profileOf(
  contacts: unknown,
  waId: string | null,
  userId: string | null,
): Pick<PersonInput, 'username' | 'name'> {
  const contact = asArray(contacts)
    .map(asObject)
    .find(
      (candidate) =>
        candidate !== null &&
        ((waId !== null && idOf(candidate.wa_id) === waId) || (userId !== null && idOf(candidate.user_id) === userId)),
    );
  const profile = asObject(contact?.profile);
  return {
    username: textOf(profile?.username, 100)?.replace(/^@/, '') ?? null,
    name: textOf(profile?.name, 255),
  };
}

function readIdentityChange(message: Json): PersonInput | null {
  const system = message.type === 'system' ? asObject(message.system) : null;
  if (!system || typeof system.type !== 'string' || !IDENTITY_CHANGES.has(system.type)) {
    return null;
  }
  const waId = idOf(system.wa_id);
  const after = {
    phone: waId ? phoneFromWaId(waId) : null,
    userId: idOf(system.user_id),
    parentUserId: idOf(system.parent_user_id),
  };
  return after.phone || after.userId ? after : null;
}

/** Source of `history_context.status`: Meta's history webhook page. */
function statusOf(message: Json, source: Source, direction: 'inbound' | 'outbound'): ReadMessage['status'] {
  if (source !== 'history') {
    return direction === 'inbound' ? 'delivered' : 'sent';
  }
  switch (asObject(message.history_context)?.status) {
    case 'READ':
    case 'PLAYED':
      return 'read';
    case 'DELIVERED':
      return 'delivered';
    case 'ERROR':
      return 'failed';
    default:
      return direction === 'inbound' ? 'delivered' : 'sent';
  }
}

function readStatus(readings: Readings, accountChange: AccountChange, status: Json | null): void {
  const { account, change } = accountChange;
  const wamid = idOf(status?.id);
  const name = textOf(status?.status, 50);
  if (!status || !wamid || !name) {
    readings.unreadable.push({ change: accountChange, error: 'a status without an id or a status' });
    return;
  }
  const userId = idOf(status.recipient_user_id);
  readings.statuses.push({
    account,
    event: {
      accountId: account.id,
      wamid,
      attemptToken: attemptTokenOf(status.biz_opaque_callback_data),
      status: name,
      participant: idOf(status.recipient_participant_id) ?? idOf(status.recipient_participant_user_id) ?? '',
      occurredAt: timeOf(status.timestamp, change.receivedAt),
      error: readMessageError(asObject(asArray(status.errors)[0])),
      pricing: asObject(status.pricing),
    },
    about: {
      userId,
      parentUserId: idOf(status.recipient_parent_user_id),
      ...profileOf(change.value.contacts, idOf(status.recipient_id), userId),
    },
  });
}
