import { asArray, asObject, idOf, textOf, type Change } from '../meta/webhook-payload.js';
import { componentsAfter, type NewTexts } from './template-texts-update.js';
import type { Json } from './template-parts.js';
import { reasonOf, statusAfter } from './template-status.js';
import type { TemplateRecord } from './template.entity.js';

/** What one change of Meta's tells of a template. */
export type TemplateFact =
  | { kind: 'status'; event: string; reason: string | null; info: Json | null }
  | { kind: 'quality'; score: string }
  | { kind: 'category'; category: string; previous: string | null }
  /** Meta will change the category, or (`changesAt` unknown, `category` unsaid) has found that another one is right. */
  | { kind: 'category_notice'; category: string | null; correct: string; changesAt: Date | null }
  | { kind: 'components'; texts: NewTexts };

/** A fact, of which template it is, and since when it is true. */
export interface TemplateEvent {
  accountId: number;
  metaTemplateId: string;
  name: string;
  language: string;
  at: Date;
  fact: TemplateFact;
}

/** What of a template can change by events. */
export type EventState = Pick<
  TemplateRecord,
  | 'status'
  | 'rejectedReason'
  | 'rejectionInfo'
  | 'statusAt'
  | 'qualityScore'
  | 'qualityAt'
  | 'category'
  | 'previousCategory'
  | 'correctCategory'
  | 'categoryChangesAt'
  | 'categoryAt'
  | 'header'
  | 'bodyText'
  | 'footerText'
  | 'buttons'
  | 'components'
  | 'examples'
  | 'componentsAt'
>;

const MAX_INFO_TEXT = 2_000;
const MAX_CODE = 100;
const YEAR_2100 = Date.UTC(2100, 0, 1) / 1_000;

/** Reads a change of one of Meta's template fields; null when it does not tell what it must. */
export function readTemplateEvent(accountId: number, change: Change): TemplateEvent | null {
  const { value } = change;
  const metaTemplateId = idOf(value.message_template_id);
  const name = textOf(value.message_template_name) ?? textOf(value.name);
  const language = textOf(value.message_template_language) ?? textOf(value.language);
  const fact = factOf(change);
  if (!metaTemplateId || !name || !language || !fact) {
    return null;
  }
  return { accountId, metaTemplateId, name, language, at: change.entryTime ?? change.receivedAt, fact };
}

/**
 * The template after an event. Each kind has a time of its own, and what is older than what is known changes nothing: in
 * whatever order events come and however often, the newest stays. Meta's times have whole seconds; of one second, what
 * comes later counts.
 */
export function applyEvent<T extends EventState>(template: T, { at, fact }: Pick<TemplateEvent, 'at' | 'fact'>): T {
  switch (fact.kind) {
    case 'status':
      return applyStatus(template, at, fact);
    case 'quality':
      return isOlder(at, template.qualityAt) ? template : { ...template, qualityScore: fact.score, qualityAt: at };
    case 'category':
      return isOlder(at, template.categoryAt)
        ? template
        : {
            ...template,
            category: fact.category,
            previousCategory: fact.previous ?? template.previousCategory,
            correctCategory: null,
            categoryChangesAt: null,
            categoryAt: at,
          };
    case 'category_notice':
      return applyNotice(template, at, fact);
    case 'components':
      return isOlder(at, template.componentsAt)
        ? template
        : { ...template, ...componentsAfter(template, fact.texts), componentsAt: at };
  }
}

function applyStatus<T extends EventState>(
  template: T,
  at: Date,
  { event, reason, info }: Extract<TemplateFact, { kind: 'status' }>,
): T {
  const status = statusAfter(event);
  if (isOlder(at, template.statusAt)) {
    return template;
  }
  if (status === null) {
    // A warning: it can still be sent, and an event from before the warning still says what the status is.
    return info === null ? template : { ...template, rejectionInfo: info };
  }
  if (status === 'PENDING' && template.status !== 'PENDING' && at.getTime() === template.statusAt?.getTime()) {
    // Submitted and decided within one second.
    return template;
  }
  const isGood = status === 'APPROVED' || status === 'PENDING';
  return {
    ...template,
    status,
    rejectedReason: reasonOf(reason),
    rejectionInfo: isGood ? null : info,
    statusAt: at,
  };
}

function applyNotice<T extends EventState>(
  template: T,
  at: Date,
  { category, correct, changesAt }: Extract<TemplateFact, { kind: 'category_notice' }>,
): T {
  const isDone =
    template.correctCategory === null &&
    template.category === correct &&
    at.getTime() === template.categoryAt?.getTime();
  if (isOlder(at, template.categoryAt) || isDone) {
    return template;
  }
  if (category === null) {
    // Only an opinion: an older change of the category is still one.
    return { ...template, correctCategory: correct === template.category ? null : correct };
  }
  return { ...template, category, correctCategory: correct, categoryChangesAt: changesAt, categoryAt: at };
}

function isOlder(at: Date, known: Date | null): boolean {
  return known !== null && at.getTime() < known.getTime();
}

function factOf({ field, value }: Change): TemplateFact | null {
  const score = codeOf(value.new_quality_score);
  switch (field) {
    case 'message_template_status_update': {
      const event = codeOf(value.event);
      if (event) {
        return { kind: 'status', event, reason: textOf(value.reason, MAX_CODE), info: infoOf(value) };
      }
      // Meta's page of the quality field prints its sample under this one.
      return score ? { kind: 'quality', score } : null;
    }
    case 'message_template_quality_update':
      return score ? { kind: 'quality', score } : null;
    case 'template_category_update':
    case 'template_correct_category_detection':
      return categoryFactOf(field, value);
    case 'message_template_components_update':
      return textsOf(value);
    default:
      return null;
  }
}

function categoryFactOf(field: string, value: Json): TemplateFact | null {
  const category = codeOf(value.new_category);
  const correct = codeOf(value.correct_category);
  if (field === 'template_correct_category_detection') {
    return correct ? { kind: 'category_notice', category: null, correct, changesAt: null } : null;
  }
  if (!category) {
    return null;
  }
  return correct
    ? { kind: 'category_notice', category, correct, changesAt: secondsOf(value.category_update_timestamp) }
    : { kind: 'category', category, previous: codeOf(value.previous_category) };
}

function textsOf(value: Json): TemplateFact | null {
  const body = textOf(value.message_template_element);
  if (body === null) {
    return null;
  }
  const buttons = asArray(value.message_template_buttons).flatMap((item) => {
    const button = asObject(item);
    const type = codeOf(button?.message_template_button_type);
    if (!button || !type) {
      return [];
    }
    const url = textOf(button.message_template_button_url);
    const phone = textOf(button.message_template_button_phone_number);
    return [
      {
        type,
        text: textOf(button.message_template_button_text) ?? '',
        ...(url === null ? {} : { url }),
        ...(phone === null ? {} : { phone_number: phone }),
      },
    ];
  });
  const header = textOf(value.message_template_title);
  return { kind: 'components', texts: { header, body, footer: textOf(value.message_template_footer) ?? '', buttons } };
}

/** Meta's words of why, what to do and until when: of a rejection, a pause or a warning. */
function infoOf(value: Json): Json | null {
  const info = { ...asObject(value.rejection_info), ...asObject(value.other_info), ...asObject(value.disable_info) };
  const told = Object.entries(info).flatMap(([key, item]) => {
    const content = textOf(item, MAX_INFO_TEXT) ?? (typeof item === 'number' ? String(item) : null);
    return content === null ? [] : [[key.slice(0, MAX_CODE), content] as const];
  });
  return told.length === 0 ? null : Object.fromEntries(told);
}

function codeOf(value: unknown): string | null {
  return textOf(value, MAX_CODE)?.toUpperCase() || null;
}

/** A moment that may lie ahead. */
function secondsOf(value: unknown): Date | null {
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds > 0 && seconds < YEAR_2100 ? new Date(seconds * 1_000) : null;
}
