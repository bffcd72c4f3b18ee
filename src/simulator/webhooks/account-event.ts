import type { Fields } from '../fields.js';
import type { BusinessNumber } from '../state/registry.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { wireJson } from './wire.js';

const EVENTS = [
  'throughput_upgrade',
  'limit',
  'capability',
  'disable',
  'disable_soon',
  'reinstate',
  'restriction',
  'violation',
  'deleted',
  'offboarded',
  'alert',
  'review',
  'name',
  'security',
] as const;

type EventName = (typeof EVENTS)[number];

/** What Meta is to tell of the account of a number. */
export interface AccountEventRequest {
  readonly event: EventName;
  /** Laid over what the event says. */
  readonly value: Json;
  /** Unix seconds of the entry. */
  readonly time: number;
  readonly duplicate: number;
  /** Tell, and let everything be as it was. */
  readonly isUnchanged: boolean;
}

interface Told {
  field: string;
  value: (number: BusinessNumber) => Json;
  /** What is so from then on. */
  then?: (world: World, number: BusinessNumber, value: Json) => void;
}

const MAX_DUPLICATES = 1_000;
const ACCOUNT_LOCKED = 131031;
const BLOCKED_FOR_POLICY = 368;

/** Meta: README §C.8. */
const TOLD: Record<EventName, Told> = {
  throughput_upgrade: {
    field: 'phone_number_quality_update',
    value: ({ digits }) => ({
      display_phone_number: digits,
      event: 'THROUGHPUT_UPGRADE',
      max_daily_conversations_per_business: 'TIER_UNLIMITED',
    }),
    then: ({ config }, { id }) => {
      config.numbers[id] = { ...config.numbers[id], messages_per_second: 1_000 };
    },
  },
  limit: {
    field: 'phone_number_quality_update',
    value: ({ digits }) => ({
      display_phone_number: digits,
      event: 'ONBOARDING',
      max_daily_conversations_per_business: 'TIER_250',
    }),
  },
  capability: {
    field: 'business_capability_update',
    value: () => ({ max_daily_conversations_per_business: 2_000, max_phone_numbers_per_waba: 25 }),
  },
  disable: {
    field: 'account_update',
    value: () => ({
      event: 'DISABLED_UPDATE',
      ban_info: { waba_ban_state: 'DISABLE', waba_ban_date: 'November 21, 2026' },
    }),
    then: (world, number) => refuseAll(world, number, ACCOUNT_LOCKED),
  },
  disable_soon: {
    field: 'account_update',
    value: () => ({
      event: 'DISABLED_UPDATE',
      ban_info: { waba_ban_state: 'SCHEDULE_FOR_DISABLE', waba_ban_date: 'December 21, 2026' },
    }),
  },
  reinstate: {
    field: 'account_update',
    value: () => ({ event: 'DISABLED_UPDATE', ban_info: { waba_ban_state: 'REINSTATE' } }),
    then: (world, number) => refuseAll(world, number, 0),
  },
  restriction: {
    field: 'account_update',
    value: () => ({
      event: 'ACCOUNT_RESTRICTION',
      restriction_info: [
        {
          restriction_type: 'RESTRICTED_BIZ_INITIATED_MESSAGING',
          expiration: Math.floor(Date.now() / 1_000) + 7 * 86_400,
        },
      ],
    }),
    then: (world, number) => refuseAll(world, number, BLOCKED_FOR_POLICY),
  },
  violation: {
    field: 'account_update',
    value: () => ({ event: 'ACCOUNT_VIOLATION', violation_info: { violation_type: 'SPAM' } }),
  },
  deleted: {
    field: 'account_update',
    value: () => ({ event: 'ACCOUNT_DELETED' }),
    then: (world, number) => refuseAll(world, number, ACCOUNT_LOCKED),
  },
  offboarded: { field: 'account_update', value: () => ({ event: 'ACCOUNT_OFFBOARDED' }) },
  alert: {
    field: 'account_alerts',
    value: ({ portfolioId }) => ({
      entity_type: 'BUSINESS',
      entity_id: portfolioId,
      alert_info: {
        alert_severity: 'WARNING',
        alert_status: 'ACTIVE',
        alert_type: 'INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED',
        alert_description: 'Limits cannot be increased for this business yet.',
      },
    }),
  },
  review: { field: 'account_review_update', value: () => ({ decision: 'APPROVED' }) },
  name: {
    field: 'phone_number_name_update',
    value: ({ digits, verifiedName }) => ({
      display_phone_number: digits,
      decision: 'APPROVED',
      requested_verified_name: verifiedName,
      rejection_reason: null,
    }),
    then: (_world, number, value) => {
      if (value.decision === 'APPROVED' && typeof value.requested_verified_name === 'string') {
        number.verifiedName = value.requested_verified_name;
      }
    },
  },
  security: {
    field: 'security',
    value: ({ digits }) => ({ display_phone_number: digits, event: 'PIN_CHANGED', requester: '61500000000001' }),
  },
};

/** Reads a call of `POST /__simulate/account-event`. */
export function readAccountEvent(fields: Fields): AccountEventRequest {
  return {
    event: fields.word('event', EVENTS, 'throughput_upgrade'),
    value: fields.object('value') ?? {},
    time: fields.seconds('time') ?? Math.floor(Date.now() / 1_000),
    duplicate: fields.whole('duplicate', 0, 0, MAX_DUPLICATES),
    isUnchanged: fields.flag('unchanged') ?? false,
  };
}

/** Tells of it, and lets it be so. */
export function sendAccountEvent(world: World, number: BusinessNumber, request: AccountEventRequest): void {
  const told = TOLD[request.event];
  const value = { ...told.value(number), ...request.value };
  if (!request.isUnchanged) {
    told.then?.(world, number, value);
  }
  const body = wireJson({
    object: 'whatsapp_business_account',
    entry: [{ id: number.wabaId, time: request.time, changes: [{ value, field: told.field }] }],
  });
  for (let copy = 0; copy <= request.duplicate; copy += 1) {
    world.delivery.enqueue({ updates: 1, attempts: 0, body: () => body, acknowledged: () => undefined });
  }
}

function refuseAll({ registry }: World, { wabaId }: BusinessNumber, code: number): void {
  for (const number of registry.numbers.values()) {
    if (number.wabaId === wabaId) {
      number.refusesWith = code;
    }
  }
}
