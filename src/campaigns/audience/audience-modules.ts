import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { targetProblem } from '../../common/guarded-agent.js';
import type { AudienceDefinition, AudienceEndpoint, CampaignResolver } from './audience-source.js';

/** The audiences that are part of the product: nobody else's may be called so. */
export const BUILT_IN = ['contacts', 'csv'] as const;

/** As campaigns keep it. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,49}$/;
const MAX_DESCRIPTION = 500;

/** A module of audiences that cannot be used: the process does not start with it. */
export class AudienceModuleError extends Error {
  constructor(variable: string, problems: readonly string[], cause?: unknown) {
    super(`${variable} cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`, { cause });
    this.name = 'AudienceModuleError';
  }
}

/**
 * Loads the module of AUDIENCES_MODULE.
 * @throws AudienceModuleError with all that is wrong with it
 */
export async function loadAudiences(path: string, allowPrivate: boolean): Promise<Map<string, AudienceDefinition>> {
  const { audiences } = await load('AUDIENCES_MODULE', path);
  if (typeof audiences !== 'object' || audiences === null || Array.isArray(audiences)) {
    throw new AudienceModuleError('AUDIENCES_MODULE', ['it must export an object `audiences`, name by name']);
  }
  const entries = Object.entries(audiences as Record<string, unknown>);
  const problems = entries.flatMap(([name, definition]) => problemsOf(name, definition, allowPrivate));
  const lower = entries.map(([name]) => name.toLowerCase());
  if (new Set(lower).size < lower.length) {
    problems.push('two of its audiences differ only in upper and lower case');
  }
  if (problems.length > 0) {
    throw new AudienceModuleError('AUDIENCES_MODULE', problems);
  }
  return new Map(entries as [string, AudienceDefinition][]);
}

/**
 * Loads what CAMPAIGN_RESOLVER names: an endpoint, or the default export of a module.
 * @throws AudienceModuleError
 */
export async function loadResolver(
  given: string,
  secret: string | null,
  allowPrivate: boolean,
): Promise<CampaignResolver | AudienceEndpoint> {
  if (/^https?:/i.test(given)) {
    const endpoint = { url: given, secret: secret ?? '' };
    const problem = endpointProblem(endpoint, allowPrivate);
    if (problem) {
      throw new AudienceModuleError('CAMPAIGN_RESOLVER', [problem]);
    }
    return endpoint;
  }
  const { default: resolver } = await load('CAMPAIGN_RESOLVER', given);
  if (typeof resolver !== 'function') {
    throw new AudienceModuleError('CAMPAIGN_RESOLVER', ['its default export must be a function']);
  }
  return resolver as CampaignResolver;
}

async function load(variable: string, path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AudienceModuleError(variable, [`it could not be loaded: ${reason}`], error);
  }
}

function problemsOf(name: string, definition: unknown, allowPrivate: boolean): string[] {
  const problems: string[] = [];
  if (!NAME.test(name)) {
    problems.push(`"${name.slice(0, 60)}": a name has at most 50 letters, digits, dots, dashes and underscores`);
  }
  if ((BUILT_IN as readonly string[]).includes(name.toLowerCase())) {
    problems.push(`"${name}" is the name of an audience of Parley's own`);
  }
  const { description, people, url, secret } = (definition ?? {}) as Record<string, unknown>;
  if (description !== undefined && (typeof description !== 'string' || description.length > MAX_DESCRIPTION)) {
    problems.push(`"${name}": its description must be text of at most ${MAX_DESCRIPTION} characters`);
  }
  if ((typeof people === 'function') === (url !== undefined)) {
    problems.push(`"${name}" must have either a function \`people\`, or \`url\` and \`secret\``);
  } else if (url !== undefined) {
    const problem = endpointProblem({ url, secret }, allowPrivate);
    problems.push(...(problem ? [`"${name}": ${problem}`] : []));
  }
  return problems;
}

function endpointProblem({ url, secret }: { url: unknown; secret: unknown }, allowPrivate: boolean): string | null {
  if (typeof url !== 'string') {
    return 'its url must be text';
  }
  const problem = targetProblem(url, { allowPrivate });
  if (problem) {
    return `its url ${problem}`;
  }
  return isSecret(secret) ? null : 'its secret must be whsec_ and base64 of 24 bytes or more';
}

function isSecret(secret: unknown): boolean {
  if (typeof secret !== 'string' || !/^(whsec_)?[A-Za-z0-9+/]{32,}={0,2}$/.test(secret)) {
    return false;
  }
  try {
    new Webhook(secret);
    return true;
  } catch {
    return false;
  }
}
