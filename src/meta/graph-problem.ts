import { AppError } from '../common/app-error.js';
import { GRAPH_ADVICE } from './graph-advice.js';
import type { GraphFailure } from './graph-error.js';

const MESSAGE_MAY_BE_OUT =
  'Meta did not answer. The message may have been accepted; its status will tell. Do not send it again before.';

/**
 * Meta's refusal as our callers see it: 429 when throttled, 422 when the request is wrong for this recipient or template,
 * 502 otherwise; 504 when the outcome is not known. `what_to_do` says what Meta's words leave open.
 * @param unknown what to say when no answer tells what Meta did; by default that a message may be out
 */
export function graphProblem(
  failure: GraphFailure,
  extra: Record<string, unknown> = {},
  unknown: string = MESSAGE_MAY_BE_OUT,
): AppError {
  const graph = {
    code: failure.code,
    subcode: failure.subcode,
    title: failure.title,
    details: failure.details,
    kind: failure.kind,
    fbtrace_id: failure.fbtraceId,
    retryable: failure.retryable,
  };
  const advice = GRAPH_ADVICE[failure.subcode ?? 0] ?? GRAPH_ADVICE[failure.code ?? 0];
  const members = { graph, ...(advice === undefined ? {} : { what_to_do: advice }), ...extra };
  switch (failure.kind) {
    case 'ambiguous':
      return new AppError('graph_outcome_unknown', unknown, { extra: members });
    case 'throttled':
    case 'pair_limit':
      return new AppError('graph_error', failure.details, { status: 429, extra: members, retryAfterS: 5 });
    case 'recipient':
    case 'template':
      return new AppError('graph_error', failure.details, { status: 422, extra: members });
    case 'transient':
    case 'account':
      return new AppError('graph_error', failure.details, { extra: members });
  }
}

/** As {@link graphProblem}, where Meta was only asked: to ask again does no harm, so a lost answer is no riddle. */
export function readingProblem(failure: GraphFailure): AppError {
  return graphProblem(failure.kind === 'ambiguous' ? { ...failure, kind: 'transient', retryable: true } : failure);
}
