import { AppError } from '../../common/app-error.js';
import { EVENT_TYPES, type EventType } from '../../outbox/outbox.js';
import type { Principal } from '../../http/principal.js';
import { EventFilter } from '../event-filter.js';
import type { EndpointRow } from './endpoint.js';

/** Types that the key may read; null: all, those of later versions too. */
export function readableTypes(by: Principal): readonly string[] | null {
  return EventFilter.of(by, { types: null, accountId: null }).types;
}

/** What an endpoint is told of. */
export function receivedTypes({ types, allowedTypes }: Pick<EndpointRow, 'types' | 'allowedTypes'>): EventType[] {
  return EVENT_TYPES.filter(
    (type) => (types.length === 0 || types.includes(type)) && (allowedTypes === null || allowedTypes.includes(type)),
  );
}

/**
 * The types an endpoint may have that the key makes: with `webhooks:write` alone a key could otherwise have everything sent
 * to itself that it may not read.
 * @throws `403 insufficient_scope` when it may read none of them, or one that is named
 */
export function grantableTypes(by: Principal, types: readonly EventType[]): readonly string[] | null {
  const readable = readableTypes(by);
  const lacking = readable === null ? undefined : types.find((type) => !readable.includes(type));
  if (lacking !== undefined) {
    throw new AppError('insufficient_scope', `Your key may not read ${lacking}, so it cannot have it sent anywhere.`);
  }
  if (readable?.length === 0) {
    throw new AppError('insufficient_scope', 'Your key may read no events, so it cannot have any sent anywhere.');
  }
  return readable;
}

/**
 * Nobody takes charge of an endpoint that is told more than they may read: they could turn it to themselves.
 * @throws `403 insufficient_scope`
 */
export function assertMayManage(by: Principal, endpoint: EndpointRow): void {
  const readable = readableTypes(by);
  if (readable === null) {
    return;
  }
  const lacking = receivedTypes(endpoint).find((type) => !readable.includes(type));
  const isOpen = endpoint.types.length === 0 && endpoint.allowedTypes === null;
  if (lacking !== undefined || isOpen) {
    throw new AppError(
      'insufficient_scope',
      `The endpoint is told of ${lacking ?? 'every type there will be'}, which your key may not read.`,
    );
  }
}
