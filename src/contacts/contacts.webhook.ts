import { Injectable } from '@nestjs/common';
import type { AccountChange, UnreadableItem } from '../accounts/account-change.js';
import type { Account } from '../accounts/account.js';
import { phoneFromWaId } from '../common/phone-number.js';
import type { Tx } from '../database/database.js';
import { asArray, asObject, idOf, textOf, timeOf, type Json } from '../meta/webhook-payload.js';
import { ConsentService } from './consent.service.js';
import { PeopleService } from './people.service.js';
import type { PersonInput } from './person.js';

/** What one item of a change says of a person. */
interface ReadFact {
  account: Account;
  person: PersonInput;
  /** Null: says nothing about marketing. */
  optedOut: boolean | null;
  at: Date;
}

const PREFERENCES: Record<string, boolean> = { stop: true, resume: false };

/** The fields `user_preferences` (WhatsApp's own switch for marketing) and `smb_app_state_sync` (the app's address book). */
@Injectable()
export class ContactsWebhook {
  constructor(
    private readonly people: PeopleService,
    private readonly consent: ConsentService,
  ) {}

  /** People who stopped or resumed marketing messages in WhatsApp itself. */
  async handlePreferences(tx: Tx, changes: readonly AccountChange[]): Promise<UnreadableItem[]> {
    const { facts, unreadable } = readEach(changes, 'user_preferences', readPreference);
    await this.apply(tx, facts, 'whatsapp');
    return unreadable;
  }

  /** Names of the business's address book on the phone. That somebody was taken out of it says nothing about them here. */
  async handleStateSync(tx: Tx, changes: readonly AccountChange[]): Promise<UnreadableItem[]> {
    const { facts, unreadable } = readEach(changes, 'state_sync', readStateSync);
    await this.apply(tx, facts, 'whatsapp');
    return unreadable;
  }

  private async apply(tx: Tx, facts: readonly ReadFact[], source: string): Promise<void> {
    const byAccount = new Map<Account, ReadFact[]>();
    for (const fact of facts) {
      const items = byAccount.get(fact.account) ?? [];
      items.push(fact);
      byAccount.set(fact.account, items);
    }
    for (const [account, items] of [...byAccount].sort(([a], [b]) => a.id - b.id)) {
      const people = await this.people.ensure(
        tx,
        account,
        items.map((item) => item.person),
        { isProof: true },
      );
      await this.consent.apply(
        tx,
        items.flatMap(({ optedOut, at }, index) => {
          const contactId = people[index]?.contactId;
          return optedOut === null || contactId === undefined
            ? []
            : [{ contactId, accountId: account.id, optedOut, at, source }];
        }),
      );
    }
  }
}

/** @param read null: says nothing we keep; a text: why it cannot be read */
function readEach(
  changes: readonly AccountChange[],
  list: string,
  read: (item: Json, contacts: unknown, receivedAt: Date) => Omit<ReadFact, 'account'> | string | null,
): { facts: ReadFact[]; unreadable: UnreadableItem[] } {
  const facts: ReadFact[] = [];
  const unreadable: UnreadableItem[] = [];
  for (const accountChange of changes) {
    const { account, change } = accountChange;
    for (const item of asArray(change.value[list])) {
      const fact = read(asObject(item) ?? {}, change.value.contacts, change.receivedAt);
      if (typeof fact === 'string') {
        unreadable.push({ change: accountChange, error: fact });
      } else if (fact) {
        facts.push({ account, ...fact });
      }
    }
  }
  return { facts, unreadable };
}

/** Source: Meta's user_preferences webhook page; `signup` is of the in-app signups. */
function readPreference(item: Json, contacts: unknown, receivedAt: Date): Omit<ReadFact, 'account'> | string | null {
  const waId = idOf(item.wa_id);
  const userId = idOf(item.user_id);
  const phone = waId ? phoneFromWaId(waId) : null;
  if (!phone && !userId) {
    return 'a user preference that does not say whose it is';
  }
  const optedOut = PREFERENCES[textOf(item.value, 50) ?? ''] ?? null;
  if (optedOut === null || (item.category !== undefined && item.category !== 'marketing_messages')) {
    return null;
  }
  const contact = asArray(contacts)
    .map(asObject)
    .find((candidate) => candidate && (idOf(candidate.wa_id) === waId || idOf(candidate.user_id) === userId));
  const profile = asObject(contact?.profile);
  return {
    person: {
      phone,
      userId,
      parentUserId: idOf(item.parent_user_id),
      username: textOf(profile?.username, 100)?.replace(/^@/, '') ?? null,
      name: textOf(profile?.name, 255),
    },
    optedOut,
    at: timeOf(item.timestamp, receivedAt),
  };
}

/** Source: Meta's smb_app_state_sync webhook page. */
function readStateSync(item: Json, _contacts: unknown, receivedAt: Date): Omit<ReadFact, 'account'> | string | null {
  const contact = asObject(item.contact);
  if (item.type !== 'contact' || item.action !== 'add' || !contact) {
    return null;
  }
  const waId = idOf(contact.phone_number);
  const userId = idOf(contact.user_id);
  const phone = waId ? phoneFromWaId(waId) : null;
  if (!phone && !userId) {
    return 'an entry of the address book that does not say whose it is';
  }
  return {
    person: {
      phone,
      userId,
      username: textOf(contact.username, 100)?.replace(/^@/, '') ?? null,
      name: textOf(contact.full_name, 255) ?? textOf(contact.first_name, 255),
    },
    optedOut: null,
    at: timeOf(asObject(item.metadata)?.timestamp, receivedAt),
  };
}
