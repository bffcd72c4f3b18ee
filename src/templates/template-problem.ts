import { AppError } from '../common/app-error.js';
import type { GraphFailure } from '../meta/graph-error.js';
import { graphProblem } from '../meta/graph-problem.js';

/** Meta's refusal as our callers see it. @param unknown what to say when no answer tells what Meta did */
export function templateProblem(failure: GraphFailure, unknown: string): AppError {
  const problem = graphProblem(failure);
  return failure.kind === 'ambiguous' ? new AppError(problem.code, unknown, problem.options) : problem;
}
