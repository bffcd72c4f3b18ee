import { Injectable } from '@nestjs/common';
import type { Queryable, Tx } from '../database/database.js';
import { containing } from '../common/like.js';
import { blockedBy, isBlockedBy, visibleTo } from './contact-audience.js';
import type { AccountScope } from './person.js';

/** A contact as an account is answered: its columns and labels, its identities in the account's portfolio, its block. */
export interface ContactRow {
  id: number;
  phone: string | null;
  name: string;
  email: string;
  notes: string;
  opted_out: boolean;
  opted_out_at: Date | null;
  opted_out_source: string | null;
  subscribed_via_signup_id: number | null;
  subscribed_at: Date | null;
  created_at: Date;
  updated_at: Date;
  labels: { id: number; name: string; color: string }[];
  /** Phones, and the names within the portfolio, the oldest first. */
  identities: { kind: string; value: string }[];
  is_blocked: boolean;
}

/** A contact that this transaction has locked. */
export interface LockedContact {
  id: number;
  identity_key: string;
  phone: string | null;
  opted_out: boolean;
}

export interface ContactFilter {
  /** Only people of these accounts; empty: everybody. */
  accountIds: readonly number[];
  /** Part of what they are called. */
  q?: string | undefined;
  /** What `q` is as a phone number, if it is one. */
  phone?: string | null;
  /** A label's id, else its name. */
  label?: string | undefined;
  optedOut?: boolean | undefined;
  /** By the account that is answered. */
  isBlocked?: boolean | undefined;
}

const COLUMNS = `c.id, c.phone, c.name, c.email, c.notes, c.opted_out, c.opted_out_at, c.opted_out_source,
  c.subscribed_via_signup_id, c.subscribed_at, c.created_at, c.updated_at`;

/** What stands beside a contact `p`, with the account and its portfolio in the parameters. */
function relations(accountParameter: string, portfolioParameter: string): string {
  return `${isBlockedBy(accountParameter, 'p.id')} as is_blocked,
    coalesce((
      select jsonb_agg(jsonb_build_object('id', l.id, 'name', l.name, 'color', l.color) order by lower(l.name))
      from contact_labels k join labels l on l.id = k.label_id where k.contact_id = p.id), '[]') as labels,
    coalesce((
      select jsonb_agg(jsonb_build_object('kind', i.kind, 'value', i.value) order by i.id)
      from contact_identities i
      where i.contact_id = p.id and (i.kind = 'phone' or i.scope = ${portfolioParameter})), '[]') as identities`;
}

/** Visible to all (an empty list in the parameter), or one of the accounts' people. */
const VISIBLE = `(cardinality($2::bigint[]) = 0 or ${visibleTo('$2')})`;

const FIND = `select p.*, ${relations('$3', '$4')} from (select ${COLUMNS} from contacts c where c.id = $1 and ${VISIBLE}) p`;

const LOCK = `select c.id, c.identity_key, c.phone, c.opted_out from contacts c where c.id = $1 and ${VISIBLE} for update of c`;

/** Single contacts and lists of them. */
@Injectable()
export class ContactsRepository {
  async find(
    q: Queryable,
    id: number,
    accountIds: readonly number[],
    account: AccountScope,
  ): Promise<ContactRow | null> {
    const [row] = await q.query<ContactRow>(FIND, [id, accountIds, account.id, account.portfolio]);
    return row ?? null;
  }

  async lock(tx: Tx, id: number, accountIds: readonly number[]): Promise<LockedContact | null> {
    const [row] = await tx.query<LockedContact>(LOCK, [id, accountIds]);
    return row ?? null;
  }

  /** The newest first: one statement for a page with labels and identities. */
  async list(
    q: Queryable,
    filter: ContactFilter,
    account: AccountScope,
    page: { beforeId: number | null; limit: number },
  ): Promise<ContactRow[]> {
    const { values, where, bind } = conditions(filter, account);
    if (page.beforeId !== null) {
      where.push(`c.id < ${bind(page.beforeId)}`);
    }
    return q.queryDynamic<ContactRow>(select(where, 'desc', bind(page.limit)), values);
  }

  /** As {@link list}, the oldest first. */
  async listUp(
    q: Queryable,
    filter: ContactFilter,
    account: AccountScope,
    page: { afterId: number; limit: number },
  ): Promise<ContactRow[]> {
    const { values, where, bind } = conditions(filter, account);
    where.push(`c.id > ${bind(page.afterId)}`);
    return q.queryDynamic<ContactRow>(select(where, 'asc', bind(page.limit)), values);
  }

  /** Is the contact one of the people of any account that is not among these? */
  async isLinkedBeyond(tx: Tx, id: number, accountIds: readonly number[]): Promise<boolean> {
    const rows = await tx.query(
      'select 1 from contact_accounts where contact_id = $1 and account_id <> all($2::bigint[]) limit 1',
      [id, accountIds],
    );
    return rows.length > 0;
  }

  /** Gives the contact another phone, or none; what it was known by before is free again. */
  async replacePhone(tx: Tx, contact: LockedContact, phone: string | null, identityKey: string): Promise<void> {
    await tx.query(
      `delete from contact_identities where contact_id = $1 and kind = 'phone' and scope = '' and value = $2`,
      [contact.id, contact.phone],
    );
    await tx.query('update contacts set phone = $2, identity_key = $3, updated_at = now() where id = $1', [
      contact.id,
      phone,
      identityKey,
    ]);
  }

  /** Any user id of the contact, whichever portfolio it is of. */
  async findUserIdentity(tx: Tx, id: number): Promise<{ scope: string; value: string } | null> {
    const [row] = await tx.query<{ scope: string; value: string }>(
      `select scope, value from contact_identities
       where contact_id = $1 and kind in ('user_id', 'parent_user_id') order by id limit 1`,
      [id],
    );
    return row ?? null;
  }
}

/** A page of contacts, with the portfolio as `$1` and the account as `$2`. */
function select(where: readonly string[], order: 'asc' | 'desc', limit: string): string {
  return `select p.*, ${relations('$2::bigint', '$1')}
    from (select ${COLUMNS} from contacts c ${where.length > 0 ? `where ${where.join(' and ')}` : ''}
          order by c.id ${order} limit ${limit}) p
    order by p.id ${order}`;
}

function conditions(
  filter: ContactFilter,
  account: AccountScope,
): { values: unknown[]; where: string[]; bind: (value: unknown) => string } {
  const values: unknown[] = [account.portfolio, account.id];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const where: string[] = [];
  if (filter.accountIds.length > 0) {
    where.push(visibleTo(bind(filter.accountIds)));
  }
  if (filter.q) {
    where.push(matches(filter.q, filter.phone ?? null, bind));
  }
  if (filter.label !== undefined) {
    const label = bind(filter.label);
    where.push(`c.id in (
      select k.contact_id from contact_labels k where k.label_id = (
        select l.id from labels l where l.id::text = ${label} or lower(l.name) = lower(${label})
        order by l.id::text = ${label} desc limit 1))`);
  }
  if (filter.optedOut !== undefined) {
    where.push(filter.optedOut ? 'c.opted_out' : 'not c.opted_out');
  }
  if (filter.isBlocked !== undefined) {
    where.push(`${filter.isBlocked ? '' : 'not '}${blockedBy('$2::bigint', 'c.id')}`);
  }
  return { values, where, bind };
}

/** Shorter texts have no trigram, and so no help from an index. */
const MIN_INDEXED = 3;

/**
 * People are looked for by a part of what they are called; a phone in any spelling by its digits, and by all numbers of the
 * person when it is whole; a user id as a whole.
 */
function matches(q: string, phone: string | null, bind: (value: unknown) => string): string {
  const pattern = bind(containing(q));
  const alternatives = [`c.name ilike ${pattern}`, `c.email ilike ${pattern}`];
  if (/^[+0-9()\-.\s]*$/.test(q) && /[0-9]/.test(q)) {
    alternatives.push(`c.phone like ${bind(`%${q.replace(/[^0-9]/g, '')}%`)}`);
  }
  const whole = bind(q.trim());
  alternatives.push(`c.id = any(array(
    select i.contact_id from contact_identities i
    where i.kind in ('user_id', 'parent_user_id') and i.scope = $1 and i.value = ${whole}))`);
  if (phone !== null) {
    alternatives.push(`c.id = any(array(
      select i.contact_id from contact_identities i where i.kind = 'phone' and i.scope = '' and i.value = ${bind(phone)}))`);
  }
  const username = q.trim().replace(/^@/, '');
  if (username !== '') {
    const found = `from contact_identities i
      where i.kind = 'username' and i.scope = $1 and i.value ilike ${bind(containing(username))}`;
    // A list that is made once lets every alternative use its index; where none has one, looking at the rows of the page wins.
    alternatives.push(
      username.length >= MIN_INDEXED
        ? `c.id = any(array(select i.contact_id ${found}))`
        : `exists (select 1 ${found} and i.contact_id = c.id)`,
    );
  }
  return `(${alternatives.join(' or ')})`;
}
