import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { phoneFromWaId, withoutPlus, type PhoneNumber } from '../common/phone-number.js';
import { USER_ID } from '../contacts/contact.dto.js';
import { PeopleService } from '../contacts/people.service.js';
import type { PersonInput } from '../contacts/person.js';
import type { Tx } from '../database/database.js';
import type { MetaBlockedUser, RefusedBlock } from '../meta/api/blocking.js';
import type { GraphFailure } from '../meta/graph-error.js';
import type { Target, Verdict } from './block-plan.js';
import { errorOf } from './block-problem.js';
import { BlockingRepository, type Act, type BlockedPerson, type RefusedPerson } from './blocking.repository.js';

/** Somebody of whom Meta said something. */
export interface Told<User extends MetaBlockedUser = MetaBlockedUser> {
  target: Target;
  user: User;
}

/** Writes down what Meta did: rows, history, and the flag that everybody else looks at. */
@Injectable()
export class BlockWriter {
  constructor(
    private readonly repository: BlockingRepository,
    private readonly people: PeopleService,
    private readonly audit: AuditTrail,
  ) {}

  /** What a call came to; of whom Meta said nothing, nothing changes. */
  async write(
    tx: Tx,
    account: Account,
    action: 'block' | 'unblock',
    { targets, verdicts, act }: { targets: readonly Target[]; verdicts: readonly Verdict[]; act: Act },
  ): Promise<void> {
    const told = targets.flatMap((target, index) => {
      const verdict = verdicts[index] ?? null;
      return verdict ? [{ target, verdict }] : [];
    });
    const done = told.flatMap(({ target, verdict }) => (verdict.isDone ? [{ target, user: verdict.user }] : []));
    const refused = told.flatMap(({ target, verdict }) => (verdict.isDone ? [] : [{ target, user: verdict.user }]));
    if (action === 'block') {
      await this.writeBlocks(tx, account, done, refused, act);
    } else {
      await this.writeUnblocks(tx, account, done, refused, act);
    }
  }

  /**
   * The person of each of Meta's words, in their order; words about the same person give the same object. What an answer or
   * a list says beside each other is one person's, and a wa_id that differs from the number is another spelling of it.
   */
  async meet(tx: Tx, account: Account, told: readonly Told[]): Promise<BlockedPerson[]> {
    const inputs = told.map(toInput);
    const ensured = await this.people.ensure(tx, account, inputs, { isProof: true });
    const byContact = new Map<number, BlockedPerson>();
    const links: { contactId: number; phone: PhoneNumber }[] = [];
    const people = ensured.map(({ contactId }, index) => {
      const { phone, userId } = inputs[index] as PersonInput;
      const { waId } = (told[index] as Told).user;
      const person = byContact.get(contactId) ?? { contactId, phone: null, waId: '', userId: null };
      byContact.set(contactId, person);
      person.phone ??= phone;
      person.waId ||= waIdOf(waId, phone);
      person.userId ??= userId ?? null;
      const spelling = phoneFromWaId(waId);
      if (spelling && phone && spelling !== phone) {
        links.push({ contactId, phone: spelling });
      }
      return person;
    });
    await this.people.linkPhones(tx, links);
    return people;
  }

  private async writeBlocks(
    tx: Tx,
    account: Account,
    done: readonly Told[],
    refused: readonly Told<RefusedBlock>[],
    act: Act,
  ): Promise<void> {
    // Everybody at once: a second batch in one transaction could lock people out of order.
    const people = await this.meet(tx, account, [...done, ...refused]);
    const blocked = new Set(people.slice(0, done.length));
    const refusals = new Map<BlockedPerson, RefusedPerson>();
    refused.forEach(({ user }, index) => {
      const person = people[done.length + index] as BlockedPerson;
      if (!blocked.has(person)) {
        refusals.set(person, { ...person, ...reasonOf(user.failure) });
      }
    });
    if (blocked.size > 0) {
      await this.repository.writeBlocked(tx, account.id, [...blocked], act);
    }
    if (refusals.size > 0) {
      await this.repository.writeBlockRefused(tx, account.id, [...refusals.values()], act);
    }
    const contactIds = [...blocked].map(({ contactId }) => contactId);
    await this.people.setBlocked(tx, account.id, contactIds, true);
    await this.note(tx, account.id, 'contact.blocked', contactIds);
  }

  private async writeUnblocks(
    tx: Tx,
    account: Account,
    done: readonly Told[],
    refused: readonly Told<RefusedBlock>[],
    { actor }: Act,
  ): Promise<void> {
    const people = [...new Set(await this.meet(tx, account, done))];
    if (people.length > 0) {
      const contactIds = people.map(({ contactId }) => contactId);
      // By number too: a block may have been another's who had the number then, and Meta blocks numbers.
      const freed = await this.repository.writeUnblocked(tx, account.id, namesOf(people), actor);
      const free = [...new Set([...contactIds, ...freed])];
      await this.people.setBlocked(tx, account.id, free, false);
      await this.note(tx, account.id, 'contact.unblocked', free);
    }
    if (refused.length > 0) {
      const refusals = refused.map(({ target, user }) => ({ ...namesOfTarget(target), ...reasonOf(user.failure) }));
      await this.repository.writeUnblockRefused(tx, account.id, refusals, actor);
    }
  }

  private note(tx: Tx, accountId: number, action: string, contactIds: readonly number[]): Promise<void> {
    return this.audit.append(
      tx,
      contactIds.map((objectId) => ({ action, objectType: 'contact', objectId, accountId })),
    );
  }
}

function toInput({ target, user }: Told): PersonInput {
  const said = USER_ID.test(user.userId) ? user.userId : null;
  return 'phone' in target
    ? { phone: target.phone, userId: said }
    : { phone: phoneFromWaId(user.waId), userId: target.userId };
}

function waIdOf(waId: string, phone: string | null): string {
  return phoneFromWaId(waId) ? waId : withoutPlus(phone ?? '');
}

function namesOf(people: readonly BlockedPerson[]): { contactIds: number[]; phones: string[]; userIds: string[] } {
  return {
    contactIds: people.map(({ contactId }) => contactId),
    phones: people.flatMap(({ phone }) => (phone === null ? [] : [phone])),
    userIds: people.flatMap(({ userId }) => (userId === null ? [] : [userId])),
  };
}

function namesOfTarget(target: Target): { phone: string | null; userId: string | null } {
  return 'phone' in target ? { phone: target.phone, userId: null } : { phone: null, userId: target.userId };
}

function reasonOf(failure: GraphFailure): { text: string; error: Record<string, unknown> } {
  const error = errorOf({ ...failure, title: storable(failure.title), details: storable(failure.details) });
  const { code, title, details } = error;
  return {
    text: [code === null ? '' : `(#${code})`, title === details ? title : `${title}: ${details}`].join(' ').trim(),
    error: { ...error },
  };
}

/** PostgreSQL refuses NUL in text. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '');
}
