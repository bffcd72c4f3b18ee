import { accountAlertEvent, type AccountAlert } from '../accounts/account-alert.js';
import type { OutboxEvent } from '../outbox/outbox.js';
import type { FlowEvent } from './flow-events.js';

/** Of which flow an alert is. */
interface AlertedFlow {
  id: number;
  accountId: number;
  name: string;
  metaFlowId: string | null;
}

type Words = Pick<AccountAlert, 'code' | 'severity' | 'whatToDo'>;

const ENDPOINT =
  'Look at what your endpoint answers and how fast (10 seconds at most): Meta throttles and then blocks a flow whose endpoint fails.';

/** What a status means for whoever runs the account; none: no alert. */
const OF_STATUS: Record<string, Words> = {
  BLOCKED: {
    code: 'flow_blocked',
    severity: 'critical',
    whatToDo: `Nobody can open the flow, and messages with it are refused. ${ENDPOINT} Meta unblocks it by itself when it is well.`,
  },
  THROTTLED: {
    code: 'flow_throttled',
    severity: 'warning',
    whatToDo: `Only 10 messages an hour go out with the flow. ${ENDPOINT}`,
  },
  PUBLISHED: { code: 'flow_available', severity: 'info', whatToDo: '' },
};

/** What an alert of a kind means, as long as it stands. Source: Meta's page on the webhooks of flows. */
const OF_EVENT: Record<string, Omit<Words, 'severity'>> = {
  CLIENT_ERROR_RATE: {
    code: 'flow_client_error_rate',
    whatToDo:
      'People meet errors in the flow: check its screens and what the endpoint gives them; errors names the kinds.',
  },
  ENDPOINT_ERROR_RATE: { code: 'flow_endpoint_error_rate', whatToDo: ENDPOINT },
  ENDPOINT_LATENCY: { code: 'flow_endpoint_latency', whatToDo: ENDPOINT },
  ENDPOINT_AVAILABILITY: {
    code: 'flow_endpoint_availability',
    whatToDo: `People cannot open the flow while the endpoint does not answer. ${ENDPOINT}`,
  },
  FLOW_VERSION_EXPIRY_WARNING: {
    code: 'flow_version_expiry',
    whatToDo:
      'Clone the flow, upload its JSON with a version that Meta supports, publish the clone and send that instead.',
  },
};

/** What to tell of a flow's new status; null: nothing. */
export function statusAlert(flow: AlertedFlow, before: string, status: string, message: string): OutboxEvent | null {
  const words = Object.hasOwn(OF_STATUS, status) ? OF_STATUS[status] : undefined;
  // That a draft was published is no alert; that it works again is good to know.
  if (!words || (status === 'PUBLISHED' && before !== 'BLOCKED' && before !== 'THROTTLED')) {
    return null;
  }
  return alert(flow, { ...words, message, details: { status } });
}

/** What to tell of how a flow does; null for kinds that nobody knows. */
export function healthAlert(flow: AlertedFlow, kind: string, event: FlowEvent): OutboxEvent | null {
  const words = Object.hasOwn(OF_EVENT, kind) ? OF_EVENT[kind] : undefined;
  if (!words) {
    return null;
  }
  const isOver = event.alertState === 'DEACTIVATED';
  return alert(flow, {
    ...words,
    severity: isOver ? 'info' : 'warning',
    whatToDo: isOver ? '' : words.whatToDo,
    message: event.message,
    details: { alert_state: event.alertState, errors: event.value.errors ?? [] },
  });
}

function alert(
  { id, accountId, name, metaFlowId }: AlertedFlow,
  { details, ...words }: Words & { message: string; details: Record<string, unknown> },
): OutboxEvent {
  return accountAlertEvent({
    accountId,
    ...words,
    scope: 'flow',
    details: { flow_id: id, flow_name: name, meta_flow_id: metaFlowId, ...details },
  });
}
