import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FlowQuestion } from './flow-question.js';

/** Answers a question with the next screen. The signal says when nobody waits any longer. */
export type FlowHandler = (question: FlowQuestion, context: { signal: AbortSignal }) => unknown;

/** The handlers of whoever runs Parley: by the name of the flow, and one for all others. */
export interface FlowHandlers {
  byName: ReadonlyMap<string, FlowHandler>;
  otherwise: FlowHandler | null;
}

/** A module of handlers that cannot be used: the process does not start with it. */
export class FlowHandlersModuleError extends Error {
  constructor(problems: readonly string[], cause?: unknown) {
    super(`FLOW_HANDLERS_MODULE cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`, { cause });
    this.name = 'FlowHandlersModuleError';
  }
}

/**
 * Loads the module of FLOW_HANDLERS_MODULE.
 * @throws FlowHandlersModuleError with all that is wrong with it
 */
export async function loadFlowHandlers(path: string): Promise<FlowHandlers> {
  const { handlers, default: otherwise } = await load(path);
  if (handlers === undefined && otherwise === undefined) {
    throw new FlowHandlersModuleError(['it must export an object `handlers`, flow by flow, or a default function']);
  }
  const problems: string[] = [];
  if (handlers !== undefined && (typeof handlers !== 'object' || handlers === null || Array.isArray(handlers))) {
    problems.push('its `handlers` must be an object: the name of each flow, and a function');
  }
  const entries = problems.length > 0 ? [] : Object.entries((handlers ?? {}) as Record<string, unknown>);
  for (const [name, handler] of entries) {
    if (typeof handler !== 'function') {
      problems.push(`"${name.slice(0, 60)}" must be a function`);
    }
  }
  if (otherwise !== undefined && typeof otherwise !== 'function') {
    problems.push('its default export must be a function');
  }
  if (problems.length > 0) {
    throw new FlowHandlersModuleError(problems);
  }
  return {
    byName: new Map(entries as [string, FlowHandler][]),
    otherwise: (otherwise as FlowHandler | undefined) ?? null,
  };
}

async function load(path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FlowHandlersModuleError([`it could not be loaded: ${reason}`], error);
  }
}
