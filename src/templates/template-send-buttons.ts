import { TemplateParameterError } from './template-parameter-error.js';
import { checkedValue } from './template-send-text.js';
import { variableNames } from './template-text.js';
import type { TemplateButtonValue } from './template.js';

type Json = Record<string, unknown>;

/** Meta's `sub_type` of the buttons that take values. */
export const BUTTON_SUB_TYPES = [
  'quick_reply',
  'url',
  'copy_code',
  'flow',
  'catalog',
  'mpm',
  'voice_call',
  'order_details',
] as const;
type SubType = (typeof BUTTON_SUB_TYPES)[number];

/** Source: Meta's coupon code, authentication and multi-product template pages. */
const MAX_COUPON = 20;
const MAX_CODE = 15;
const MAX_SECTIONS = 10;
const MAX_PRODUCTS = 30;

/** A defined button as a sender fills it. */
export interface ButtonSlot {
  /** Null: it takes no value. */
  subType: SubType | null;
  /** Its URL carries the code of an authentication template. */
  isCode: boolean;
}

/** The buttons of a template, or of a card, as they are filled. */
export function buttonSlots(buttons: readonly Json[], category: string): ButtonSlot[] {
  return buttons.map((button) => {
    const type = typeof button.type === 'string' ? button.type.toUpperCase() : '';
    // After creation Meta stores the button of an authentication template as a URL.
    if (type === 'OTP' || (category === 'AUTHENTICATION' && type === 'URL')) {
      return { subType: 'url', isCode: true };
    }
    if (type === 'URL') {
      const isVariable = typeof button.url === 'string' && variableNames(button.url).length > 0;
      return { subType: isVariable ? 'url' : null, isCode: false };
    }
    const subType = type.toLowerCase();
    return { subType: isSubType(subType) ? subType : null, isCode: false };
  });
}

/**
 * Meta's button components.
 * @param code of an authentication template: who gives it once, in the body, need not give it twice
 */
export function buttonComponents(
  path: string,
  slots: readonly ButtonSlot[],
  values: readonly TemplateButtonValue[] | undefined,
  code: string | undefined,
): Json[] {
  checkPlaces(path, slots, values ?? []);
  const components: Json[] = [];
  slots.forEach(({ subType, isCode }, index) => {
    const given = values?.find((value) => value.index === index);
    const field = `${path}.${index}`;
    if (subType === null) {
      return;
    }
    const value = given ?? { index };
    const parameter = isCode ? codeParameter(field, value, code) : parameterOf(field, subType, value);
    if (parameter) {
      components.push({ type: 'button', sub_type: subType, index, parameters: [parameter] });
    }
  });
  return components;
}

/** Of a template that is not known here, what the sender says. */
export function unknownButtonComponents(path: string, values: readonly TemplateButtonValue[] | undefined): Json[] {
  return (values ?? []).flatMap((value) => {
    const subType = value.sub_type ?? 'quick_reply';
    if (!isSubType(subType)) {
      throw unknownSubType(`${path}.${value.index}`);
    }
    const parameter = parameterOf(`${path}.${value.index}`, subType, value);
    return parameter ? [{ type: 'button', sub_type: subType, index: value.index, parameters: [parameter] }] : [];
  });
}

function checkPlaces(path: string, slots: readonly ButtonSlot[], values: readonly TemplateButtonValue[]): void {
  values.forEach(({ index, sub_type }, at) => {
    const field = `${path}.${index}`;
    const slot = slots[index];
    if (slot === undefined) {
      const count = slots.length === 0 ? 'no buttons' : `${slots.length} button${slots.length === 1 ? '' : 's'}`;
      throw new TemplateParameterError(field, 'unknown_button', `is given, and the template has ${count}`);
    }
    if (values.findIndex((other) => other.index === index) !== at) {
      throw new TemplateParameterError(field, 'duplicate', 'is given twice');
    }
    if (slot.subType === null) {
      throw new TemplateParameterError(field, 'not_allowed', 'takes no value: nothing of that button is variable');
    }
    if (sub_type !== undefined && sub_type !== slot.subType) {
      throw isSubType(sub_type)
        ? new TemplateParameterError(
            field,
            'wrong_sub_type',
            `is a button of sub_type ${slot.subType}, not ${sub_type}`,
          )
        : unknownSubType(field);
    }
  });
}

function codeParameter(field: string, value: TemplateButtonValue, code: string | undefined): Json {
  const text = checkedValue(field, value.text ?? value.payload ?? code);
  if (text.length > MAX_CODE) {
    throw new TemplateParameterError(field, 'too_long', `is a code of at most ${MAX_CODE} characters`);
  }
  return { type: 'text', text };
}

/** @returns null when the button is complete without a component */
function parameterOf(field: string, subType: SubType, value: TemplateButtonValue): Json | null {
  switch (subType) {
    case 'url':
      return { type: 'text', text: required(field, value.text ?? value.payload, 'the end of its URL as text') };
    case 'copy_code': {
      const code = required(field, value.coupon_code ?? value.text ?? value.payload, 'the code as coupon_code');
      if (code.length > MAX_COUPON) {
        throw new TemplateParameterError(field, 'too_long', `is a coupon code of at most ${MAX_COUPON} characters`);
      }
      return { type: 'coupon_code', coupon_code: code };
    }
    case 'quick_reply':
    case 'voice_call': {
      // Without a payload the answer carries the button's label, which Meta does by leaving the component out.
      const payload = value.payload ?? value.text;
      return payload ? { type: 'payload', payload } : null;
    }
    case 'flow':
      return action(
        value.action ?? {
          // Meta's own default, for those who do not tell their flows apart.
          flow_token: value.flow_token ?? 'unused',
          ...(value.flow_action_data === undefined ? {} : { flow_action_data: value.flow_action_data }),
        },
      );
    case 'catalog': {
      const thumbnail = value.thumbnail_product_retailer_id;
      const given = value.action ?? (thumbnail ? { thumbnail_product_retailer_id: thumbnail } : null);
      return given && action(given);
    }
    case 'mpm':
      return action(value.action ?? productSections(field, value));
    case 'order_details':
      if (value.action === undefined) {
        throw new TemplateParameterError(field, 'missing', 'needs the order as action.order_details');
      }
      return action(value.action);
  }
}

function required(field: string, value: string | undefined, what: string): string {
  if (value === undefined) {
    throw new TemplateParameterError(field, 'missing', `is missing: give ${what}`);
  }
  return checkedValue(field, value);
}

function action(given: Json): Json {
  return { type: 'action', action: given };
}

function productSections(field: string, value: TemplateButtonValue): Json {
  const { sections = [] } = value;
  const ids = sections.flatMap((section) => section.product_retailer_ids);
  if (ids.length === 0 || sections.some((section) => section.product_retailer_ids.length === 0)) {
    throw new TemplateParameterError(
      `${field}.sections`,
      'missing',
      'must name products, at least one in each section',
    );
  }
  if (sections.length > MAX_SECTIONS || ids.length > MAX_PRODUCTS) {
    throw new TemplateParameterError(
      `${field}.sections`,
      'too_many',
      `may have ${MAX_SECTIONS} sections and ${MAX_PRODUCTS} products`,
    );
  }
  return {
    thumbnail_product_retailer_id: value.thumbnail_product_retailer_id ?? ids[0],
    sections: sections.map(({ title, product_retailer_ids }) => ({
      ...(title === undefined ? {} : { title }),
      product_items: product_retailer_ids.map((id) => ({ product_retailer_id: id })),
    })),
  };
}

function isSubType(name: string): name is SubType {
  return (BUTTON_SUB_TYPES as readonly string[]).includes(name);
}

function unknownSubType(field: string): TemplateParameterError {
  return new TemplateParameterError(
    field,
    'unknown_sub_type',
    `has a sub_type other than ${BUTTON_SUB_TYPES.join(', ')}: give such buttons as components`,
  );
}
