import { meaningOf } from '../../meta/graph-error.js';

/** What must happen for a campaign to go on by itself. */
export type WaitsFor = 'template' | 'account' | 'credentials' | 'display_name';

export type PauseScope = 'campaign' | 'template' | 'number' | 'account' | 'credentials';

/** Why a campaign is paused, as `status_reason` keeps and shows it. */
export interface PauseReason {
  /** Snake case, stable. */
  code: string;
  message: string;
  scope?: PauseScope;
  what_to_do?: string;
  /** It goes on by itself once what it waits for has happened. */
  auto_resume?: boolean;
  waits_for?: WaitsFor | null;
  template_id?: number;
  template_status?: string;
  graph?: Refusal;
  [more: string]: unknown;
}

/** Meta's words. */
export interface Refusal {
  code: number | null;
  title: string;
  details: string;
}

interface Advice {
  waitsFor: WaitsFor | null;
  whatToDo: string;
}

const RESUME = 'then resume the campaigns';
/** A campaign that has begun keeps its template. */
const START_ANEW = 'cancel the campaigns and start new ones with another template';
const RENEW_TOKEN = 'Save a new access token with PATCH /accounts/{id}; the campaigns then go on by themselves.';

/** What ends a refusal, by Meta's code; others need a person, who then resumes. Source: reliability rules §2.4. */
const ADVICE: Record<number, Advice> = {
  33: { waitsFor: null, whatToDo: `Check the phone_number_id of the account, ${RESUME}.` },
  368: {
    waitsFor: 'account',
    whatToDo: 'Appeal in the WhatsApp Manager; once Meta reinstates the account they go on.',
  },
  131031: {
    waitsFor: 'account',
    whatToDo: 'Appeal in the WhatsApp Manager; once Meta reinstates the account they go on.',
  },
  131037: {
    waitsFor: 'display_name',
    whatToDo: 'Get the display name of the number approved; they go on once Meta has approved it.',
  },
  131042: { waitsFor: null, whatToDo: `Put the payment method right in Meta's billing settings, ${RESUME}.` },
  131045: { waitsFor: null, whatToDo: `Register the number again, ${RESUME}.` },
  131048: {
    waitsFor: null,
    whatToDo: 'People report or block messages of this number. Look at whom you write to and what, wait, then resume.',
  },
  131063: {
    waitsFor: null,
    whatToDo: `Allow marketing messages on the Cloud API in the settings of the WhatsApp Business account, ${RESUME}.`,
  },
  131064: { waitsFor: null, whatToDo: 'Wait until Meta lifts the restriction on templates, then resume.' },
  132001: {
    waitsFor: null,
    whatToDo: `Sync the templates to see what Meta has. Make the template at Meta, ${RESUME}; or ${START_ANEW}.`,
  },
  132007: {
    waitsFor: null,
    whatToDo: `The content of the template is against the policy. Change it, ${RESUME}; or ${START_ANEW}.`,
  },
  132015: { waitsFor: 'template', whatToDo: 'Nothing: they go on once Meta unpauses the template.' },
  132016: { waitsFor: null, whatToDo: `Meta disabled the template for good: ${START_ANEW}.` },
  132068: { waitsFor: null, whatToDo: `Repair the flow of the template, ${RESUME}.` },
  132069: { waitsFor: null, whatToDo: 'Meta lets only 10 messages an hour with this flow: repair it, then resume.' },
  133010: { waitsFor: null, whatToDo: `Register the number at Meta, ${RESUME}.` },
  134011: { waitsFor: null, whatToDo: `Accept the terms of WhatsApp Payments, ${RESUME}.` },
};

const CREDENTIALS: Advice = { waitsFor: 'credentials', whatToDo: RENEW_TOKEN };
const LOOK: Advice = { waitsFor: null, whatToDo: 'Put right what Meta says, then resume the campaigns.' };

/** What a refusal of Meta's stops, for how long, and what to do about it. */
export function refusalReason(code: string, refusal: Refusal, templateId: number | null): PauseReason {
  const meaning = refusal.code === null ? null : meaningOf(refusal.code);
  const advice =
    (refusal.code !== null && ADVICE[refusal.code]) || (meaning?.scope === 'credentials' ? CREDENTIALS : LOOK);
  const isPauseOfMany = meaning?.kind === 'account' || meaning?.kind === 'template';
  return {
    code,
    message: refusal.details,
    scope: isPauseOfMany ? (meaning.scope as PauseScope) : 'campaign',
    what_to_do: advice.whatToDo,
    auto_resume: isPauseOfMany && advice.waitsFor !== null,
    waits_for: isPauseOfMany ? advice.waitsFor : null,
    ...(templateId === null ? {} : { template_id: templateId }),
    graph: { code: refusal.code, title: refusal.title, details: refusal.details },
  };
}

/** Gone for good: nothing to wait for. */
const GONE = ['DELETED', 'PENDING_DELETION'];

/** Its owner switched the account off: nothing goes on by itself, for whatever was wrong may still be. */
export const INACTIVE: PauseReason = {
  code: 'account_inactive',
  message: 'The account was deactivated.',
  scope: 'account',
  what_to_do: 'Activate the account; then look at its campaigns, and resume or cancel each.',
  auto_resume: false,
  waits_for: null,
};

/** A template that Meta does not send now. */
export function templateReason(template: { id: number; name: string; language: string; status: string }): PauseReason {
  const isGone = GONE.includes(template.status);
  return {
    code: `template_${template.status.toLowerCase()}`,
    message: `The template ${template.name} (${template.language}) is ${template.status}: Meta does not send it.`,
    scope: 'template',
    what_to_do: templateAdvice(template.status),
    auto_resume: !isGone,
    waits_for: isGone ? null : 'template',
    template_id: template.id,
    template_status: template.status,
  };
}

function templateAdvice(status: string): string {
  if (GONE.includes(status)) {
    return `The template is gone: ${START_ANEW}.`;
  }
  return status === 'DISABLED'
    ? `Meta disabled the template for good: ${START_ANEW}. They go on only should Meta reinstate it.`
    : `They go on once Meta has approved the template (again). If you cannot wait, ${START_ANEW}.`;
}

/** An account that Meta has stopped. */
export function standingReason(standing: { standing: string; until: Date | null }, message: string): PauseReason {
  const isDeleted = standing.standing === 'deleted';
  return {
    code: `account_${standing.standing}`,
    message,
    scope: 'account',
    what_to_do: isDeleted
      ? 'Use another account.'
      : standing.standing === 'restricted'
        ? 'Resume the campaigns when the restriction has ended; when Meta reinstates the account they go on by themselves.'
        : 'Appeal in the WhatsApp Manager; once Meta reinstates the account they go on by themselves.',
    auto_resume: !isDeleted,
    waits_for: isDeleted ? null : 'account',
    ...(standing.until ? { until: standing.until.toISOString() } : {}),
  };
}
