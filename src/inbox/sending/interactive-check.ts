import { invalidFields, type FieldError } from '../../common/app-error.js';
import { tooLong } from './text-limits.js';

type Json = Record<string, unknown>;

type HeaderRule = 'none' | 'text' | 'any';

interface Kind {
  header: HeaderRule;
  maxBody: number;
  check: (findings: Findings, action: Json) => void;
}

/** Kinds whose action is checked here. Source of the limits: Meta's pages of each interactive message. */
const KINDS = new Map<string, Kind>([
  ['button', { header: 'any', maxBody: 1_024, check: checkButtons }],
  ['list', { header: 'text', maxBody: 4_096, check: checkList }],
  ['cta_url', { header: 'any', maxBody: 1_024, check: checkUrlButton }],
  ['location_request_message', { header: 'none', maxBody: 1_024, check: named('send_location') }],
  ['flow', { header: 'any', maxBody: 1_024, check: checkFlow }],
]);

/** Kinds that Meta knows too: only what all kinds have in common is checked, the rest is Meta's to say. */
const OTHER_KINDS = [
  'product',
  'product_list',
  'catalog_message',
  'carousel',
  'address_message',
  'call_permission_request',
  'request_contact_info',
];

const HEADER_TYPES = { none: [], text: ['text'], any: ['text', 'image', 'video', 'document'] };
/** Digits and signs can be shown as emoji too, and are none. */
const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}/u;
const MAX_SHORT = 60;
const MAX_BUTTONS = 3;
const MAX_SECTIONS = 10;
const MAX_ROWS = 10;

/**
 * Checks Meta's `interactive` object by Meta's limits, before Meta is asked.
 * @param rename where a field stands in the request, from where it stands in Meta's object
 * @throws 400 naming every fault
 */
export function checkInteractive(interactive: Json, rename: (path: string) => string): void {
  const findings = new Findings();
  const type = findings.word(interactive, 'type', 'type', [...KINDS.keys(), ...OTHER_KINDS]);
  const kind = KINDS.get(type);
  if (type) {
    checkHeader(findings, interactive, kind?.header ?? 'any');
    checkPart(findings, interactive, 'body', kind?.maxBody ?? 1_024, kind !== undefined);
    checkPart(findings, interactive, 'footer', MAX_SHORT, false);
  }
  if (kind) {
    const action = findings.object(interactive, 'action', 'action');
    if (action) {
      kind.check(findings, action);
    }
  }
  findings.throwIfAny(rename);
}

/** What was found wrong. Every look at a field says what is wrong with it, and answers the value when nothing is. */
class Findings {
  private readonly errors: FieldError[] = [];

  throwIfAny(rename: (path: string) => string): void {
    if (this.errors.length > 0) {
      throw invalidFields(
        this.errors.map(({ field, code, message }) => {
          const name = rename(field);
          return { field: name, code, message: message.replace(field, name) };
        }),
      );
    }
  }

  add(path: string, code: string, message: string): void {
    this.errors.push({ field: path, code, message: `${path} ${message}` });
  }

  object(parent: Json, key: string, path: string): Json | null {
    const value = parent[key];
    if (value === undefined || value === null) {
      this.add(path, 'required', 'is required');
      return null;
    }
    if (!isObject(value)) {
      this.add(path, 'not_object', 'must be an object');
      return null;
    }
    return value;
  }

  /** The objects of a list, with their paths. */
  objects(parent: Json, key: string, path: string, max: number): { item: Json; at: string }[] {
    const value = parent[key];
    if (!Array.isArray(value) || value.length === 0) {
      this.add(
        path,
        value === undefined || value === null ? 'required' : 'array_not_empty',
        'must have 1 or more items',
      );
      return [];
    }
    if (value.length > max) {
      this.add(path, 'array_max_size', `must contain no more than ${max} elements`);
    }
    return value.flatMap((item: unknown, index) => {
      const at = `${path}.${index}`;
      if (!isObject(item)) {
        this.add(at, 'not_object', 'must be an object');
        return [];
      }
      return [{ item, at }];
    });
  }

  text(parent: Json, key: string, path: string, max: number, isRequired = true): string | null {
    const value = parent[key];
    if (value === undefined || value === null || value === '') {
      if (isRequired) {
        this.add(path, 'required', 'is required');
      }
      return null;
    }
    if (typeof value !== 'string') {
      this.add(path, 'not_string', 'must be a string');
      return null;
    }
    const error = tooLong(path, value, max);
    if (error) {
      this.errors.push(error);
    }
    return value;
  }

  word(parent: Json, key: string, path: string, words: readonly string[], isRequired = true): string {
    const value = this.text(parent, key, path, 100, isRequired);
    if (value === null || words.includes(value)) {
      return value ?? '';
    }
    this.add(path, 'not_in', `must be one of the following values: ${words.join(', ')}`);
    return '';
  }

  unique(values: readonly { value: string | null; at: string }[]): void {
    const seen = new Set<string>();
    for (const { value, at } of values) {
      if (value !== null && seen.has(value)) {
        this.add(at, 'not_unique', 'must be unique in the message');
      }
      seen.add(value ?? '');
    }
  }
}

function checkHeader(findings: Findings, interactive: Json, rule: HeaderRule): void {
  if (interactive.header === undefined || interactive.header === null) {
    return;
  }
  if (rule === 'none') {
    findings.add('header', 'not_allowed', 'is not possible with this type');
    return;
  }
  const header = findings.object(interactive, 'header', 'header');
  const type = header && findings.word(header, 'type', 'header.type', HEADER_TYPES[rule]);
  if (!header || !type) {
    return;
  }
  if (type === 'text') {
    findings.text(header, 'text', 'header.text', MAX_SHORT);
    return;
  }
  const media = findings.object(header, type, `header.${type}`);
  if (!media) {
    return;
  }
  if ((media.id === undefined) === (media.link === undefined)) {
    findings.add(`header.${type}`, 'exclusive', 'must have an id or a link');
    return;
  }
  findings.text(
    media,
    media.id === undefined ? 'link' : 'id',
    `header.${type}.${media.id === undefined ? 'link' : 'id'}`,
    2_000,
  );
}

function checkPart(findings: Findings, interactive: Json, key: string, max: number, isRequired: boolean): void {
  const part = interactive[key];
  if (part === undefined || part === null) {
    if (isRequired) {
      findings.add(`${key}.text`, 'required', 'is required');
    }
    return;
  }
  const object = findings.object(interactive, key, key);
  if (object) {
    findings.text(object, 'text', `${key}.text`, max);
  }
}

function checkButtons(findings: Findings, action: Json): void {
  const buttons = findings.objects(action, 'buttons', 'action.buttons', MAX_BUTTONS).flatMap(({ item, at }) => {
    findings.word(item, 'type', `${at}.type`, ['reply']);
    const reply = findings.object(item, 'reply', `${at}.reply`);
    return reply ? [{ reply, at: `${at}.reply` }] : [];
  });
  findings.unique(
    buttons.map(({ reply, at }) => ({ value: findings.text(reply, 'id', `${at}.id`, 256), at: `${at}.id` })),
  );
  findings.unique(
    buttons.map(({ reply, at }) => ({ value: findings.text(reply, 'title', `${at}.title`, 20), at: `${at}.title` })),
  );
}

function checkList(findings: Findings, action: Json): void {
  findings.text(action, 'button', 'action.button', 20);
  const sections = findings.objects(action, 'sections', 'action.sections', MAX_SECTIONS);
  const rows = sections.flatMap(({ item, at }) => {
    findings.text(item, 'title', `${at}.title`, 24, sections.length > 1);
    return findings.objects(item, 'rows', `${at}.rows`, MAX_ROWS);
  });
  if (
    rows.length > MAX_ROWS &&
    !sections.some(({ item }) => (item.rows as unknown[] | undefined)?.length === rows.length)
  ) {
    findings.add('action.sections', 'too_many_rows', `must have no more than ${MAX_ROWS} rows in all`);
  }
  for (const { item, at } of rows) {
    findings.text(item, 'title', `${at}.title`, 24);
    findings.text(item, 'description', `${at}.description`, 72, false);
  }
  findings.unique(rows.map(({ item, at }) => ({ value: findings.text(item, 'id', `${at}.id`, 200), at: `${at}.id` })));
}

function checkUrlButton(findings: Findings, action: Json): void {
  const parameters = checkNamed(findings, action, 'cta_url');
  if (!parameters) {
    return;
  }
  findings.text(parameters, 'display_text', 'action.parameters.display_text', 20);
  const url = findings.text(parameters, 'url', 'action.parameters.url', 2_000);
  if (url !== null && !isWebAddress(url)) {
    findings.add('action.parameters.url', 'not_url', 'must be an http or https address');
  }
}

function checkFlow(findings: Findings, action: Json): void {
  const parameters = checkNamed(findings, action, 'flow');
  if (!parameters) {
    return;
  }
  const path = 'action.parameters';
  if ((parameters.flow_id === undefined) === (parameters.flow_name === undefined)) {
    findings.add(`${path}.flow_id`, 'exclusive', 'or flow_name is required, and not both');
  }
  findings.text(parameters, 'flow_id', `${path}.flow_id`, 200, false);
  findings.text(parameters, 'flow_name', `${path}.flow_name`, 200, false);
  const button = findings.text(parameters, 'flow_cta', `${path}.flow_cta`, 30);
  if (button !== null && EMOJI.test(button)) {
    findings.add(`${path}.flow_cta`, 'has_emoji', 'must have no emoji');
  }
  findings.text(parameters, 'flow_token', `${path}.flow_token`, 1_024, false);
  findings.word(parameters, 'mode', `${path}.mode`, ['draft', 'published'], false);
  const flowAction = findings.word(
    parameters,
    'flow_action',
    `${path}.flow_action`,
    ['navigate', 'data_exchange'],
    false,
  );
  if (parameters.flow_action_payload === undefined) {
    return;
  }
  if (flowAction === 'data_exchange') {
    findings.add(`${path}.flow_action_payload`, 'not_allowed', 'is only for a flow that navigates');
    return;
  }
  const payload = findings.object(parameters, 'flow_action_payload', `${path}.flow_action_payload`);
  if (payload) {
    findings.text(payload, 'screen', `${path}.flow_action_payload.screen`, 200);
  }
}

function named(name: string): Kind['check'] {
  return (findings, action) => {
    findings.word(action, 'name', 'action.name', [name]);
  };
}

function checkNamed(findings: Findings, action: Json, name: string): Json | null {
  findings.word(action, 'name', 'action.name', [name]);
  return findings.object(action, 'parameters', 'action.parameters');
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:\/\/[^\s/]/i.test(text);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
