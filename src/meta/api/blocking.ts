import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';
import { ambiguous, failureOf, type GraphFailure } from '../graph-error.js';

/** Whom to block: a phone in E.164 with its `+`, or a user id (BSUID; never a portfolio's parent id). */
export type BlockAddress = { phone: string } | { userId: string };

/** Somebody as Meta names them in an answer; what it left out is empty. */
export interface MetaBlockedUser {
  /** What we had sent; empty in lists. */
  input: string;
  waId: string;
  userId: string;
}

/** Somebody whom Meta would not block or unblock, and why. */
export interface RefusedBlock extends MetaBlockedUser {
  failure: GraphFailure;
}

/** What became of each of those who were asked for. */
export interface BlockAnswer {
  done: MetaBlockedUser[];
  refused: RefusedBlock[];
  /** Meta's answer as it came. */
  body: Record<string, unknown>;
}

/** A page of the list. */
export interface BlockedPage {
  users: MetaBlockedUser[];
  /** Null where Meta gave no cursor. Meta's guide gives one on the last page too. */
  after: string | null;
  /** Whether Meta says that there is a page after this one, or it looks so. */
  hasMore: boolean;
  /** Meta's answer, without the links to other pages: they have the access token in them. */
  body: Record<string, unknown>;
}

/** Most people that one call takes. */
export const MAX_BLOCKS_PER_CALL = 1_000;

interface WireUser {
  input?: unknown;
  wa_id?: unknown;
  user_id?: unknown;
  errors?: unknown;
}

interface WireLists {
  added_users?: unknown;
  removed_users?: unknown;
  failed_users?: unknown;
  errors?: unknown;
}

const LABEL = 'block_users';

/** Source: Meta's guide and reference of `/{PHONE_NUMBER_ID}/block_users`. */
@Injectable()
export class BlockingApi {
  constructor(private readonly graph: GraphClient) {}

  /** Blocks up to {@link MAX_BLOCKS_PER_CALL} people, at once; doing it again changes nothing. */
  block(account: GraphAccount, users: readonly BlockAddress[]): Promise<GraphResult<BlockAnswer>> {
    return this.change(account, 'POST', users);
  }

  /** Unblocks up to {@link MAX_BLOCKS_PER_CALL} people. */
  unblock(account: GraphAccount, users: readonly BlockAddress[]): Promise<GraphResult<BlockAnswer>> {
    return this.change(account, 'DELETE', users);
  }

  /** One page of those who are blocked. Meta refuses it with 139102 when the list changed since the page before. */
  async list(account: GraphAccount, page: { limit: number; after: string | null }): Promise<GraphResult<BlockedPage>> {
    const result = await this.graph.call<Record<string, unknown>>(account, {
      method: 'GET',
      path: pathOf(account),
      query: { limit: page.limit, ...(page.after === null ? {} : { after: page.after }) },
      label: LABEL,
    });
    if (!result.ok) {
      return result;
    }
    const { body } = result;
    const { cursors, next } = (body.paging ?? {}) as { cursors?: { after?: unknown } | null; next?: unknown };
    const users = usersOfPage(body.data);
    const after = text(cursors?.after) || null;
    const hasMore = after !== null && (text(next) !== '' || users.length >= page.limit);
    return { ok: true, body: { users, after, hasMore, body: withoutLinks(body) } };
  }

  /**
   * Meta answers HTTP 400 as soon as one of them is refused, with what was done and what was not in the same body. Which of
   * the two keys says what was done the guide and the reference disagree about.
   */
  private async change(
    account: GraphAccount,
    method: 'POST' | 'DELETE',
    users: readonly BlockAddress[],
  ): Promise<GraphResult<BlockAnswer>> {
    const result = await this.graph.call<Record<string, unknown>>(account, {
      method,
      path: pathOf(account),
      body: {
        messaging_product: 'whatsapp',
        block_users: users.map((user) => ('phone' in user ? { user: user.phone } : { user_id: user.userId })),
      },
      label: LABEL,
    });
    const lists = listsOf(result.body);
    if (lists) {
      const body = result.body as Record<string, unknown>;
      const done = [...objectsOf(lists.added_users), ...objectsOf(lists.removed_users)].map(toUser);
      return { ok: true, body: { done, refused: refusedOf(lists, body), body } };
    }
    return result.ok
      ? { ok: false, failure: ambiguous('Meta answered 200 without saying what was done.', 200) }
      : result;
  }
}

function withoutLinks({ paging, ...body }: Record<string, unknown>): Record<string, unknown> {
  const { cursors } = (paging ?? {}) as { cursors?: unknown };
  return cursors === undefined ? body : { ...body, paging: { cursors } };
}

function pathOf(account: GraphAccount): string {
  return `${encodeURIComponent(account.phoneNumberId)}/block_users`;
}

/** The lists of an answer, or null when it has none. */
function listsOf(body: unknown): WireLists | null {
  const lists = (body as { block_users?: unknown } | undefined | null)?.block_users as WireLists | undefined | null;
  return lists && [lists.added_users, lists.removed_users, lists.failed_users].some(Array.isArray) ? lists : null;
}

/** Meta's guide prints `errors` now inside, now beside its user: both are read, and else the error of the whole call. */
function refusedOf(lists: WireLists, body: Record<string, unknown>): RefusedBlock[] {
  const whole = (body.error ?? {}) as Record<string, unknown>;
  const beside = objectsOf(lists.errors);
  return objectsOf(lists.failed_users).map((user, index) => {
    const own = objectsOf(user.errors)[0] ?? beside[index] ?? beside[0] ?? whole;
    const error = { code: 139_100, fbtrace_id: whole.fbtrace_id, ...own };
    return { ...toUser(user), failure: failureOf(400, { error }) };
  });
}

/** `data: [{wa_id, user_id}]` in the reference, `data: [{block_users: [{wa_id}]}]` in the guide. */
function usersOfPage(data: unknown): MetaBlockedUser[] {
  return objectsOf(data)
    .flatMap((item) => ('block_users' in item ? objectsOf(item.block_users) : [item]))
    .map(toUser)
    .filter(({ waId, userId }) => waId !== '' || userId !== '');
}

function objectsOf(list: unknown): (WireUser & Record<string, unknown>)[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null) : [];
}

function toUser({ input, wa_id: waId, user_id: userId }: WireUser): MetaBlockedUser {
  return { input: text(input), waId: text(waId), userId: text(userId) };
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
