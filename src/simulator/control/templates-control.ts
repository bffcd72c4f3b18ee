import { Fields } from '../fields.js';
import { setStatus } from '../graph/templates-api.js';
import type { Template } from '../state/template-model.js';
import { isJson, type Json } from '../validation/check.js';
import { reportTemplate } from '../webhooks/template-events.js';
import type { World } from '../world.js';

const KEYS = [
  'waba_id',
  'language',
  'status',
  'category',
  'parameter_format',
  'components',
  'message_send_ttl_seconds',
  'quality_score',
  'reason',
  'notify',
];
const CATEGORIES = ['AUTHENTICATION', 'MARKETING', 'UTILITY'];
const SCORES = ['GREEN', 'YELLOW', 'RED', 'UNKNOWN'];
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
        world.templates.change(each, {
          status: wanted,
          rejected_reason: wanted === 'REJECTED' && typeof reason === 'string' ? reason : undefined,
        });
      } else {
        setStatus(world, each, wanted, typeof reason === 'string' ? reason : 'NONE');
      }
    }
    return stored.map(({ template }) => template);
  });
  return { problems, templates: touched };
}

/** Meta's field of each kind of event. */
const EVENT_FIELDS: Record<string, string> = {
  status: 'message_template_status_update',
  quality: 'message_template_quality_update',
  category: 'template_category_update',
  correct_category: 'template_correct_category_detection',
  components: 'message_template_components_update',
};

/**
 * `POST /__simulate/templates/{name}`: sends one event of the template, of any of Meta's five kinds, and changes the template
 * as the event says. Answers the problems, or the templates it was sent for.
 */
export function postTemplateEvent(
  world: World,
  name: string,
  body: Json,
): { problems: string[]; templates: Template[] } {
  const fields = new Fields(body);
  const kind = fields.word('kind', Object.keys(EVENT_FIELDS), 'status');
  const wabaId = fields.text('waba_id');
  const language = fields.text('language');
  const time = fields.seconds('time');
  const isSilent = fields.flag('unchanged') ?? false;
  const duplicate = fields.whole('duplicate', 0, 0, 1000);
  const value = fields.object('value') ?? {};
  const found = world.templates.wabaIds
    .filter((id) => wabaId === undefined || id === wabaId)
    .flatMap((id) => world.templates.of(id))
    .filter(({ template }) => template.name === name && (language === undefined || template.language === language));
  if (found.length === 0) {
    fields.problem(`there is no template ${name}`);
  }
  const problems = fields.faults();
  if (problems.length > 0) {
    return { problems, templates: [] };
  }
  for (const stored of found) {
    const facts = factsOf(kind, stored.template, value);
    if (!isSilent) {
      world.templates.change(stored, changesOf(kind, stored.template, facts));
    }
    for (let copy = 0; copy <= duplicate; copy += 1) {
      reportTemplate(world, stored, EVENT_FIELDS[kind] as string, facts, time);
    }
  }
  return { problems, templates: found.map(({ template }) => template) };
}

/** What the event says beside which template it is of; `value` is laid over it. */
function factsOf(kind: string, template: Template, value: Json): Json {
  switch (kind) {
    case 'quality':
      return { previous_quality_score: template.quality_score ?? 'UNKNOWN', new_quality_score: 'YELLOW', ...value };
    case 'category':
      return { previous_category: template.category, new_category: 'MARKETING', ...value };
    case 'correct_category':
      return { category: template.category, correct_category: 'MARKETING', ...value };
    case 'components':
      return {
        message_template_element: template.components.find(({ type }) => type === 'BODY')?.text ?? '',
        ...value,
      };
    default:
      return { event: 'APPROVED', reason: 'NONE', message_template_category: template.category, ...value };
  }
}

function changesOf(kind: string, template: Template, facts: Json): Partial<Template> {
  switch (kind) {
    case 'quality':
      return { quality_score: String(facts.new_quality_score) };
    case 'category':
      return facts.correct_category === undefined
        ? { previous_category: template.category, category: String(facts.new_category), correct_category: undefined }
        : { correct_category: String(facts.correct_category) };
    case 'correct_category':
      return { correct_category: String(facts.correct_category) };
    case 'components':
      return {
        components: template.components.map((each) =>
          each.type === 'BODY' ? { ...each, text: String(facts.message_template_element) } : each,
        ),
      };
    default: {
      const status = STATUS_AFTER[String(facts.event)] ?? String(facts.event);
      return STATUSES.includes(status)
        ? { status, rejected_reason: status === 'REJECTED' ? String(facts.reason) : undefined }
        : {};
    }
  }
}

/** Meta: events that end something. */
const STATUS_AFTER: Record<string, string> = { REINSTATED: 'APPROVED', UNARCHIVED: 'APPROVED', UNPAUSED: 'APPROVED' };

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
  if (body.quality_score !== undefined && !SCORES.includes(String(body.quality_score))) {
    problems.push(`quality_score must be one of ${SCORES.join(', ')}`);
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
