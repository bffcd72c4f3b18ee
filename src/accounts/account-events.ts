import { createHash } from 'node:crypto';
import { asArray, asObject, idOf, integerOf, textOf, type Change, type Json } from '../meta/webhook-payload.js';

/** May the account send, by what Meta has said? */
export type Standing = 'ok' | 'restricted' | 'disabled' | 'deleted';

export type Severity = 'info' | 'warning' | 'critical';

/** What a change of Meta's says of an account or its number. */
export interface AccountEvent {
  /** Snake case, stable. */
  code: string;
  severity: Severity;
  scope: 'number' | 'account';
  message: string;
  /** For a person; empty: nothing. */
  whatToDo: string;
  /** How the row changes. */
  effect: AccountEffect;
}

export interface AccountEffect {
  standing?: Standing;
  standingUntil?: Date | null;
  messagingLimit?: string;
  profileName?: string;
  /** The number may send 1,000 a second from now on. */
  isThroughputRaised?: boolean;
}

/** What of an account Meta's events can change. */
export interface EventState {
  standing: Standing;
  standingUntil: Date | null;
  standingAt: Date | null;
  messagingLimit: string | null;
  messagingLimitAt: Date | null;
  profileName: string | null;
  profileNameAt: Date | null;
  messagesPerSecond: number;
}

type Reader = (value: Json) => AccountEvent | null;

const MAX_CODE = 100;
const MAX_TEXT = 1_000;
const YEAR_2100 = Date.UTC(2100, 0, 1) / 1_000;
/** Source: Meta's throughput page. */
const RAISED_PER_SECOND = 1_000;
/** What numbers have before; any other rate was chosen by somebody. Source: the same page (20 with coexistence). */
const DEFAULTS_PER_SECOND = [20, 80];

/** Fields of the account or a number, and how each is read. Source: Meta's webhook reference, README §C.8. */
const READERS: Record<string, Reader> = {
  phone_number_quality_update: readNumberQuality,
  business_capability_update: readCapability,
  account_update: readAccountUpdate,
  account_alerts: readAlert,
  account_review_update: readReview,
  phone_number_name_update: readName,
  security: readSecurity,
  payment_configuration_update: readPaymentConfiguration,
};

/** The fields that {@link readAccountEvent} reads. */
export const ACCOUNT_FIELDS: readonly string[] = Object.keys(READERS);

/** Reads a change of one of {@link ACCOUNT_FIELDS}; null when it does not tell what it must. */
export function readAccountEvent({ field, value }: Change): AccountEvent | null {
  return READERS[field]?.(value) ?? null;
}

/** The number that a change is about, in digits; null: the whole account. */
export function numberNamedBy({ value }: Change): string | null {
  return digitsOf(idOf(value.display_phone_number));
}

/** The account that a change is about, where its entry is a partner's portfolio. */
export function wabaNamedBy({ value }: Change): string | null {
  return idOf(asObject(value.waba_info)?.waba_id);
}

/** A number as digits, however it is written. */
export function digitsOf(number: string | null): string | null {
  return number?.replace(/\D/g, '') || null;
}

/** The same however often Meta posts a change, and different for every other. */
export function keyOfChange({ field, entryId, value, entryTime }: Change): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([field, entryId, entryTime?.getTime() ?? null, canonical(value)]))
    .digest();
}

/**
 * The account after an event. Each fact has a time of its own, by Meta's clock, and what is older than what is known changes
 * nothing: in whatever order events come, the newest stays.
 */
export function applyAccountEvent<T extends EventState>(state: T, { effect }: AccountEvent, at: Date): T {
  return {
    ...state,
    ...(effect.standing && isNews(at, state.standingAt)
      ? { standing: effect.standing, standingUntil: effect.standingUntil ?? null, standingAt: at }
      : {}),
    ...(effect.messagingLimit && isNews(at, state.messagingLimitAt)
      ? { messagingLimit: effect.messagingLimit, messagingLimitAt: at }
      : {}),
    ...(effect.profileName && isNews(at, state.profileNameAt)
      ? { profileName: effect.profileName, profileNameAt: at }
      : {}),
    ...(effect.isThroughputRaised && DEFAULTS_PER_SECOND.includes(state.messagesPerSecond)
      ? { messagesPerSecond: RAISED_PER_SECOND }
      : {}),
  };
}

/** May it not send now? A restriction ends by itself. */
export function isStopped({ standing, standingUntil }: Pick<EventState, 'standing' | 'standingUntil'>): boolean {
  const isOver = standing === 'restricted' && standingUntil !== null && standingUntil <= new Date();
  return standing !== 'ok' && !isOver;
}

function isNews(at: Date, known: Date | null): boolean {
  return known === null || at >= known;
}

/** Despite its name it tells of throughput and messaging limits. */
function readNumberQuality(value: Json): AccountEvent | null {
  const event = codeOf(value.event);
  if (!event) {
    return null;
  }
  const limit = limitOf(value.max_daily_conversations_per_business) ?? limitOf(value.current_limit);
  const base: AccountEvent = {
    code: `number_${event.toLowerCase()}`,
    severity: 'info',
    scope: 'number',
    message: `Meta reports ${event} of the number${limit ? `; its messaging limit is ${limit}` : ''}.`,
    whatToDo: '',
    effect: limit ? { messagingLimit: limit } : {},
  };
  switch (event) {
    case 'THROUGHPUT_UPGRADE':
      return {
        ...base,
        message: 'Meta raised the throughput of the number to 1,000 messages a second.',
        whatToDo: 'A messages_per_second that was chosen by hand stays; raise it to use the new throughput.',
        effect: { ...base.effect, isThroughputRaised: true },
      };
    case 'FLAGGED':
    case 'DOWNGRADE':
      return {
        ...base,
        severity: 'warning',
        whatToDo: 'Send fewer unwanted messages: look at the quality rating and at what people report and block.',
      };
    default:
      return base;
  }
}

function readCapability(value: Json): AccountEvent | null {
  const limit = limitOf(value.max_daily_conversations_per_business) ?? limitOf(value.max_daily_conversation_per_phone);
  return {
    code: 'capability_changed',
    severity: 'info',
    scope: 'account',
    message: limit
      ? `Meta set the messaging limit to ${limit}.`
      : 'Meta changed how many numbers the business may have.',
    whatToDo: '',
    effect: limit ? { messagingLimit: limit } : {},
  };
}

const APPEAL =
  'Read the reason in the WhatsApp Manager and appeal there; campaigns go on by themselves once it is lifted.';
const WATCH = 'Read the reason in the WhatsApp Manager.';

function readAccountUpdate(value: Json): AccountEvent | null {
  const event = codeOf(value.event);
  switch (event) {
    case null:
      return null;
    case 'DISABLED_UPDATE':
      return readBan(asObject(value.ban_info) ?? {});
    case 'REINSTATE':
    case 'REINSTATED':
    case 'ACCOUNT_REINSTATED':
      return reinstated();
    case 'ACCOUNT_RESTRICTION':
      return readRestriction(value);
    case 'ACCOUNT_VIOLATION': {
      const type = textOf(asObject(value.violation_info)?.violation_type, MAX_CODE) ?? 'unknown';
      return ofAccount('account_violation', 'warning', `Meta found a violation of its policies: ${type}.`, WATCH);
    }
    case 'ACCOUNT_DELETED':
      return {
        ...ofAccount(
          'account_deleted',
          'critical',
          'The WhatsApp Business account was deleted.',
          'Nothing can be sent from it any more; use another account.',
        ),
        effect: { standing: 'deleted' },
      };
    case 'ACCOUNT_OFFBOARDED':
    case 'PARTNER_REMOVED':
    case 'PARTNER_APP_UNINSTALLED':
      return ofAccount(
        event.toLowerCase(),
        'critical',
        `Meta reports ${event}: the connection to the business may be gone.`,
        'Ask the business to connect its number again.',
      );
    default:
      return ofAccount(event.toLowerCase(), 'info', `Meta reports ${event}.`, '');
  }
}

function readBan(ban: Json): AccountEvent | null {
  const state = codeOf(ban.waba_ban_state);
  const date = textOf(ban.waba_ban_date, MAX_CODE);
  switch (state) {
    case null:
      return null;
    case 'REINSTATE':
      return reinstated();
    case 'DISABLE':
      return {
        ...ofAccount('account_disabled', 'critical', 'Meta disabled the WhatsApp Business account.', APPEAL),
        effect: { standing: 'disabled' },
      };
    case 'SCHEDULE_FOR_DISABLE':
      return ofAccount(
        'account_disabled_soon',
        'critical',
        `Meta will disable the WhatsApp Business account${date ? ` on ${date}` : ''}.`,
        'Read the reason in the WhatsApp Manager and appeal before.',
      );
    default:
      return ofAccount('account_ban_changed', 'warning', `Meta reports the ban state ${state}.`, WATCH);
  }
}

function reinstated(): AccountEvent {
  return {
    ...ofAccount('account_reinstated', 'info', 'Meta reinstated the WhatsApp Business account.', ''),
    effect: { standing: 'ok' },
  };
}

/** Only what keeps the business from beginning conversations stops campaigns. */
function readRestriction(value: Json): AccountEvent {
  const restrictions = asArray(value.restriction_info).map((item) => asObject(item) ?? {});
  const types = restrictions.flatMap((item) => codeOf(item.restriction_type) ?? []);
  const stopping = restrictions.find((item) => codeOf(item.restriction_type) === 'RESTRICTED_BIZ_INITIATED_MESSAGING');
  const until = secondsOf(stopping?.expiration);
  return {
    ...ofAccount(
      'account_restricted',
      stopping ? 'critical' : 'warning',
      `Meta restricted the account (${types.slice(0, 10).join(', ') || 'it does not say in what'})${until ? ` until ${until.toISOString()}` : ''}.`,
      stopping
        ? 'Read the reason in the WhatsApp Manager. Resume the campaigns when the restriction has ended.'
        : WATCH,
    ),
    effect: stopping ? { standing: 'restricted', standingUntil: until } : {},
  };
}

function readAlert(value: Json): AccountEvent | null {
  const info = asObject(value.alert_info) ?? value;
  const type = codeOf(info.alert_type);
  if (!type) {
    return null;
  }
  const severity = codeOf(info.alert_severity);
  const message = textOf(info.alert_description, MAX_TEXT);
  return {
    ...ofAccount(
      type.toLowerCase(),
      severity === 'CRITICAL' ? 'critical' : severity === 'WARNING' ? 'warning' : 'info',
      message || `Meta reports ${type}.`,
      '',
    ),
    scope: codeOf(value.entity_type) === 'PHONE_NUMBER' ? 'number' : 'account',
  };
}

function readReview(value: Json): AccountEvent | null {
  const decision = codeOf(value.decision);
  if (!decision) {
    return null;
  }
  const isBad = decision === 'REJECTED';
  return ofAccount(
    `account_review_${decision.toLowerCase()}`,
    isBad ? 'critical' : 'info',
    `Meta's review of the WhatsApp Business account: ${decision}.`,
    isBad ? 'Read the reason in the WhatsApp Manager and ask for another review.' : '',
  );
}

function readName(value: Json): AccountEvent | null {
  const decision = codeOf(value.decision);
  const name = textOf(value.requested_verified_name, 255);
  if (!decision) {
    return null;
  }
  const reason = codeOf(value.rejection_reason);
  const isApproved = decision === 'APPROVED';
  return {
    code: `number_name_${decision.toLowerCase()}`,
    severity: decision === 'REJECTED' ? 'warning' : 'info',
    scope: 'number',
    message: `Meta's decision on the display name${name ? ` "${name}"` : ''}: ${decision}${reason && reason !== 'NONE' ? ` (${reason})` : ''}.`,
    whatToDo: decision === 'REJECTED' ? 'Ask for another display name in the WhatsApp Manager.' : '',
    effect: isApproved && name ? { profileName: name } : {},
  };
}

function readSecurity(value: Json): AccountEvent | null {
  const event = codeOf(value.event);
  if (!event) {
    return null;
  }
  return {
    code: `number_${event.toLowerCase()}`,
    severity: 'warning',
    scope: 'number',
    message: `Meta reports ${event} of the number.`,
    whatToDo: 'If nobody of yours did that, secure the business account.',
    effect: {},
  };
}

function readPaymentConfiguration(value: Json): AccountEvent | null {
  const name = textOf(value.configuration_name, MAX_CODE);
  const status = textOf(value.status, MAX_CODE);
  return name === null
    ? null
    : ofAccount(
        'payment_configuration_changed',
        'info',
        `The payment configuration "${name}" is now ${status ?? 'changed'}.`,
        '',
      );
}

function ofAccount(code: string, severity: Severity, message: string, whatToDo: string): AccountEvent {
  return { code, severity, scope: 'account', message, whatToDo, effect: {} };
}

/** Meta writes a limit as `TIER_2K`, and at times as the number 2000. */
function limitOf(value: unknown): string | null {
  const count = integerOf(value);
  if (count === null) {
    const tier = codeOf(value);
    return tier?.startsWith('TIER_') && tier !== 'TIER_NOT_SET' ? tier.slice(0, 50) : null;
  }
  if (count <= 0) {
    return count < 0 ? 'TIER_UNLIMITED' : null;
  }
  return count % 1_000 === 0 ? `TIER_${count / 1_000}K` : `TIER_${count}`;
}

function codeOf(value: unknown): string | null {
  return textOf(value, MAX_CODE)?.trim().toUpperCase().replace(/\W+/g, '_') || null;
}

/** A moment that may lie ahead. */
function secondsOf(value: unknown): Date | null {
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds > 0 && seconds < YEAR_2100 ? new Date(seconds * 1_000) : null;
}

/** Keys in one order, whatever order they came in. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(canonical);
  }
  const object = asObject(value);
  return object
    ? Object.fromEntries(
        Object.keys(object)
          .sort()
          .map((key) => [key, canonical(object[key])]),
      )
    : value;
}
