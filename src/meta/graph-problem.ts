import { AppError } from '../common/app-error.js';
import type { GraphFailure } from './graph-error.js';

/**
 * Meta's refusal as our callers see it: 429 when throttled, 422 when the request is wrong for this recipient or template,
 * 502 otherwise; 504 when the outcome is not known.
 */
export function graphProblem(failure: GraphFailure, extra: Record<string, unknown> = {}): AppError {
  const graph = {
    code: failure.code,
    subcode: failure.subcode,
    title: failure.title,
    details: failure.details,
    kind: failure.kind,
    fbtrace_id: failure.fbtraceId,
    retryable: failure.retryable,
  };
  switch (failure.kind) {
    case 'ambiguous':
      return new AppError(
        'graph_outcome_unknown',
        'Meta did not answer. The message may have been accepted; its status will tell. Do not send it again before.',
        { extra: { graph, ...extra } },
      );
    case 'throttled':
    case 'pair_limit':
      return new AppError('graph_error', failure.details, { status: 429, extra: { graph, ...extra }, retryAfterS: 5 });
    case 'recipient':
    case 'template':
      return new AppError('graph_error', failure.details, { status: 422, extra: { graph, ...extra } });
    case 'transient':
    case 'account':
      return new AppError('graph_error', failure.details, { extra: { graph, ...extra } });
  }
}
