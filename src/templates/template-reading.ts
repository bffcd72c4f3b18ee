import { isDeepStrictEqual } from 'node:util';
import type { MetaTemplate } from '../meta/api/templates.js';
import { fromComponents, type ComponentParts } from './template-components.js';
import { reasonOf } from './template-status.js';
import type { SyncedTemplate } from './template-sync.repository.js';

/** One of Meta's templates as a row, or null when it lacks what identifies it. */
export function readTemplate(template: MetaTemplate): SyncedTemplate | null {
  const { id, name, language } = template;
  if (!id || !name || !language) {
    return null;
  }
  const components = Array.isArray(template.components) ? template.components : [];
  const category = template.category ?? '';
  const { correct_category: correct, message_send_ttl_seconds: ttl } = template;
  return {
    metaTemplateId: String(id),
    name,
    language,
    category,
    previousCategory: template.previous_category || null,
    correctCategory: correct && correct !== category ? correct : null,
    status: (template.status ?? 'PENDING').toUpperCase(),
    parameterFormat: template.parameter_format?.toUpperCase() === 'NAMED' ? 'NAMED' : 'POSITIONAL',
    ...fromComponents(components),
    components,
    messageSendTtlSeconds: Number.isSafeInteger(ttl) ? (ttl as number) : null,
    rejectedReason: reasonOf(template.rejected_reason),
    qualityScore: template.quality_score?.score ?? null,
  };
}

/** Whether Meta has what it was sent, as far as people see it: examples, files and Meta's own additions aside. */
export function isSameContent(a: readonly Record<string, unknown>[], b: readonly Record<string, unknown>[]): boolean {
  return isDeepStrictEqual(shown(fromComponents(a)), shown(fromComponents(b)));
}

function shown({ header, bodyText, footerText, buttons, limitedTimeOffer, carousel }: ComponentParts): unknown {
  return {
    header: header && { type: header.type, text: header.text },
    bodyText,
    footerText,
    buttons: buttons.map(shownButton),
    limitedTimeOffer,
    cards: carousel?.map((card) => ({
      header: card.header.type,
      body: card.body_text,
      buttons: card.buttons.map(shownButton),
    })),
  };
}

function shownButton({ type, text, url, phone_number }: Record<string, unknown>): unknown {
  return { type, text, url, phone_number };
}
