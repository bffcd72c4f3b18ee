import type { Principal, Scope } from '../../src/http/principal.js';
import { EVENT_TYPES, type EventType } from '../../src/outbox/outbox.js';
import { EventFilter } from '../../src/events/event-filter.js';

const principal = (scopes: Scope[], accountIds: number[] = []): Principal => ({
  keyId: 1,
  keyName: 'x',
  scopes: new Set(scopes),
  accountIds,
  defaultAccountId: null,
  secretIds: [1],
});

const seen = (filter: EventFilter, accountId: number | null = 1): EventType[] =>
  EVENT_TYPES.filter((type) => filter.matches({ type, accountId }));

const everything = { types: null, accountId: null };

describe('an event filter', () => {
  it.each<[Scope, EventType[]]>([
    ['inbox:read', ['message.received', 'message.sent', 'message.status', 'conversation.updated']],
    ['campaigns:read', ['campaign.progress', 'campaign.completed']],
    ['contacts:read', ['contact.subscribed', 'contact.opted_out']],
    ['templates:read', ['template.status']],
    ['flows:read', ['flow.completed']],
    ['accounts:read', ['account.alert']],
    ['messages:send', []],
    ['*', [...EVENT_TYPES]],
  ])('lets %s see its types and no others', (scope, types) => {
    expect(seen(EventFilter.of(principal([scope]), everything))).toEqual(types);
  });

  it('adds up scopes, and lets a wish only narrow them', () => {
    const both = principal(['inbox:read', 'flows:read']);
    expect(seen(EventFilter.of(both, everything))).toHaveLength(5);
    const wish = { types: ['flow.completed', 'account.alert'] as const, accountId: null };
    expect(seen(EventFilter.of(both, wish))).toEqual(['flow.completed']);
    expect(seen(EventFilter.of(principal(['*']), wish))).toEqual(['flow.completed', 'account.alert']);
  });

  it('shows all scopes types that a later version adds, and nobody else', () => {
    const later = { type: 'order.created', accountId: 1 };
    expect(EventFilter.of(principal(['*']), everything).matches(later)).toBe(true);
    expect(EventFilter.of(principal(['inbox:read']), everything).matches(later)).toBe(false);
  });

  it('keeps to the accounts of the key, or to the one that is named', () => {
    const accountsSeen = (filter: EventFilter): (number | null)[] =>
      [1, 2, 3, null].filter((accountId) => filter.matches({ type: 'message.sent', accountId }));
    expect(accountsSeen(EventFilter.of(principal(['*']), everything))).toEqual([1, 2, 3, null]);
    expect(accountsSeen(EventFilter.of(principal(['*'], [2, 3]), everything))).toEqual([2, 3]);
    expect(accountsSeen(EventFilter.of(principal(['*'], [2, 3]), { types: null, accountId: 3 }))).toEqual([3]);
    expect(accountsSeen(EventFilter.of(principal(['*']), { types: null, accountId: 2 }))).toEqual([2]);
  });

  it('has one key for all filters that see the same', () => {
    const key = (types: EventType[], accountIds: number[]): string => new EventFilter(types, accountIds).key;
    expect(key(['message.sent', 'flow.completed'], [2, 10])).toBe(key(['flow.completed', 'message.sent'], [10, 2]));
    expect(key(['message.sent'], [2])).not.toBe(key(['message.sent'], [3]));
    expect(new EventFilter(null, null).key).not.toBe(new EventFilter([], null).key);
  });
});
