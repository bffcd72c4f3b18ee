import { GraphError, invalid, missing } from '../graph/graph-error.js';
import type { PartShape } from '../state/template-model.js';
import { objectAt, objectsAt, onlyKeys, optionalObjectAt, optionalTextAt, textAt, type Json } from './check.js';

/** Which kinds of defined buttons a `sub_type` may fill. Meta: the OTP button is stored as URL. */
const FILLS: Record<string, readonly string[]> = {
  quick_reply: ['QUICK_REPLY'],
  url: ['URL', 'OTP'],
  copy_code: ['COPY_CODE'],
  flow: ['FLOW'],
  catalog: ['CATALOG'],
  mpm: ['MPM', 'MULTI_PRODUCT'],
  voice_call: ['VOICE_CALL'],
  order_details: ['ORDER_DETAILS'],
};
/** Kinds that cannot be sent without a value, as Meta prints them. */
const NEEDY: Record<string, string> = {
  COPY_CODE: 'Copy Code',
  OTP: 'Url',
  MPM: 'Mpm',
  ORDER_DETAILS: 'Order Details',
};
const MAX_COUPON = 20;
const MAX_CODE = 15;
const MAX_PAYLOAD = 128;
const MAX_URL = 2000;
const MAX_PRODUCTS = 30;

/** Checks the button components of a template send, of the message or of one card. */
export function checkButtons(components: readonly Json[], shape: PartShape, isCode: boolean): void {
  const given = new Set<number>();
  for (const component of components) {
    const index = checkButton(component, shape, isCode);
    if (given.has(index)) {
      throw invalid(`button: index ${index} was given twice`);
    }
    given.add(index);
  }
  shape.buttons.forEach(({ type, hasVariable }, index) => {
    const printed = hasVariable ? 'Url' : NEEDY[type];
    if (printed !== undefined && !given.has(index)) {
      throw missing(`buttons: Button at index ${index} of type ${printed} requires a parameter`);
    }
  });
}

/** Answers the position of the button it fills. */
function checkButton(component: Json, shape: PartShape, isCode: boolean): number {
  const subType = textAt(component, 'sub_type', 'button: sub_type', 40).toLowerCase();
  const index = indexOf(component.index);
  const defined = shape.buttons[index];
  if (defined === undefined) {
    throw new GraphError(132018, `button: the template has no button at index ${index}`);
  }
  if (!Object.hasOwn(FILLS, subType) || !FILLS[subType]?.includes(defined.type)) {
    throw new GraphError(132012, `button at index ${index}: expected ${defined.type}, received ${subType}`);
  }
  const [parameter] = objectsAt(component, 'parameters', `button at index ${index}: parameters`, 1, 1) as [Json];
  const path = `button at index ${index}`;
  const type = textAt(parameter, 'type', `${path}: type`, 40);
  const expected = PARAMETER_TYPES[subType] ?? 'action';
  if (type !== expected) {
    throw new GraphError(132012, `${path}: expected a parameter of type ${expected}, received ${type}`);
  }
  onlyKeys(parameter, `${path}: parameters`, ['type', expected]);
  if (subType === 'url') {
    if (!defined.hasVariable && defined.type !== 'OTP') {
      throw new GraphError(132018, `${path}: its URL has no variable`);
    }
    checkSuffix(parameter, path, isCode ? MAX_CODE : MAX_URL);
    return index;
  }
  checkParameter(parameter, subType, path);
  return index;
}

/** Meta: a number or a number as text. */
function indexOf(given: unknown): number {
  const index = typeof given === 'string' && /^\d$/.test(given) ? Number(given) : given;
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0) {
    throw invalid('button: index must be the position of a button');
  }
  return index;
}

const PARAMETER_TYPES: Record<string, string> = {
  quick_reply: 'payload',
  voice_call: 'payload',
  url: 'text',
  copy_code: 'coupon_code',
};

function checkSuffix(parameter: Json, path: string, max: number): void {
  const text = textAt(parameter, 'text', `${path}: text`, max);
  if (/[\n\r\t]| {5}/.test(text)) {
    throw new GraphError(
      132018,
      `${path}: Param text cannot have new-line/tab characters or more than 4 consecutive spaces`,
    );
  }
}

function checkParameter(parameter: Json, subType: string, path: string): void {
  switch (subType) {
    case 'quick_reply':
    case 'voice_call':
      textAt(parameter, 'payload', `${path}: payload`, MAX_PAYLOAD);
      return;
    case 'copy_code':
      textAt(parameter, 'coupon_code', `${path}: coupon_code`, MAX_COUPON);
      return;
    case 'mpm':
      checkSections(objectAt(parameter, 'action', `${path}: action`), path);
      return;
    case 'flow': {
      const action = optionalObjectAt(parameter, 'action', `${path}: action`) ?? {};
      onlyKeys(action, `${path}: action`, ['flow_token', 'flow_action_data']);
      optionalTextAt(action, 'flow_token', `${path}: flow_token`, MAX_URL);
      optionalObjectAt(action, 'flow_action_data', `${path}: flow_action_data`);
      return;
    }
    case 'catalog': {
      const action = optionalObjectAt(parameter, 'action', `${path}: action`) ?? {};
      onlyKeys(action, `${path}: action`, ['thumbnail_product_retailer_id']);
      optionalTextAt(action, 'thumbnail_product_retailer_id', `${path}: thumbnail_product_retailer_id`, 100);
      return;
    }
    default:
      objectAt(parameter, 'action', `${path}: action`);
  }
}

/** Meta: up to 30 products in up to 10 sections; several sections have titles. */
function checkSections(action: Json, path: string): void {
  onlyKeys(action, `${path}: action`, ['thumbnail_product_retailer_id', 'sections']);
  textAt(action, 'thumbnail_product_retailer_id', `${path}: thumbnail_product_retailer_id`, 100);
  const sections = objectsAt(action, 'sections', `${path}: sections`, 1, 10);
  const counts = sections.map((section) => {
    onlyKeys(section, `${path}: sections`, ['title', 'product_items']);
    if (sections.length > 1) {
      textAt(section, 'title', `${path}: sections['title']`, 24);
    }
    const items = objectsAt(section, 'product_items', `${path}: product_items`, 1, MAX_PRODUCTS);
    items.forEach((item) => textAt(item, 'product_retailer_id', `${path}: product_retailer_id`, 100));
    return items.length;
  });
  if (counts.reduce((sum, count) => sum + count, 0) > MAX_PRODUCTS) {
    throw invalid(`${path}: at most ${MAX_PRODUCTS} products`);
  }
}
