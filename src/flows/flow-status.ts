import { AppError, type ErrorCode } from '../common/app-error.js';

export const FLOW_STATUSES = ['DRAFT', 'PUBLISHED', 'DEPRECATED', 'BLOCKED', 'THROTTLED'] as const;
export type FlowStatus = (typeof FLOW_STATUSES)[number];

const DRAFT: FlowStatus = 'DRAFT';
const DEPRECATED: FlowStatus = 'DEPRECATED';

/** Meta's table of what a flow may be for. */
export const FLOW_CATEGORIES = [
  'SIGN_UP',
  'SIGN_IN',
  'APPOINTMENT_BOOKING',
  'LEAD_GENERATION',
  'CONTACT_US',
  'CUSTOMER_SUPPORT',
  'SURVEY',
  'SHOPPING',
  'OTHER',
] as const;

/** What can be done with a flow. */
export type FlowMove = 'update' | 'upload' | 'publish' | 'deprecate' | 'delete' | 'send';

/**
 * In which states what can be done. Into BLOCKED and THROTTLED Meta alone puts a flow, and out of them; what is published never
 * changes its screens, what is deprecated never changes at all: both can be cloned, as any flow can.
 * Source: Meta's page on the lifecycle of a flow.
 */
const ALLOWED: Record<FlowMove, readonly FlowStatus[]> = {
  update: ['DRAFT', 'PUBLISHED', 'BLOCKED', 'THROTTLED'],
  upload: ['DRAFT'],
  publish: ['DRAFT'],
  deprecate: ['PUBLISHED', 'BLOCKED', 'THROTTLED'],
  delete: ['DRAFT'],
  send: ['DRAFT', 'PUBLISHED', 'THROTTLED'],
};

const REFUSALS: Record<FlowStatus, { code: ErrorCode; why: string }> = {
  DRAFT: { code: 'flow_draft', why: 'The flow is a draft: publish it first, or delete it.' },
  PUBLISHED: {
    code: 'flow_published',
    why: 'The flow is published: its screens cannot change any more, and it can only be deprecated. Clone it to change it.',
  },
  DEPRECATED: { code: 'flow_deprecated', why: 'The flow is deprecated, for good. Clone it to go on with it.' },
  BLOCKED: {
    code: 'flow_blocked',
    why: 'Meta has blocked the flow, mostly because its endpoint does not work. See health; Meta unblocks it when it is well.',
  },
  THROTTLED: {
    code: 'flow_throttled',
    why: 'Meta has throttled the flow (10 messages an hour), mostly because its endpoint is slow or fails. See health.',
  },
};

/** The errors of a move that the status does not allow, for the documents. */
export const FLOW_STATUS_ERRORS: readonly ErrorCode[] = Object.values(REFUSALS).map(({ code }) => code);

/** Whether a flow of this status can be moved so. A status of Meta's that nobody knows allows nothing. */
export function allows(status: string, move: FlowMove): boolean {
  return (ALLOWED[move] as readonly string[]).includes(status);
}

/** @throws `flow_<status>` when the status does not allow it */
export function requireMove(status: string, move: FlowMove): void {
  if (allows(status, move)) {
    return;
  }
  const refusal = Object.hasOwn(REFUSALS, status) ? REFUSALS[status as FlowStatus] : null;
  throw new AppError(refusal?.code ?? 'conflict', refusal?.why ?? `The flow is ${status}.`);
}

/** How a flow of this status is opened: only its own numbers open a draft. */
export function sendMode(status: string): 'draft' | 'published' {
  return status === 'DRAFT' ? 'draft' : 'published';
}

/** What is higher never becomes what is lower: a draft leads to everything and nothing back to it, nothing follows a deprecation. */
function rankOf(status: string): number {
  return status === DRAFT ? 0 : status === DEPRECATED ? 2 : 1;
}

/**
 * Whether what Meta says of the status is to be believed, for what was said at `at` and what is known, perhaps from a reading.
 * What cannot be undone decides; else what comes later, and within one of Meta's whole seconds what is heard later.
 */
export function isNewer(status: string, at: Date, known: { status: string; statusAt: Date | null }): boolean {
  const step = rankOf(status) - rankOf(known.status);
  return step === 0 ? known.statusAt === null || at >= known.statusAt : step > 0;
}
