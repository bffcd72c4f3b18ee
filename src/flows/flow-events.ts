import type { Change } from '../meta/webhook-payload.js';
import { idOf, textOf } from '../meta/webhook-payload.js';
import { isNewer } from './flow-status.js';

type Json = Record<string, unknown>;

/** What Meta tells of a flow. */
export interface FlowEvent {
  accountId: number;
  metaFlowId: string;
  /** Meta's word, such as ENDPOINT_LATENCY; others than are documented are kept too. */
  event: string;
  /** Of a change of status. */
  status: string | null;
  /** ACTIVATED or DEACTIVATED, of an alert. */
  alertState: string | null;
  message: string;
  /** As Meta said it. */
  value: Json;
  at: Date;
}

/** What is known of how a flow does: Meta's word on sending, and the newest event of each kind. */
export interface FlowHealth {
  sending?: Json;
  alerts?: Record<string, Json & { at: string }>;
}

/** What of a flow events change. */
export interface FlowState {
  status: string;
  statusAt: Date | null;
  health: FlowHealth | null;
}

export const STATUS_CHANGE = 'FLOW_STATUS_CHANGE';
const MAX_WORD = 50;
const MAX_TEXT = 2_000;
/** Kinds nobody knows are kept, but not without end. */
const MAX_KINDS = 20;

/** Reads a change of the field `flows`; null when it does not tell of which flow, or what. */
export function readFlowEvent(accountId: number, { value, entryTime, receivedAt }: Change): FlowEvent | null {
  const metaFlowId = idOf(value.flow_id);
  const event = textOf(value.event, MAX_WORD)?.toUpperCase();
  if (!metaFlowId || !event) {
    return null;
  }
  return {
    accountId,
    metaFlowId,
    event,
    status: event === STATUS_CHANGE ? (textOf(value.new_status, MAX_WORD)?.toUpperCase() ?? null) : null,
    alertState: textOf(value.alert_state, MAX_WORD)?.toUpperCase() ?? null,
    message: textOf(value.warning, MAX_TEXT) ?? textOf(value.message, MAX_TEXT) ?? event,
    value,
    at: entryTime ?? receivedAt,
  };
}

/**
 * The flow after an event: each kind has a time of its own, and what is older than what is known changes nothing.
 * @returns the very same object when the event is no news
 */
export function applyFlowEvent<T extends FlowState>(flow: T, event: FlowEvent): T {
  if (event.status !== null) {
    const next = isNewer(event.status, event.at, flow) ? { status: event.status, statusAt: event.at } : null;
    const isSame =
      next === null || (next.status === flow.status && next.statusAt.getTime() === flow.statusAt?.getTime());
    // A warning that the version of its JSON ends may come with a status.
    const warned = event.value.warning === undefined ? flow : withAlert(flow, 'FLOW_VERSION_EXPIRY_WARNING', event);
    return isSame ? warned : { ...warned, ...next };
  }
  return withAlert(flow, event.event, event);
}

function withAlert<T extends FlowState>(flow: T, kind: string, event: FlowEvent): T {
  const alerts = flow.health?.alerts ?? {};
  const known = Object.hasOwn(alerts, kind) ? alerts[kind] : undefined;
  if (known ? new Date(known.at) >= event.at : Object.keys(alerts).length >= MAX_KINDS) {
    return flow;
  }
  const { flow_id: _id, event: _event, ...facts } = event.value;
  return {
    ...flow,
    health: { ...flow.health, alerts: { ...alerts, [kind]: { ...facts, at: event.at.toISOString() } } },
  };
}
