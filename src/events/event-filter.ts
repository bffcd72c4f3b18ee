import type { Principal, Scope } from '../http/principal.js';
import { EVENT_TYPES, type EventType } from '../outbox/outbox.js';

type Family = EventType extends `${infer F}.${string}` ? F : never;

/** The scope that lets a key see events of a family. */
const SCOPE_OF: Record<Family, Scope> = {
  message: 'inbox:read',
  conversation: 'inbox:read',
  campaign: 'campaigns:read',
  contact: 'contacts:read',
  template: 'templates:read',
  flow: 'flows:read',
  account: 'accounts:read',
};

export interface Wish {
  /** Null: all types. */
  types: readonly EventType[] | null;
  /** The account the request names; null: all that the key may use. */
  accountId: number | null;
}

/** Which events a reader sees. */
export class EventFilter {
  /** Equal for filters that let the same events through. */
  readonly key: string;
  private readonly typeSet: ReadonlySet<string> | null;
  private readonly accountSet: ReadonlySet<number> | null;

  /**
   * @param types null: all, those of later versions too
   * @param accountIds null: all, and events of no account
   */
  constructor(
    readonly types: readonly string[] | null,
    readonly accountIds: readonly number[] | null,
  ) {
    this.key = JSON.stringify([types && [...types].sort(), accountIds && [...accountIds].sort((a, b) => a - b)]);
    this.typeSet = types && new Set(types);
    this.accountSet = accountIds && new Set(accountIds);
  }

  /**
   * What the key may see of what it wishes. A type it has no scope for is left out, as if there were no such events. An
   * event of no account concerns the whole installation: it is for keys that are tied to no account.
   */
  static of({ scopes, accountIds }: Principal, wish: Wish): EventFilter {
    const types = scopes.has('*')
      ? wish.types
      : (wish.types ?? EVENT_TYPES).filter((type) => scopes.has(scopeOf(type)));
    const accounts = wish.accountId === null ? accountIds : [wish.accountId];
    return new EventFilter(types, accounts.length === 0 ? null : accounts);
  }

  matches(event: { type: string; accountId: number | null }): boolean {
    return (
      (this.typeSet === null || this.typeSet.has(event.type)) &&
      (this.accountSet === null || (event.accountId !== null && this.accountSet.has(event.accountId)))
    );
  }
}

function scopeOf(type: EventType): Scope {
  return SCOPE_OF[type.split('.', 1)[0] as Family];
}
