import type { Json } from '../validation/check.js';
import { isJson } from '../validation/check.js';

/** A template as the Graph API returns it. */
export interface Template {
  id: string;
  name: string;
  language: string;
  status: string;
  category: string;
  parameter_format: 'POSITIONAL' | 'NAMED';
  components: Json[];
  message_send_ttl_seconds?: number;
  rejected_reason?: string | undefined;
  quality_score?: string;
  previous_category?: string;
  correct_category?: string | undefined;
}

/** One button as far as sending needs it. */
export interface ButtonShape {
  type: string;
  /** Whether its URL ends in a variable. */
  hasVariable: boolean;
}

/** The parts of a template, or of one card of a carousel, that take parameters. */
export interface PartShape {
  /** TEXT, IMAGE, VIDEO, GIF, DOCUMENT, LOCATION, PRODUCT; undefined without a header. */
  headerFormat: string | undefined;
  headerVariables: string[];
  bodyText: string;
  bodyVariables: string[];
  buttons: ButtonShape[];
}

/** A template read once, for sending. */
export interface TemplateShape extends PartShape {
  isNamed: boolean;
  needsExpiration: boolean;
  cards: PartShape[];
}

/** The distinct variables of a text, in order. */
export function variablesOf(text: string): string[] {
  return [...new Set([...text.matchAll(/\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g)].map((match) => match[1] as string))];
}

export function shapeOf(template: Template): TemplateShape {
  const carousel = component(template.components, 'CAROUSEL');
  const cards = carousel !== undefined && Array.isArray(carousel.cards) ? carousel.cards.filter(isJson) : [];
  const offer = component(template.components, 'LIMITED_TIME_OFFER')?.limited_time_offer;
  return {
    ...partOf(template.components),
    isNamed: template.parameter_format === 'NAMED',
    needsExpiration: isJson(offer) && offer.has_expiration === true,
    cards: cards.map((card) => partOf(Array.isArray(card.components) ? card.components.filter(isJson) : [])),
  };
}

/** The first component of a type, whatever its spelling. */
export function component(components: readonly Json[], type: string): Json | undefined {
  return components.find((each) => String(each.type).toUpperCase() === type);
}

function partOf(components: Json[]): PartShape {
  const header = component(components, 'HEADER');
  const body = component(components, 'BODY');
  const buttons = component(components, 'BUTTONS')?.buttons;
  const bodyText = typeof body?.text === 'string' ? body.text : '';
  return {
    headerFormat: header === undefined ? undefined : String(header.format ?? 'TEXT').toUpperCase(),
    headerVariables: variablesOf(typeof header?.text === 'string' ? header.text : ''),
    bodyText,
    bodyVariables: variablesOf(bodyText),
    buttons: Array.isArray(buttons) ? buttons.filter(isJson).map(buttonOf) : [],
  };
}

function buttonOf(button: Json): ButtonShape {
  return {
    type: String(button.type).toUpperCase(),
    hasVariable: typeof button.url === 'string' && variablesOf(button.url).length > 0,
  };
}
