import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { actAs, currentActor, type Actor } from '../common/actor.js';
import { AppError, invalidField } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { parsePhoneNumber, type PhoneNumber } from '../common/phone-number.js';
import { Config } from '../config/config.js';
import { Database, type Tx } from '../database/database.js';
import { isForeignKeyViolation } from '../database/pg-error.js';
import { ConsentService } from './consent.service.js';
import { Contact } from './contact.entity.js';
import { ContactsRepository, type ContactFilter, type ContactRow, type LockedContact } from './contacts.repository.js';
import { LabelsService, type LabelReference } from './labels.service.js';
import { PeopleService } from './people.service.js';
import { PeopleRepository } from './people.repository.js';
import { mapKey } from './people-plan.js';
import { identityKeyOf, phoneIdentity, userIdentity, type AccountScope, type Identity } from './person.js';

/** On whose behalf contacts are read and changed. */
export interface Viewer {
  account: AccountScope;
  /** Accounts the key is tied to; empty: it sees everybody. */
  accountIds: readonly number[];
}

/** What can be said of a contact; what is left out is not said. */
export interface ContactInput {
  phone?: PhoneNumber | null;
  userId?: string;
  name?: string;
  email?: string;
  notes?: string;
  labels?: LabelReference[];
  optedOut?: boolean;
}

/** What a person said about marketing, to whom, and in which words. */
export interface Wish {
  optedOut: boolean;
  source?: string | undefined;
  reason?: string | undefined;
}

/** Which of the contacts that the viewer may see. */
export type ContactQuery = Omit<ContactFilter, 'accountIds' | 'phone'>;

const LIST = 'contacts';
const EXPORT_PAGE = 1_000;
const SOURCE = 'api';

/** Contacts as the API's users manage them. Whose identity is whose is {@link PeopleService}'s to decide. */
@Injectable()
export class ContactsService {
  constructor(
    private readonly database: Database,
    private readonly repository: ContactsRepository,
    private readonly people: PeopleService,
    private readonly identities: PeopleRepository,
    private readonly labels: LabelsService,
    private readonly consent: ConsentService,
    private readonly config: Config,
    private readonly audit: AuditTrail,
  ) {}

  async list(
    viewer: Viewer,
    query: ContactQuery & { limit: number; cursor?: string | undefined },
  ): Promise<Page<ContactRow>> {
    const { limit, cursor, ...filter } = query;
    const rows = await this.repository.list(this.database, this.visible(viewer, filter), viewer.account, {
      beforeId: decodeIdCursor(LIST, cursor),
      limit: limit + 1,
    });
    return toPage(LIST, rows, limit, (row) => [row.id]);
  }

  /** All of them, the oldest first, page by page: whoever reads slowly holds up nobody, and no page waits in memory. */
  each(viewer: Viewer, query: ContactQuery): AsyncGenerator<ContactRow[]> {
    // The pages are asked for by the stream that they go into, which is nobody.
    return this.exported(viewer, query, currentActor());
  }

  /** @throws `not_found`, also for people of other accounts than the viewer's */
  async get(viewer: Viewer, id: number): Promise<ContactRow> {
    return this.read(this.database, viewer, id);
  }

  /**
   * Creates a contact, linked to the viewer's account. Of two requests at once for one person, one creates.
   *
   * A person who exists but is not among the viewer's people becomes one of them, and the answer is that contact: to say
   * that they exist would tell one tenant of another's customers. What others know of the person stays: the given name,
   * email and notes fill what is empty, labels are added, and only an opt-out is taken over.
   * @throws `contact_exists` with `contact_id`, for a person the viewer can see
   */
  async create(viewer: Viewer, input: ContactInput): Promise<ContactRow> {
    if (!input.phone && input.userId === undefined) {
      throw invalidField('phone', 'required', 'phone is required (or user_id, for a person whose phone is not known).');
    }
    return this.database.transaction(async (tx) => {
      const [person] = await this.people.ensure(tx, viewer.account, [
        { phone: input.phone ?? null, userId: input.userId ?? null, name: input.name ?? null },
      ]);
      if (!person) {
        throw new Error('A person was asked for and none came');
      }
      const id = person.contactId;
      if (!person.isNew && (await this.couldSee(tx, viewer, id, person.wasLinked))) {
        throw contactExists(id);
      }
      const contact = await this.lock(tx, viewer, id);
      if (person.isNew) {
        await this.write(tx, id, { email: input.email, notes: input.notes });
      } else {
        await this.fillEmpty(tx, id, input);
      }
      await this.labels.add(tx, id, input.labels ?? []);
      if (input.optedOut && !contact.opted_out) {
        await this.say(tx, viewer, id, { optedOut: true });
      }
      return this.read(tx, viewer, id);
    });
  }

  /**
   * Changes what is given. A new phone or user id must be nobody else's; the old phone is free afterwards.
   * @throws `not_found`; `contact_exists` when another contact has that phone or user id
   */
  async update(viewer: Viewer, id: number, input: ContactInput): Promise<ContactRow> {
    return this.database.transaction(async (tx) => {
      const contact = await this.lock(tx, viewer, id);
      if (input.userId !== undefined) {
        await this.claim(tx, viewer, id, userIdentity(viewer.account.portfolio, input.userId));
      }
      if (input.phone !== undefined && input.phone !== contact.phone) {
        await this.changePhone(tx, viewer, contact, input.phone);
      }
      await this.write(tx, id, { name: input.name, email: input.email, notes: input.notes });
      if (input.labels) {
        await this.labels.replace(tx, id, input.labels);
      }
      // Not when it is so already: a form that sends back all it shows says nothing new.
      if (input.optedOut !== undefined && input.optedOut !== contact.opted_out) {
        await this.say(tx, viewer, id, { optedOut: input.optedOut });
      }
      return this.read(tx, viewer, id);
    });
  }

  /** Writes down what the person said about marketing. @throws `not_found` */
  async setConsent(viewer: Viewer, id: number, wish: Wish): Promise<ContactRow> {
    return this.database.transaction(async (tx) => {
      await this.lock(tx, viewer, id);
      await this.say(tx, viewer, id, wish);
      return this.read(tx, viewer, id);
    });
  }

  /**
   * @throws `not_found`; `contact_in_use` when there are conversations with the person, or when the key is tied to
   *   accounts and the person is one of another account's people too
   */
  async remove(viewer: Viewer, id: number): Promise<void> {
    try {
      await this.database.transaction(async (tx) => {
        await this.requireOwn(tx, viewer, id);
        await this.identities.remove(tx, [id]);
        await this.note(tx, viewer, 'contact.deleted', id);
      });
    } catch (error) {
      if (isForeignKeyViolation(error)) {
        throw new AppError(
          'contact_in_use',
          'There are conversations with this contact, or it subscribed by a signup; that would be lost. Erase it with erase=true.',
        );
      }
      throw error;
    }
  }

  /**
   * Locks a contact that the viewer may do away with.
   * @throws `not_found`; `contact_in_use` when the key is tied to accounts, and the person is one of another's people too
   */
  async requireOwn(tx: Tx, viewer: Viewer, id: number): Promise<void> {
    await this.lock(tx, viewer, id);
    if (viewer.accountIds.length > 0 && (await this.repository.isLinkedBeyond(tx, id, viewer.accountIds))) {
      throw new AppError('contact_in_use', 'The contact is in use elsewhere in this installation.');
    }
  }

  private async *exported(viewer: Viewer, query: ContactQuery, actor: Actor): AsyncGenerator<ContactRow[]> {
    const filter = this.visible(viewer, query);
    // Before the first row is out.
    const entry = { action: 'contact.exported', objectType: 'contact', objectId: null, accountId: viewer.account.id };
    await actAs(actor, () => this.audit.append(this.database, [entry]));
    for (let afterId = 0; ;) {
      const page = { afterId, limit: EXPORT_PAGE };
      const rows = await this.repository.listUp(this.database, filter, viewer.account, page);
      if (rows.length > 0) {
        yield rows;
      }
      const last = rows[EXPORT_PAGE - 1];
      if (!last) {
        return;
      }
      afterId = last.id;
    }
  }

  private visible(viewer: Viewer, query: ContactQuery): ContactFilter {
    const phone = query.q === undefined ? null : parsePhoneNumber(query.q, this.config.defaultCountry);
    return { ...query, phone, accountIds: viewer.accountIds };
  }

  /** Could the viewer see the contact before it was linked to the viewer's account just now? */
  private async couldSee(tx: Tx, viewer: Viewer, id: number, wasLinked: boolean): Promise<boolean> {
    if (viewer.accountIds.length === 0 || wasLinked) {
      return true;
    }
    const others = viewer.accountIds.filter((accountId) => accountId !== viewer.account.id);
    return others.length > 0 && (await this.repository.find(tx, id, others, viewer.account)) !== null;
  }

  private async read(q: Database | Tx, viewer: Viewer, id: number): Promise<ContactRow> {
    const contact = await this.repository.find(q, id, viewer.accountIds, viewer.account);
    if (!contact) {
      throw noSuchContact();
    }
    return contact;
  }

  private async lock(tx: Tx, viewer: Viewer, id: number): Promise<LockedContact> {
    const contact = await this.repository.lock(tx, id, viewer.accountIds);
    if (!contact) {
      throw noSuchContact();
    }
    return contact;
  }

  private async write(tx: Tx, id: number, values: { name?: string; email?: string; notes?: string }): Promise<void> {
    const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
    if (Object.keys(given).length > 0) {
      await tx.manager.update(Contact, { id }, given);
    }
  }

  private async fillEmpty(tx: Tx, id: number, input: ContactInput): Promise<void> {
    for (const column of ['email', 'notes'] as const) {
      if (input[column]) {
        await tx.manager.update(Contact, { id, [column]: '' }, { [column]: input[column] });
      }
    }
  }

  private async changePhone(tx: Tx, viewer: Viewer, contact: LockedContact, phone: PhoneNumber | null): Promise<void> {
    if (phone !== null) {
      await this.claim(tx, viewer, contact.id, phoneIdentity(phone));
      const isCreatedFromPhone = contact.identity_key.startsWith('phone:');
      const key = isCreatedFromPhone ? identityKeyOf(phoneIdentity(phone)) : contact.identity_key;
      await this.repository.replacePhone(tx, contact, phone, key);
      return;
    }
    const user = await this.repository.findUserIdentity(tx, contact.id);
    if (!user) {
      throw invalidField('phone', 'required', 'phone must stay: no user_id of this contact is known.');
    }
    await this.repository.replacePhone(tx, contact, null, identityKeyOf(userIdentity(user.scope, user.value)));
  }

  /** Makes the identity this contact's. */
  private async claim(tx: Tx, viewer: Viewer, contactId: number, identity: Identity): Promise<void> {
    const find = async (): Promise<number | undefined> =>
      (await this.identities.find(tx, viewer.account, [identity])).get(mapKey(identity))?.id;
    let ownerId = await find();
    if (ownerId === undefined) {
      await this.identities.link(tx, [{ contactId, identity }]);
      // Ours, or of whoever was faster.
      ownerId = await find();
    }
    if (ownerId !== contactId) {
      const { accountIds, account } = viewer;
      const owner = ownerId === undefined ? null : await this.repository.find(tx, ownerId, accountIds, account);
      throw contactExists(owner && owner.id);
    }
  }

  private async say(tx: Tx, viewer: Viewer, contactId: number, { optedOut, source, reason }: Wish): Promise<void> {
    await this.consent.applyNow(tx, {
      contactId,
      accountId: viewer.account.id,
      optedOut,
      source: source || SOURCE,
      reason: reason || undefined,
    });
    await this.note(tx, viewer, optedOut ? 'contact.opted_out' : 'contact.opted_in', contactId);
  }

  private note(tx: Tx, { account }: Viewer, action: string, id: number): Promise<void> {
    return this.audit.append(tx, [{ action, objectType: 'contact', objectId: id, accountId: account.id }]);
  }
}

function noSuchContact(): AppError {
  return new AppError('not_found', 'There is no such contact.');
}

function contactExists(contactId: number | null): AppError {
  return new AppError(
    'contact_exists',
    'There is a contact with this phone or user id.',
    contactId === null ? {} : { extra: { contact_id: contactId } },
  );
}
