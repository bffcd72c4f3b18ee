import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../common/phone-number.js';
import { PeopleService } from '../contacts/people.service.js';
import type { AccountScope } from '../contacts/person.js';
import type { Tx } from '../database/database.js';
import { ThreadsRepository, type ThreadName } from './threads.repository.js';

/** Somebody whom a row names. */
export interface NamedPerson {
  account: AccountScope;
  phone: PhoneNumber;
  name?: string;
}

/** The people whom rows name, and the threads with them. */
@Injectable()
export class ImportPeople {
  constructor(
    private readonly people: PeopleService,
    private readonly threads: ThreadsRepository,
  ) {}

  /** Finds or creates everybody, as people of their accounts. @returns contact ids in the order of the input */
  async contactsOf(tx: Tx, named: readonly NamedPerson[]): Promise<number[]> {
    const contactIds = new Array<number>(named.length).fill(0);
    const byAccount = new Map<number, { account: AccountScope; people: Map<string, number[]> }>();
    for (const [index, { account, phone }] of named.entries()) {
      const group = byAccount.get(account.id) ?? { account, people: new Map<string, number[]>() };
      byAccount.set(account.id, group);
      const places = group.people.get(phone);
      if (places) {
        places.push(index);
      } else {
        group.people.set(phone, [index]);
      }
    }
    const groups = [...byAccount.values()].sort((a, b) => a.account.id - b.account.id);
    for (const { account, people } of groups) {
      const places = [...people.values()];
      const found = await this.people.ensure(
        tx,
        account,
        places.map(([first]) => {
          const { phone, name } = named[first as number] as NamedPerson;
          return { phone, name: name ?? null };
        }),
      );
      for (const [at, { contactId }] of found.entries()) {
        for (const index of places[at] as number[]) {
          contactIds[index] = contactId;
        }
      }
    }
    return contactIds;
  }

  /** Finds or creates threads. @returns their ids in the order of the input */
  async threadsOf(tx: Tx, wanted: readonly (ThreadName & { createdAt: Date })[]): Promise<number[]> {
    const distinct = new Map<string, ThreadName & { createdAt: Date }>();
    for (const thread of wanted) {
      const key = keyOf(thread);
      const known = distinct.get(key);
      if (!known || thread.createdAt < known.createdAt) {
        distinct.set(key, thread);
      }
    }
    const ids = new Map((await this.threads.find(tx, [...distinct.values()])).map((row) => [keyOf(row), row.id]));
    const missing = [...distinct].flatMap(([key, thread]) =>
      ids.has(key) ? [] : [{ ...thread, labelId: null, isResolved: false, assignedTo: null, unreadCount: 0 }],
    );
    if (missing.length > 0) {
      (await this.threads.create(tx, missing)).forEach((row) => ids.set(keyOf(row), row.id));
    }
    const taken = missing.filter((thread) => !ids.has(keyOf(thread)));
    if (taken.length > 0) {
      (await this.threads.find(tx, taken)).forEach((row) => ids.set(keyOf(row), row.id));
    }
    return wanted.map((thread) => ids.get(keyOf(thread)) as number);
  }
}

export function keyOf({ accountId, contactId }: ThreadName): string {
  return `${accountId}/${contactId}`;
}
