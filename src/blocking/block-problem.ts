import type { AppError } from '../common/app-error.js';
import { GRAPH_ADVICE } from '../meta/graph-advice.js';
import type { GraphFailure } from '../meta/graph-error.js';
import { graphProblem } from '../meta/graph-problem.js';

/** What codes mean where somebody is to be blocked, if elsewhere they mean another thing. Source: Meta's block-users guide. */
const ADVICE: Readonly<Record<number, string>> = {
  130429: 'Too many block requests at once. Wait a moment and ask again; to ask twice does no harm.',
  131021: 'This is the number itself, and nobody can block themselves.',
  131047:
    'Meta lets a number block only WhatsApp users who wrote to it within the last 24 hours. Wait until they write again.',
};

const OUTCOME_UNKNOWN =
  'Meta did not answer, so it may or may not have done it; nothing was changed here. Ask again (to ask twice does no harm), or POST /blocked/sync.';

/** What a caller can do about a refusal; undefined where Meta's own words say it. */
export function adviceOf({ code, subcode }: GraphFailure): string | undefined {
  return ADVICE[code ?? 0] ?? GRAPH_ADVICE[subcode ?? 0] ?? GRAPH_ADVICE[code ?? 0];
}

/** Meta's refusal to block or unblock, as our callers see it. */
export function blockProblem(failure: GraphFailure, extra: Record<string, unknown> = {}): AppError {
  const advice = adviceOf(failure);
  return graphProblem(failure, { ...(advice === undefined ? {} : { what_to_do: advice }), ...extra }, OUTCOME_UNKNOWN);
}

/** Why one of many was refused, in wire names. */
export function errorOf(failure: GraphFailure): BlockError {
  const { code, title, details, retryable } = failure;
  return { code, title, details, retryable, what_to_do: adviceOf(failure) ?? null };
}

/** See {@link errorOf}. */
export interface BlockError {
  code: number | null;
  title: string;
  details: string;
  retryable: boolean;
  what_to_do: string | null;
}
