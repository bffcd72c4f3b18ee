import { isDeepStrictEqual } from 'node:util';
import { AppError, invalidFields, type FieldError } from '../common/app-error.js';
import { normalized, toTemplateColumns } from './template-definition.js';
import { lintTemplate } from './template-lint.js';
import type { TemplateInput } from './template-parts.js';
import { isSameContent } from './template-reading.js';
import { APPROVED, isEditable } from './template-status.js';
import type { SyncedTemplate } from './template-sync.repository.js';
import type { TemplateRecord } from './template.entity.js';

/** What `components` are made of. */
export const CONTENT = [
  'header',
  'bodyText',
  'footerText',
  'buttons',
  'limitedTimeOffer',
  'carousel',
  'authentication',
  'examples',
] as const;

export function contentOf(template: TemplateRecord): Partial<TemplateRecord> {
  const { headerMediaId, messageSendTtlSeconds } = template;
  return { ...Object.fromEntries(CONTENT.map((key) => [key, template[key]])), headerMediaId, messageSendTtlSeconds };
}

/**
 * The template with its changes, and whether its content is another by them. Only what is another is checked: Meta has texts
 * that it would not take today.
 * @throws `validation_failed` as `toTemplateColumns` does
 */
export function changed(
  before: TemplateRecord,
  changes: Partial<TemplateInput>,
): { after: TemplateRecord; isOtherContent: boolean } {
  const given = CONTENT.filter((key) => changes[key] !== undefined);
  const parts = given.length > 0 ? normalized({ ...before, ...changes }) : null;
  const after = { ...before, ...changes, ...Object.fromEntries(given.map((key) => [key, parts?.[key]])) };
  return isOther(before, after, given)
    ? { after: { ...before, ...toTemplateColumns({ ...before, ...changes }) }, isOtherContent: true }
    : { after, isOtherContent: false };
}

/** Another file of ours is no other template: it is what is sent when a sender gives none, and Meta keeps its sample. */
export function isOther(
  before: TemplateRecord,
  after: TemplateRecord,
  keys: readonly (keyof TemplateRecord)[],
): boolean {
  const shown = (template: TemplateRecord, key: keyof TemplateRecord): unknown =>
    key === 'carousel'
      ? template.carousel?.map((card) => ({ ...card, header: { ...card.header, media_id: undefined } }))
      : template[key];
  return keys.some((key) => !isDeepStrictEqual(shown(before, key), shown(after, key)));
}

export function ttlOf({ messageSendTtlSeconds: ttl }: TemplateRecord): { message_send_ttl_seconds?: number } {
  return ttl === null ? {} : { message_send_ttl_seconds: ttl };
}

export function requireEditable({ status, metaTemplateId }: TemplateRecord): void {
  if (!isEditable(status) || metaTemplateId === null) {
    throw new AppError(
      'conflict',
      `This template is ${status}, and Meta lets change only those that are approved, rejected or paused.`,
    );
  }
}

/** Of a template whose texts stay as Meta has them, only what changes has to be right. */
export function requireLimits(after: TemplateRecord): void {
  const errors = lintTemplate(after).filter(
    ({ field }) => field === 'message_send_ttl_seconds' || field === 'category',
  );
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
}

/** Meta fixes these once it has a template. */
export function requireChangeable(before: TemplateRecord, changes: Partial<TemplateInput>): void {
  const errors: FieldError[] = [];
  const fixed: [string, unknown, unknown][] = [
    ['name', before.name, changes.name],
    ['language', before.language, changes.language],
    ['parameter_format', before.parameterFormat, changes.parameterFormat],
  ];
  for (const [field, is, wanted] of fixed) {
    if (wanted !== undefined && wanted !== is) {
      const message = `${field} cannot change once Meta has the template: make another one`;
      errors.push({ field, code: 'immutable', message });
    }
  }
  if (before.status === APPROVED && changes.category !== undefined && changes.category !== before.category) {
    const message = 'category cannot change while the template is approved: that is Meta’s rule';
    errors.push({ field: 'category', code: 'immutable', message });
  }
  if (before.messageSendTtlSeconds !== null && changes.messageSendTtlSeconds === null) {
    const field = 'message_send_ttl_seconds';
    const message = `${field} cannot be taken away once Meta has the template: give another number`;
    errors.push({ field, code: 'immutable', message });
  }
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
}

/** Whether Meta has what it was sent. */
export function isAsSubmitted(found: SyncedTemplate, sent: TemplateRecord): boolean {
  return (
    isSameContent(found.components, sent.components) &&
    found.category === sent.category &&
    found.messageSendTtlSeconds === sent.messageSendTtlSeconds
  );
}
