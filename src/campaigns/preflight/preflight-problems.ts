import type { CampaignRow } from '../campaigns.repository.js';
import { mappingOf } from '../parameters.js';
import { unmappedOf } from '../parameter-plan.js';
import type { Estimate } from './estimate.js';
import type { AudienceSummary } from './preflight-audience.js';
import type { CampaignTemplate, ReadTemplate } from './preflight-messages.js';
import type { SamplePerson } from './preflight.repository.js';

/** Something to see to: an error keeps the campaign from starting or from reaching anybody. */
export interface Problem {
  code: string;
  severity: 'error' | 'warning';
  message: string;
  /** Of the campaign, where there is one to change. */
  field?: string;
}

/** What is known of a campaign before it starts. */
export interface PreflightFacts {
  campaign: CampaignRow;
  account: { isActive: boolean; qualityRating: string | null };
  messages: readonly CampaignTemplate[];
  summary: AudienceSummary<CampaignTemplate>;
  /** Some of those it is for. */
  people: readonly SamplePerson[];
  /** Of each template whose files cannot be shown, why. */
  refusedFiles: ReadonlyMap<CampaignTemplate, readonly string[]>;
  /** Why its audience could not be asked for. */
  audienceError: string | null;
  startsAt: Date;
  estimate: Estimate;
  remainingBudget: number | null;
  unpricedCount: number;
  hasRates: boolean;
}

const UNITED_STATES = 'US';

/** Everything to see to, errors first. */
export function problemsOf(facts: PreflightFacts): Problem[] {
  const problems = [
    ...accountProblems(facts),
    ...facts.messages.flatMap((message) => templateProblems(message)),
    ...messageProblems(facts),
    ...facts.messages.flatMap((message) => [...fileProblems(message, facts), ...valueProblems(message, facts)]),
    ...audienceProblems(facts),
    ...timeProblems(facts),
    ...moneyProblems(facts),
  ];
  return problems.sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'));
}

function accountProblems({ account }: PreflightFacts): Problem[] {
  return [
    ...(account.isActive ? [] : [error('account_inactive', 'The account is inactive.')]),
    ...(account.qualityRating === 'RED'
      ? [warning('number_quality_red', 'Meta rates the quality of the number low: it may cut its limit or pause it.')]
      : []),
  ];
}

function templateProblems({ template, path }: CampaignTemplate): Problem[] {
  const { name, status, qualityScore, category, correctCategory } = template;
  const field = path.template;
  const problems: Problem[] = [];
  if (status === 'PAUSED') {
    problems.push(error('template_paused', `Meta has paused the template ${name}: nothing of it goes out.`, field));
  } else if (status !== 'APPROVED') {
    const message = `The template ${name} is ${status}; Meta sends only approved ones.`;
    problems.push(error('template_not_approved', message, field));
  }
  if (qualityScore === 'RED') {
    problems.push(warning('template_quality_red', `People rate the template ${name} low: Meta may pause it.`, field));
  }
  if (correctCategory !== null && correctCategory !== category) {
    const message = `Meta takes the template ${name} for ${correctCategory}, not ${category}: price and rules will change.`;
    problems.push(warning('category_mismatch', message, field));
  }
  return problems;
}

function messageProblems({ campaign, messages, summary }: PreflightFacts): Problem[] {
  if (messages.length === 0) {
    return [error('template_missing', 'Choose a template.', 'template_id')];
  }
  const categories = new Set(messages.map(({ template }) => template.category));
  const problems = uniqueProblems(messages.flatMap((message) => mappingProblems(message, summary)));
  if (categories.size > 1) {
    const message = `The variants are of several categories (${[...categories].join(', ')}): their prices and rules differ.`;
    problems.push(warning('category_mismatch', message, 'variants'));
  }
  const lacking = summary.missing.reduce((most, { count }) => Math.max(most, count), 0);
  if (lacking > 0) {
    const what =
      campaign.missing_variables === 'default' ? 'the default value stands in where it can' : 'they are skipped';
    problems.push(warning('variables_missing', `Up to ${lacking} people have no value for a variable; ${what}.`));
  }
  return problems;
}

/** What is mapped to nothing, and what nobody at all has a value for. */
function mappingProblems({ template, mappings, path }: CampaignTemplate, summary: AudienceSummary): Problem[] {
  const keys = new Set([
    ...unmappedOf(template, mappings),
    ...summary.missing
      .filter(({ name, count }) => count > 0 && count >= summary.candidates && mappingOf(mappings, name) === undefined)
      .map(({ name }) => name),
  ]);
  return [...keys].map((key) =>
    error(
      'missing_mapping',
      `Nothing is mapped to ${key}, which the template ${template.name} needs.`,
      `${path.mappings}.${key}`,
    ),
  );
}

function fileProblems(message: CampaignTemplate, { refusedFiles }: PreflightFacts): Problem[] {
  return (refusedFiles.get(message) ?? []).map((why) => {
    const text = `The template ${message.template.name} cannot show its file: ${why}`;
    return error('template_media_unavailable', text, message.path.template);
  });
}

/** Values that Meta is certain to refuse: of everybody looked at, as those are that stand in the mappings, or of some. */
function valueProblems(message: CampaignTemplate, { people }: PreflightFacts): Problem[] {
  // Those without a phone have a problem of their own.
  const sent = people.filter(
    (person) => message.judge(person).isSent && !(person.phone === null && isAuthentication(message.template)),
  );
  const failures = sent.flatMap((person) => message.failureOf(person) ?? []);
  const [first] = failures;
  if (first === undefined) {
    return [];
  }
  const { name } = message.template;
  return failures.length === sent.length
    ? [error('parameters_invalid', `The template ${name} would reach nobody: ${first}`, message.path.mappings)]
    : [
        warning(
          'parameters_invalid',
          `Of ${sent.length} people looked at, ${failures.length} cannot be sent the template ${name}: ${first}`,
          message.path.mappings,
        ),
      ];
}

function audienceProblems({ summary, audienceError, messages }: PreflightFacts): Problem[] {
  if (audienceError !== null) {
    return [error('audience_failed', `The audience could not be asked for: ${audienceError}`, 'audience_type')];
  }
  const problems: Problem[] = [];
  if (summary.size === 0) {
    problems.push(error('audience_empty', 'There is nobody in the audience.', 'audience_type'));
  } else if (summary.willBeSent === 0 && summary.done < summary.size) {
    problems.push(error('audience_empty', 'Everybody of the audience would be skipped.', 'audience_type'));
  }
  const toAmericans = countOf(summary, 'MARKETING', UNITED_STATES);
  if (toAmericans > 0) {
    const message = `Meta delivers no marketing to US numbers, and ${toAmericans} of the people have one.`;
    problems.push(warning('us_numbers', message));
  }
  if (summary.withoutPhone > 0 && messages.some(({ template }) => isAuthentication(template))) {
    const message = `Authentication templates go to phone numbers only; of ${summary.withoutPhone} people only a user id is known.`;
    problems.push(warning('authentication_needs_phone', message));
  }
  return problems;
}

function timeProblems({ campaign, estimate, startsAt, summary }: PreflightFacts): Problem[] {
  const problems: Problem[] = [];
  const { expires_at: expiresAt } = campaign;
  if (expiresAt && expiresAt <= startsAt) {
    problems.push(error('campaign_expired', 'It expires before it starts: nothing of it goes out.', 'expires_at'));
  } else if (expiresAt && summary.willBeSent > 0 && expiresAt < estimate.finishAt) {
    const message = `It expires before it is through, which takes until about ${estimate.finishAt.toISOString()}.`;
    problems.push(warning('expires_too_early', message, 'expires_at'));
  }
  if (estimate.quietSeconds >= 60) {
    const hours = (estimate.quietSeconds / 3_600).toFixed(1);
    problems.push(warning('quiet_hours_delay', `Quiet hours make it about ${hours} hours longer.`, 'quiet_hours'));
  }
  return problems;
}

function moneyProblems({ remainingBudget, summary, hasRates, unpricedCount }: PreflightFacts): Problem[] {
  const problems: Problem[] = [];
  if (remainingBudget !== null && summary.willBeSent > remainingBudget) {
    const message =
      `Meta lets the portfolio write to ${remainingBudget} more people within 24 hours, and the campaign is for up to ` +
      `${summary.willBeSent}; the others wait for their turn.`;
    problems.push(warning('budget_too_small', message));
  }
  if (hasRates && unpricedCount > 0) {
    problems.push(warning('unpriced', `The rate table has no price for ${unpricedCount} of the messages.`));
  }
  return problems;
}

/** Whether Meta refuses it to people of whom only the user id is known. */
export function isAuthentication({ category }: Pick<ReadTemplate, 'category'>): boolean {
  return category === 'AUTHENTICATION';
}

/** Whether Meta takes it and delivers it to nobody. Source: Meta's page on per-user marketing limits, since April 2025. */
export function isUndelivered({ category }: Pick<ReadTemplate, 'category'>, country: string | null): boolean {
  return category === 'MARKETING' && country === UNITED_STATES;
}

function countOf(summary: AudienceSummary<CampaignTemplate>, category: string, country: string): number {
  return summary.byCountry
    .filter((each) => each.country === country && each.message.template.category === category)
    .reduce((sum, { count }) => sum + count, 0);
}

function uniqueProblems(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.code} ${problem.field}`, problem])).values()];
}

function error(code: string, message: string, field?: string): Problem {
  return { code, severity: 'error', message, ...(field === undefined ? {} : { field }) };
}

function warning(code: string, message: string, field?: string): Problem {
  return { ...error(code, message, field), severity: 'warning' };
}
