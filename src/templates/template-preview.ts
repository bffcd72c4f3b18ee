import { objectsOf, text, type Json } from './template-parts.js';
import { fillIn, variableNames } from './template-text.js';
import type { ParameterFormat, TemplateCard, TemplateCardParams, TemplateParams, TemplateValues } from './template.js';
import type { TemplateRecord } from './template.entity.js';

/** A button as a person sees it. */
export interface PreviewButton {
  type: string;
  /** The label; where Meta writes it, in English. */
  text: string;
  url?: string;
  phone_number?: string;
  /** What a tap copies. */
  code?: string;
}

export interface PreviewHeader {
  /** TEXT, IMAGE, … */
  type: string;
  text?: string;
  /** What a media header shows: a link, or an id. */
  media?: string;
}

export interface PreviewCard {
  header: PreviewHeader;
  body: string;
  buttons: PreviewButton[];
}

/** A message as the person who gets it sees it. */
export interface TemplatePreview {
  header: PreviewHeader | null;
  body: string;
  footer: string;
  limited_time_offer: { text: string; expires_at: string | null } | null;
  buttons: PreviewButton[];
  cards: PreviewCard[];
  /** What still needs a value: `header.1`, `body.first_name`, `buttons.0`, `cards.1.body.1`. It stays as it is written. */
  missing: string[];
}

/** What a preview needs of a template. */
export type PreviewedTemplate = Pick<
  TemplateRecord,
  | 'category'
  | 'parameterFormat'
  | 'header'
  | 'bodyText'
  | 'footerText'
  | 'buttons'
  | 'limitedTimeOffer'
  | 'carousel'
  | 'headerMediaId'
>;

const LABELS: Readonly<Record<string, string>> = {
  COPY_CODE: 'Copy offer code',
  OTP: 'Copy code',
  CATALOG: 'View catalog',
  MPM: 'View items',
  SPM: 'View',
  CALL_REQUEST: 'Choose preference',
  REQUEST_CONTACT_INFO: 'Share contact info',
};
const MEDIA = ['link', 'id', 'product_retailer_id'];

/**
 * The message that a template becomes with these values; nothing is refused, what is missing is named.
 * @param params as a single send takes them
 */
export function previewTemplate(template: PreviewedTemplate, params: TemplateParams): TemplatePreview {
  const { parameterFormat, header, limitedTimeOffer, carousel } = template;
  const gaps: string[] = [];
  const fill = filler(parameterFormat, gaps);
  const code =
    template.category === 'AUTHENTICATION' ? valueMap(template.bodyText, params.body, parameterFormat)['1'] : undefined;
  return {
    header: header && previewHeader(header, params.header, template.headerMediaId, 'header', fill, gaps),
    body: fill(template.bodyText, params.body, 'body'),
    footer: template.footerText,
    limited_time_offer: limitedTimeOffer && {
      text: limitedTimeOffer.text,
      expires_at: previewExpiry(limitedTimeOffer.has_expiration, params, gaps),
    },
    buttons: previewButtons(template.buttons, params, 'buttons', gaps, code),
    cards: (carousel ?? []).map((card, index) => previewCard(card, params.cards?.[index] ?? {}, index, fill, gaps)),
    missing: gaps,
  };
}

type Fill = (of: string, values: TemplateValues | undefined, path: string) => string;

function filler(format: ParameterFormat, gaps: string[]): Fill {
  return (of, values, path) => {
    const map = valueMap(of, values, format);
    gaps.push(
      ...variableNames(of)
        .filter((name) => !map[name])
        .map((name) => `${path}.${name}`),
    );
    return fillIn(of, map);
  };
}

/** Values by the name of their variable, however they were given. */
function valueMap(of: string, values: TemplateValues | undefined, format: ParameterFormat): Record<string, string> {
  const names = variableNames(of);
  const ordered = format === 'NAMED' ? names : names.sort((a, b) => Number(a) - Number(b));
  const pairs = Array.isArray(values)
    ? ordered.map((name, index) => [name, values[index]] as const)
    : Object.entries(values ?? {});
  return Object.fromEntries(pairs.filter((pair): pair is readonly [string, string] => Boolean(pair[1])));
}

function previewHeader(
  header: { type: string; text?: string; media_id?: number },
  values: TemplateValues | undefined,
  ownMedia: number | null,
  path: string,
  fill: Fill,
  gaps: string[],
): PreviewHeader {
  const { type } = header;
  if (type === 'TEXT') {
    return { type, text: fill(header.text ?? '', values, path) };
  }
  if (type === 'LOCATION') {
    const { latitude, longitude, name, address } = Array.isArray(values) ? {} : (values ?? {});
    if (!latitude || !longitude) {
      gaps.push(path);
      return { type };
    }
    return { type, text: [name, address].filter(Boolean).join(', ') || `${latitude}, ${longitude}` };
  }
  const [given] = Array.isArray(values) ? values : MEDIA.map((key) => values?.[key]).filter(Boolean);
  const media = given || (ownMedia === null ? '' : String(ownMedia));
  if (media === '') {
    gaps.push(path);
    return { type };
  }
  return { type, media };
}

function previewCard(
  card: TemplateCard,
  params: TemplateCardParams,
  index: number,
  fill: Fill,
  gaps: string[],
): PreviewCard {
  const path = `cards.${index}`;
  const ownMedia = card.header.media_id ?? null;
  return {
    header: previewHeader(card.header, params.header, ownMedia, `${path}.header`, fill, gaps),
    body: fill(card.body_text, params.body, `${path}.body`),
    buttons: previewButtons(card.buttons, params, `${path}.buttons`, gaps, undefined),
  };
}

/** @param code of an authentication template, which its body and its button share */
function previewButtons(
  buttons: readonly Json[],
  params: Pick<TemplateParams, 'buttons'>,
  path: string,
  gaps: string[],
  code: string | undefined,
): PreviewButton[] {
  return buttons.map((button, index) => {
    const type = text(button.type);
    const given = params.buttons?.find((value) => value.index === index);
    const label = { type, text: text(button.text) || (LABELS[type] ?? '') };
    const need = (value: string | undefined): string | undefined => {
      if (!value) {
        gaps.push(`${path}.${index}`);
      }
      return value;
    };
    switch (type) {
      case 'URL': {
        const url = text(button.url);
        const [name] = variableNames(url);
        const value = name === undefined ? undefined : need(given?.text ?? given?.payload);
        return { ...label, url: name === undefined || !value ? url : fillIn(url, { [name]: value }) };
      }
      case 'PHONE_NUMBER':
        return { ...label, phone_number: text(button.phone_number) };
      case 'COPY_CODE': {
        const value = need(given?.coupon_code ?? given?.text ?? given?.payload);
        return value ? { ...label, code: value } : label;
      }
      case 'OTP': {
        const value = given?.text ?? code;
        return value ? { ...label, code: value } : label;
      }
      case 'MPM':
        need(objectsOf(given?.sections ?? given?.action?.sections).length > 0 ? 'given' : undefined);
        return label;
      default:
        return label;
    }
  });
}

function previewExpiry(hasExpiration: boolean, params: TemplateParams, gaps: string[]): string | null {
  const given = params.limited_time_offer?.expiration_time_ms;
  const at = new Date(typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : (given ?? Number.NaN));
  if (!Number.isNaN(at.getTime())) {
    return at.toISOString();
  }
  if (hasExpiration) {
    gaps.push('limited_time_offer');
  }
  return null;
}
