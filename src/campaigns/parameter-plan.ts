import { buttonSlots, type ButtonSlot } from '../templates/template-send-buttons.js';
import { mediaTypeOfHeader } from '../templates/template-send-header.js';
import {
  variablesOf,
  type ParameterFormat,
  type Template,
  type TemplateButtonValue,
  type TemplateCard,
  type TemplateCardParams,
  type TemplateHeader,
  type TemplateParams,
  type TemplateValues,
} from '../templates/template.js';
import { mappingOf, mediaKeys, type Mappings } from './parameters.js';
import { fieldReader, type FieldReader, type MappedRecipient } from './recipient-fields.js';

/** What a recipient's values come to. */
export interface ResolvedParameters {
  params: TemplateParams;
  /** By their mapping keys: what the template needs and the recipient has not. */
  missing: string[];
}

/** Makes a part of the values; undefined: the template does well without it. */
type Fill<T> = (recipient: MappedRecipient, missing: string[]) => T | undefined;

const OFFER_END = 'limited_time_offer.expiration';
const MAX_CARDS = 10;
/** Buttons that Meta refuses to send without a value. */
const NEEDY_BUTTONS = ['url', 'copy_code', 'mpm', 'order_details'];

/**
 * The values of a template's variables, for one recipient after the other: which fields they come from is worked out once.
 * @param fallback for texts without a value; '' for none
 * @param onField told of each field that is read
 */
export function compileParameters(
  template: Template,
  mappings: Mappings,
  fallback = '',
  onField: (field: string) => void = () => undefined,
): (recipient: MappedRecipient) => ResolvedParameters {
  const { category, parameterFormat, bodyText } = template;
  const plan = new Plan(mappings, parameterFormat, fallback, onField);
  const body = category === 'AUTHENTICATION' ? ['1'] : plan.variablesOf(bodyText);
  const fillHeader = plan.header('header', template.header, template.headerMediaId !== null);
  const fillBody = plan.texts(body.map((name) => [name]));
  const fillButtons = plan.buttons('buttons', buttonSlots(template.buttons, category));
  const fillCards = plan.cards(template.carousel ?? [], category);
  const readEnd = template.limitedTimeOffer ? plan.reader([OFFER_END]) : null;
  return (recipient) => {
    const missing: string[] = [];
    const header = fillHeader(recipient, missing);
    const values = fillBody(recipient, missing);
    const buttons = fillButtons(recipient, missing);
    const cards = fillCards(recipient, missing);
    const end = readEnd?.(recipient) ?? '';
    if (end === '' && template.limitedTimeOffer?.has_expiration) {
      missing.push(OFFER_END);
    }
    const params: TemplateParams = {
      ...(header && { header }),
      ...(values && { body: values }),
      ...(buttons && { buttons }),
      ...(cards && { cards }),
      ...(end !== '' && { limited_time_offer: { expiration_time_ms: end } }),
    };
    return { params, missing };
  };
}

/** The fields of a recipient that a template's values are taken from. */
export function fieldsOf(template: Template, mappings: Mappings): string[] {
  const fields = new Set<string>();
  compileParameters(template, mappings, '', (field) => fields.add(field));
  return [...fields];
}

/**
 * What a template needs and no recipient can have, because nothing is mapped to it: the file of a header, the end of a URL,
 * a coupon code … A text without a mapping takes the field of its own name, so it is none of these.
 */
export function unmappedOf(template: Template, mappings: Mappings): string[] {
  const nobody: MappedRecipient = { phone: null, userId: null, name: '', parameters: {} };
  const { missing } = compileParameters(template, mappings, 'x')(nobody);
  return missing.filter((key) => mediaKeys(key).every((other) => mappingOf(mappings, other) === undefined));
}

class Plan {
  constructor(
    private readonly mappings: Mappings,
    private readonly format: ParameterFormat,
    private readonly fallback: string,
    private readonly onField: (field: string) => void,
  ) {}

  variablesOf(bodyText: string): string[] {
    return variablesOf({ parameterFormat: this.format, header: null, bodyText }).body;
  }

  /** @param keys the first that is mapped is read. @param field read when none is */
  reader(keys: readonly string[], field?: string): FieldReader {
    const mapping = keys.map((key) => mappingOf(this.mappings, key)).find((each) => each !== undefined) ?? { field };
    const { field: name, default: otherwise = '', value = otherwise } = mapping;
    if (name === undefined) {
      return () => value;
    }
    this.onField(name);
    const read = fieldReader(name);
    return (recipient) => read(recipient) || value;
  }

  isMapped(keys: readonly string[]): boolean {
    return keys.some((key) => mappingOf(this.mappings, key) !== undefined);
  }

  /**
   * Texts, one for each variable. A variable without a mapping takes the field of its own name, which is what a named
   * variable usually means.
   * @param variables the keys of each: the most particular first, its own name last
   */
  texts(variables: readonly (readonly string[])[]): Fill<string[]> {
    if (variables.length === 0) {
      return () => undefined;
    }
    const readers = variables.map((keys) => ({ key: keys[0] as string, read: this.reader(keys, keys.at(-1)) }));
    return (recipient, missing) =>
      readers.map(({ key, read }) => {
        const value = read(recipient) || this.fallback;
        if (value === '') {
          missing.push(key);
        }
        return value;
      });
  }

  /** @param hasOwn whether the template has a file to show by itself */
  header(key: string, header: TemplateHeader | null, hasOwn: boolean): Fill<TemplateValues> {
    if (mediaTypeOfHeader(header) !== null) {
      return this.media(key, hasOwn);
    }
    switch (header?.type) {
      case 'LOCATION':
        return this.fields(key, { latitude: true, longitude: true, name: false, address: false });
      case 'PRODUCT':
        return this.fields(key, { product_retailer_id: true, catalog_id: false });
      case 'TEXT':
        return this.texts(this.variablesOf(header.text ?? '').map((name) => [`${key}.${name}`, name]));
      default:
        return () => undefined;
    }
  }

  buttons(key: string, slots: readonly ButtonSlot[]): Fill<TemplateButtonValue[]> {
    const fills = slots.flatMap(({ subType, isCode }, index) => {
      const own = `${key}.${index}`;
      const isNeeded = !isCode && subType !== null && NEEDY_BUTTONS.includes(subType);
      return subType === null || !(isNeeded || this.isMapped([own]))
        ? []
        : [{ own, index, subType, isNeeded, read: this.reader([own]) }];
    });
    if (fills.length === 0) {
      return () => undefined;
    }
    return (recipient, missing) =>
      fills.flatMap(({ own, index, subType, isNeeded, read }) => {
        const value = read(recipient);
        if (value === '' && isNeeded) {
          missing.push(own);
        }
        return value === '' ? [] : [{ index, ...buttonValue(subType, value) }];
      });
  }

  /** Product cards are as many as are mapped; the others are as many as the template has. */
  cards(defined: readonly TemplateCard[], category: string): Fill<TemplateCardParams[]> {
    const [first] = defined;
    if (first === undefined) {
      return () => undefined;
    }
    const count = first.header.type === 'PRODUCT' ? this.mappedCards(defined.length) : defined.length;
    const fills = Array.from({ length: count }, (_, index) => {
      const card = first.header.type === 'PRODUCT' ? first : (defined[index] as TemplateCard);
      return this.card(`cards.${index}`, card, category);
    });
    return (recipient, missing) => fills.map((fill) => fill(recipient, missing));
  }

  private card(
    key: string,
    card: TemplateCard,
    category: string,
  ): (recipient: MappedRecipient, missing: string[]) => TemplateCardParams {
    const fillHeader = this.header(`${key}.header`, card.header, card.header.media_id !== undefined);
    const isNamed = this.format === 'NAMED';
    const names = this.variablesOf(card.body_text);
    // {{1}} of a card is another than {{1}} of the body; a name means the same wherever it stands.
    const fillBody = this.texts(names.map((name) => [`${key}.body.${name}`, ...(isNamed ? [name] : [])]));
    const fillButtons = this.buttons(`${key}.buttons`, buttonSlots(card.buttons, category));
    return (recipient, missing) => {
      const header = fillHeader(recipient, missing);
      const body = fillBody(recipient, missing);
      const buttons = fillButtons(recipient, missing);
      return { ...(header && { header }), ...(body && { body }), ...(buttons && { buttons }) };
    };
  }

  private mappedCards(atLeast: number): number {
    const places = Array.from({ length: MAX_CARDS }, (_, index) => index);
    const last = places.findLast((index) =>
      Object.keys(this.mappings).some((key) => key.startsWith(`cards.${index}.`)),
    );
    return Math.max(atLeast, (last ?? 0) + 1);
  }

  private media(key: string, hasOwn: boolean): Fill<TemplateValues> {
    const read = this.reader(mediaKeys(key));
    const filename = this.reader([`${key}.filename`]);
    return (recipient, missing) => {
      const id = read(recipient);
      const name = filename(recipient);
      if (id === '' && !hasOwn) {
        missing.push(key);
      }
      return id === '' && name === ''
        ? undefined
        : { ...(id !== '' && { id }), ...(name !== '' && { filename: name }) };
    };
  }

  /** @param fields which there are, and whether they are needed */
  private fields(key: string, fields: Readonly<Record<string, boolean>>): Fill<TemplateValues> {
    const readers = Object.entries(fields).map(([name, isNeeded], index) => {
      const own = `${key}.${name}`;
      return { name, own, isNeeded, read: this.reader(index === 0 ? [own, key] : [own], name) };
    });
    return (recipient, missing) => {
      const values: Record<string, string> = {};
      for (const { name, own, isNeeded, read } of readers) {
        const value = read(recipient);
        if (value !== '') {
          values[name] = value;
        } else if (isNeeded) {
          missing.push(own);
        }
      }
      return values;
    };
  }
}

function buttonValue(subType: string, value: string): Omit<TemplateButtonValue, 'index'> {
  switch (subType) {
    case 'copy_code':
      return { coupon_code: value };
    case 'flow':
      return { flow_token: value };
    case 'catalog':
      return { thumbnail_product_retailer_id: value };
    case 'mpm':
      return {
        sections: [
          {
            product_retailer_ids: value
              .split(',')
              .map((id) => id.trim())
              .filter((id) => id !== ''),
          },
        ],
      };
    default:
      return { text: value };
  }
}
