import { badParam, invalid, missing } from '../graph/graph-error.js';
import {
  httpUrlAt,
  objectAt,
  objectsAt,
  onlyKeys,
  optionalObjectAt,
  optionalTextAt,
  textAt,
  unique,
  wordAt,
  type Json,
} from './check.js';
import { checkCarousel } from './interactive-carousel.js';
import { checkCatalogMessage, checkProduct, checkProductList, type ProductRules } from './interactive-products.js';
import { checkMedia as checkMediaObject, type CheckMedia, type MediaRules } from './media.js';

type HeaderRule = 'none' | 'text' | 'any';

/** What each kind allows around its action. Meta: README §A.3; the longer of two contradicting limits is taken. */
const KINDS: Record<
  string,
  { header: HeaderRule; body: number; bodyRequired: boolean; check: (action: Json, products: ProductRules) => void }
> = {
  button: { header: 'any', body: 1024, bodyRequired: true, check: checkButtons },
  list: { header: 'text', body: 4096, bodyRequired: true, check: checkSections },
  cta_url: { header: 'any', body: 1024, bodyRequired: true, check: checkUrlButton },
  location_request_message: { header: 'none', body: 1024, bodyRequired: true, check: named('send_location') },
  flow: { header: 'any', body: 1024, bodyRequired: true, check: checkFlow },
  product: { header: 'none', body: 1024, bodyRequired: false, check: checkProduct },
  product_list: { header: 'text', body: 1024, bodyRequired: true, check: checkProductList },
  catalog_message: { header: 'none', body: 1024, bodyRequired: true, check: checkCatalogMessage },
  carousel: { header: 'none', body: 1024, bodyRequired: true, check: () => undefined },
  address_message: { header: 'any', body: 1024, bodyRequired: true, check: checkAddress },
  call_permission_request: {
    header: 'none',
    body: 1024,
    bodyRequired: false,
    check: named('call_permission_request'),
  },
  request_contact_info: { header: 'none', body: 1024, bodyRequired: true, check: () => undefined },
};
const MAX_ROWS = 10;

/** Checks the `interactive` object of a message; answers its kind and the code of the failed status that must follow. */
export function checkInteractive(
  interactive: Json,
  rules: MediaRules,
  products: ProductRules,
): { interactiveType: string; failCode: number } {
  let failCode = 0;
  const interactiveType = check(interactive, products, (media, type, path) => {
    failCode = checkMediaObject(media, type, path, rules) || failCode;
  });
  return { interactiveType, failCode };
}

function check(interactive: Json, products: ProductRules, checkMedia: CheckMedia): string {
  onlyKeys(interactive, 'interactive', ['type', 'header', 'body', 'footer', 'action']);
  const type = wordAt(interactive, 'type', "interactive['type']", Object.keys(KINDS));
  const kind = KINDS[type] as (typeof KINDS)[string];
  checkHeader(interactive, kind.header, type, checkMedia);
  checkAround(interactive, 'body', kind.body, kind.bodyRequired);
  checkAround(interactive, 'footer', 60, false);
  if (type === 'request_contact_info') {
    return type;
  }
  const action = objectAt(interactive, 'action', "interactive['action']");
  if (type === 'carousel') {
    if (interactive.footer !== undefined) {
      throw invalid("interactive['footer'] is not allowed for type carousel");
    }
    checkCarousel(action, products, checkMedia, checkUrlButton);
    return type;
  }
  kind.check(action, products);
  return type;
}

function checkHeader(interactive: Json, rule: HeaderRule, type: string, checkMedia: CheckMedia): void {
  const header = optionalObjectAt(interactive, 'header', "interactive['header']");
  if (header === undefined) {
    if (type === 'product_list') {
      throw missing("interactive['header']");
    }
    return;
  }
  if (rule === 'none') {
    throw invalid(`interactive['header'] is not allowed for type ${type}`);
  }
  const allowed = rule === 'text' ? ['text'] : ['text', 'image', 'video', 'document'];
  const format = wordAt(header, 'type', "interactive['header']['type']", allowed);
  onlyKeys(header, "interactive['header']", ['type', 'sub_text', format]);
  optionalTextAt(header, 'sub_text', "interactive['header']['sub_text']", 60);
  if (format === 'text') {
    textAt(header, 'text', "interactive['header']['text']", 60);
    return;
  }
  const path = `interactive['header']['${format}']`;
  checkMedia(objectAt(header, format, path), format, path);
}

function checkAround(interactive: Json, key: string, max: number, isRequired: boolean): void {
  const path = `interactive['${key}']`;
  const part = isRequired ? objectAt(interactive, key, path) : optionalObjectAt(interactive, key, path);
  if (part !== undefined) {
    onlyKeys(part, path, ['text']);
    textAt(part, 'text', `${path}['text']`, max);
  }
}

function checkButtons(action: Json): void {
  onlyKeys(action, 'action', ['buttons']);
  const buttons = objectsAt(action, 'buttons', "action['buttons']", 1, 3);
  const replies = buttons.map((button, index) => {
    const path = `action['buttons'][${index}]`;
    wordAt(button, 'type', `${path}['type']`, ['reply']);
    const reply = objectAt(button, 'reply', `${path}['reply']`);
    onlyKeys(reply, `${path}['reply']`, ['id', 'title']);
    return {
      id: trimmedIdAt(reply, `${path}['reply']['id']`),
      title: textAt(reply, 'title', 'Button title', 20),
    };
  });
  unique(
    replies.map(({ id }) => id),
    'button ids',
  );
  unique(
    replies.map(({ title }) => title),
    'button titles',
  );
}

/** Meta: an id of a button has no spaces around it. */
function trimmedIdAt(reply: Json, path: string): string {
  const id = textAt(reply, 'id', path, 256);
  if (id.trim() !== id) {
    throw invalid(`${path} must not begin or end with a space`);
  }
  return id;
}

function checkSections(action: Json): void {
  onlyKeys(action, 'action', ['button', 'sections']);
  textAt(action, 'button', "action['button']", 20);
  const sections = objectsAt(action, 'sections', "action['sections']", 1, 10);
  const ids = sections.flatMap((section, index) => {
    const path = `action['sections'][${index}]`;
    onlyKeys(section, path, ['title', 'rows']);
    checkSectionTitle(section, sections.length, path);
    return objectsAt(section, 'rows', `${path}['rows']`, 1, MAX_ROWS).map((row) => {
      onlyKeys(row, `${path}['rows']`, ['id', 'title', 'description']);
      textAt(row, 'title', `${path}['rows']['title']`, 24);
      optionalTextAt(row, 'description', `${path}['rows']['description']`, 72);
      return textAt(row, 'id', `${path}['rows']['id']`, 200);
    });
  });
  if (ids.length > MAX_ROWS) {
    throw invalid(`Total row count exceed max allowed count: ${MAX_ROWS}`);
  }
  unique(ids, 'row ids');
}

/** Meta: a section title is required when there is more than one section. */
function checkSectionTitle(section: Json, sections: number, path: string): void {
  if (sections > 1) {
    textAt(section, 'title', `${path}['title']`, 24);
    return;
  }
  optionalTextAt(section, 'title', `${path}['title']`, 24);
}

function checkUrlButton(action: Json): void {
  onlyKeys(action, 'action', ['name', 'parameters']);
  wordAt(action, 'name', "action['name']", ['cta_url']);
  const parameters = objectAt(action, 'parameters', "action['parameters']");
  onlyKeys(parameters, "action['parameters']", ['display_text', 'url']);
  textAt(parameters, 'display_text', "action['parameters']['display_text']", 20);
  httpUrlAt(parameters, 'url', "action['parameters']['url']");
}

function named(name: string): (action: Json) => void {
  return (action) => {
    onlyKeys(action, 'action', ['name', 'parameters']);
    wordAt(action, 'name', "action['name']", [name]);
    optionalObjectAt(action, 'parameters', "action['parameters']");
  };
}

/** Meta: exactly one of flow_id and flow_name. */
function checkFlow(action: Json): void {
  onlyKeys(action, 'action', ['name', 'parameters']);
  wordAt(action, 'name', "action['name']", ['flow']);
  const flow = objectAt(action, 'parameters', "action['parameters']");
  wordAt({ v: String(flow.flow_message_version ?? '') }, 'v', 'flow_message_version', ['3']);
  if ((flow.flow_id === undefined) === (flow.flow_name === undefined)) {
    throw badParam('Exactly one of flow_id and flow_name is required.');
  }
  textAt(flow, flow.flow_id === undefined ? 'flow_name' : 'flow_id', 'flow_id', 200);
  textAt(flow, 'flow_cta', 'flow_cta', 30);
  for (const [key, words] of [
    ['mode', ['draft', 'published']],
    ['flow_action', ['navigate', 'data_exchange']],
  ] as const) {
    if (flow[key] !== undefined) {
      wordAt(flow, key, key, words);
    }
  }
  optionalTextAt(flow, 'flow_token', 'flow_token', 1024);
  const payload = optionalObjectAt(flow, 'flow_action_payload', 'flow_action_payload');
  if (payload !== undefined) {
    textAt(payload, 'screen', "flow_action_payload['screen']", 200);
    const data = optionalObjectAt(payload, 'data', "flow_action_payload['data']");
    if (data !== undefined && Object.keys(data).length === 0) {
      throw invalid("flow_action_payload['data'] must not be empty");
    }
  }
}

/** Meta: India only, country mandatory. */
function checkAddress(action: Json): void {
  onlyKeys(action, 'action', ['name', 'parameters']);
  wordAt(action, 'name', "action['name']", ['address_message']);
  const parameters = objectAt(action, 'parameters', "action['parameters']");
  onlyKeys(parameters, "action['parameters']", ['country', 'values', 'saved_addresses', 'validation_errors']);
  wordAt(parameters, 'country', "action['parameters']['country']", ['IN']);
  const values = optionalObjectAt(parameters, 'values', "action['parameters']['values']");
  if (values !== undefined) {
    optionalTextAt(values, 'in_pin_code', "values['in_pin_code']", 6);
  }
}
