import { invalidField } from '../common/app-error.js';
import { isLink, mediaTypeOfHeader, ownMediaOf, type MediaReference } from '../templates/template-send-header.js';
import type { Template, TemplateHeader } from '../templates/template.js';
import type { ParameterMapping } from './campaign.entity.js';

/** Which field of a recipient fills which variable of the template. */
export type Mappings = Readonly<Record<string, ParameterMapping>>;

const MAX_KEY = 80;
const VARIABLE = '[a-z0-9_]{1,64}';
const MAPPING_KEY = new RegExp(
  `^(${VARIABLE}|header\\.${VARIABLE}|buttons\\.\\d|limited_time_offer\\.expiration` +
    `|cards\\.\\d\\.(header|header\\.${VARIABLE}|body\\.${VARIABLE}|buttons\\.\\d))$`,
  'i',
);
const KEYS_HELP =
  'Keys are variables: "1", "2" … or a name, header.1, header (the link or media id of a media header), header.latitude, ' +
  'buttons.0, cards.0.body.1, cards.0.header, cards.0.buttons.0, limited_time_offer.expiration';
const MAPPING_HELP = 'must be a field\'s name, {"field": …, "default": …} or {"value": …}';
const MAPPING_FORMS = ['field', 'default', 'default,field', 'value'];

/**
 * Checks mappings as the seeds write them: `{"1": "name", "2": "order_id"}`, a variable's position or name to a field of the
 * recipient. `"header.1"` maps a header variable apart; without it the header takes the mapping of the same number. Instead
 * of a field's name, `{"field": "name", "default": "friend"}` says what to use when it is empty, and `{"value": "SAVE20"}`
 * what everybody gets.
 */
export function checkMappings(value: Record<string, unknown>): Record<string, ParameterMapping> {
  for (const [key, mapping] of Object.entries(value)) {
    const field = `parameter_mappings.${key.slice(0, MAX_KEY)}`;
    if (!MAPPING_KEY.test(key)) {
      throw invalidField(field, 'invalid_variable', `${field} is no variable. ${KEYS_HELP}`);
    }
    if (!isMapping(mapping)) {
      throw invalidField(field, 'invalid_mapping', `${field} ${MAPPING_HELP}`);
    }
  }
  return value as Record<string, ParameterMapping>;
}

function isMapping(mapping: unknown): boolean {
  if (typeof mapping === 'string') {
    return true;
  }
  if (mapping === null || typeof mapping !== 'object' || Array.isArray(mapping)) {
    return false;
  }
  return (
    Object.values(mapping).every((part) => typeof part === 'string') &&
    MAPPING_FORMS.includes(Object.keys(mapping).sort().join())
  );
}

/** What is mapped to a variable. */
export function mappingOf(mappings: Mappings, key: string): Exclude<ParameterMapping, string> | undefined {
  const mapping = Object.hasOwn(mappings, key) ? mappings[key] : undefined;
  return typeof mapping === 'string' ? { field: mapping } : mapping;
}

/**
 * The files that a campaign shows to everybody: those of its template, and those that its mappings name. They are looked up
 * once for the campaign; what a column names is a link or an id of Meta's.
 */
export function mediaOfCampaign(template: Template, mappings: Mappings): MediaReference[] {
  const headers: [string, TemplateHeader | null][] = [
    ['header', template.header],
    ...(template.carousel ?? []).map((card, index): [string, TemplateHeader] => [`cards.${index}.header`, card.header]),
  ];
  const named = headers.flatMap(([key, header]) => {
    const mediaType = mediaTypeOfHeader(header);
    const given = mediaKeys(key).map((each) => mappingOf(mappings, each));
    const references = given.flatMap((mapping) => mapping?.value ?? mapping?.default ?? []);
    return mediaType === null
      ? []
      : references.filter((each) => each !== '' && !isLink(each)).map((reference) => ({ reference, mediaType }));
  });
  return [...ownMediaOf(template), ...named];
}

/** The keys that name the file of a media header. */
export function mediaKeys(key: string): string[] {
  return [key, `${key}.link`, `${key}.id`, `${key}.media_id`];
}
