import { setStatus } from '../graph/templates-api.js';
import type { Template } from '../state/template-model.js';
import { isJson, type Json } from '../validation/check.js';
import type { World } from '../world.js';

const KEYS = [
  'waba_id',
  'language',
  'status',
  'category',
  'parameter_format',
  'components',
  'message_send_ttl_seconds',
  'reason',
  'notify',
];
const CATEGORIES = ['AUTHENTICATION', 'MARKETING', 'UTILITY'];
const STATUSES =
  'APPROVED PENDING REJECTED PAUSED DISABLED IN_APPEAL PENDING_DELETION DELETED LIMIT_EXCEEDED ARCHIVED'.split(' ');

/** `GET /__simulate/templates`: every WABA's templates. */
export function allTemplates(world: World): Record<string, Template[]> {
  return Object.fromEntries(
    world.templates.wabaIds.map((id) => [id, world.templates.of(id).map(({ template }) => template)]),
  );
}

/**
 * `PUT /__simulate/templates/{name}`: adds or alters a template, on one WABA or on all of them and those to come.
 * A changed status is reported by webhook unless `notify` is false. Answers the problems, or the templates touched.
 */
export function putTemplate(world: World, name: string, body: Json): { problems: string[]; templates: Template[] } {
  const problems = problemsOf(name, body);
  if (problems.length > 0) {
    return { problems, templates: [] };
  }
  const { waba_id, language, reason, notify, status, ...rest } = body;
  const changes = rest as Partial<Template>;
  const code = typeof language === 'string' ? language : undefined;
  if (waba_id === undefined) {
    const seed = world.templates.seed(name, code) ?? blank(name, code);
    world.templates.setSeed({ ...seed, ...changes, status: (status as string | undefined) ?? seed.status });
  } else {
    world.registry.waba(waba_id as string, '');
  }
  const wabaIds = waba_id === undefined ? world.templates.wabaIds : [waba_id as string];
  const touched = wabaIds.flatMap((wabaId) => {
    const same = world.templates.of(wabaId).filter(({ template }) => template.name === name);
    const found = same.filter(({ template }) => code === undefined || template.language === code);
    const stored =
      found.length > 0 ? found : [world.templates.add(wabaId, { ...blank(name, code), ...changes, status: 'PENDING' })];
    for (const each of stored) {
      world.templates.change(each, changes);
      const wanted = (status as string | undefined) ?? (found.length > 0 ? each.template.status : 'APPROVED');
      if (wanted === each.template.status) {
        continue;
      }
      if (notify === false) {
        world.templates.change(each, { status: wanted });
      } else {
        setStatus(world, each, wanted, typeof reason === 'string' ? reason : 'NONE');
      }
    }
    return stored.map(({ template }) => template);
  });
  return { problems, templates: touched };
}

function problemsOf(name: string, body: Json): string[] {
  const problems = Object.keys(body)
    .filter((key) => !KEYS.includes(key))
    .map((key) => `unknown key ${key}`);
  if (!/^[a-z0-9_]{1,512}$/.test(name)) {
    problems.push('the name must be lower-case letters, digits and underscores');
  }
  if (body.waba_id !== undefined && !/^\d{5,20}$/.test(String(body.waba_id))) {
    problems.push('waba_id must be an id');
  }
  if (body.status !== undefined && !STATUSES.includes(String(body.status))) {
    problems.push(`status must be one of ${STATUSES.join(', ')}`);
  }
  if (body.category !== undefined && !CATEGORIES.includes(String(body.category))) {
    problems.push(`category must be one of ${CATEGORIES.join(', ')}`);
  }
  if (body.parameter_format !== undefined && !['POSITIONAL', 'NAMED'].includes(String(body.parameter_format))) {
    problems.push('parameter_format must be POSITIONAL or NAMED');
  }
  if (body.components !== undefined && !(Array.isArray(body.components) && body.components.every(isJson))) {
    problems.push('components must be a list of objects');
  }
  return problems;
}

function blank(name: string, language: string | undefined): Omit<Template, 'id'> {
  return {
    name,
    language: language ?? 'en',
    status: 'APPROVED',
    category: 'UTILITY',
    parameter_format: 'POSITIONAL',
    components: [{ type: 'BODY', text: `This is the template ${name}.` }],
  };
}
