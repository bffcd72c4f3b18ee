import { isJson, type Json } from './check.js';
import { placesOf, type Place } from './json-places.js';

/** Versions that can be published. Meta: changelog of Flow JSON. */
const VERSIONS = ['4.0', '5.0', '5.1', '6.0', '6.1', '6.2', '6.3', '7.0', '7.1', '7.2', '7.3'];
const TOP_KEYS = ['version', 'screens', 'data_api_version', 'routing_model', 'data_channel_uri'];
const SCREEN_KEYS = ['id', 'title', 'terminal', 'success', 'data', 'layout', 'refresh_on_back', 'sensitive'];

/** What components must have, by type. Meta: components page. */
const REQUIRED: Record<string, readonly string[]> = {
  TextHeading: ['text'],
  TextSubheading: ['text'],
  TextBody: ['text'],
  TextCaption: ['text'],
  RichText: ['text'],
  TextInput: ['label', 'name'],
  TextArea: ['label', 'name'],
  CheckboxGroup: ['name', 'data-source'],
  RadioButtonsGroup: ['name', 'data-source'],
  ChipsSelector: ['name', 'data-source', 'label'],
  Dropdown: ['label', 'name', 'data-source'],
  DatePicker: ['label', 'name'],
  CalendarPicker: ['label', 'name'],
  OptIn: ['label', 'name'],
  EmbeddedLink: ['text', 'on-click-action'],
  Image: ['src'],
  ImageCarousel: ['images'],
  NavigationList: ['name', 'list-items'],
  PhotoPicker: ['name', 'label'],
  DocumentPicker: ['name', 'label'],
  Footer: ['label', 'on-click-action'],
  Form: ['name', 'children'],
  If: ['condition', 'then'],
  Switch: ['value', 'cases'],
};
/** All that any of them may have. */
const KEYS = new Set(
  (
    'type text name label children visible enabled required label-variant input-type min-chars max-chars helper-text ' +
    'pattern init-value init-values error-message error-messages data-source min-selected-items max-selected-items ' +
    'description on-select-action on-unselect-action on-click-action on-change-action max-length min-date max-date ' +
    'unavailable-dates mode title include-days min-days max-days src width height scale-type aspect-ratio alt-text ' +
    'images font-weight strikethrough markdown left-caption center-caption right-caption list-items media-size ' +
    'photo-source min-uploaded-photos max-uploaded-photos max-file-size-kb min-uploaded-documents max-uploaded-documents ' +
    'allowed-mime-types condition then else value cases sticky'
  ).split(' '),
);
const INPUTS = new Set(
  'TextInput TextArea CheckboxGroup RadioButtonsGroup ChipsSelector Dropdown DatePicker CalendarPicker OptIn PhotoPicker DocumentPicker'.split(
    ' ',
  ),
);

/** Faults of one file. */
class Faults {
  readonly found: Json[] = [];

  constructor(private readonly places: Map<string, Place>) {}

  add(error: string, type: 'JSON_SCHEMA_ERROR' | 'FLOW_JSON_ERROR', message: string, path: string): void {
    const { line, columnStart, columnEnd } = this.placeOf(path);
    const at = { line_start: line, line_end: line, column_start: columnStart, column_end: columnEnd };
    this.found.push({ error, error_type: type, message, ...at, pointers: [{ ...at, path: path.slice(1) }] });
  }

  /** That of the nearest thing that is there. */
  private placeOf(path: string): Place {
    for (let at = path; at !== ''; at = at.replace(/(\.[^.[\]]+|\[\d+\])$/, '')) {
      const place = this.places.get(at);
      if (place !== undefined) {
        return place;
      }
    }
    return { line: 1, columnStart: 1, columnEnd: 1 };
  }
}

/** What Meta finds wrong with a flow.json, in its own shape. Meta: error codes page, static validation errors. */
export function validateFlowJson(text: string): Json[] {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    const faults = new Faults(new Map());
    faults.add('INVALID_FLOW_JSON', 'FLOW_JSON_ERROR', 'Flow JSON is not valid', '');
    return faults.found;
  }
  const faults = new Faults(placesOf(text));
  if (!isJson(root)) {
    faults.add('INVALID_PROPERTY_TYPE', 'JSON_SCHEMA_ERROR', 'Expected $root to be object', '');
    return faults.found;
  }
  checkKeys(faults, root, TOP_KEYS, '', '$root');
  checkVersion(faults, root.version);
  const { screens } = root;
  if (!Array.isArray(screens)) {
    faults.add(
      'MISSING_REQUIRED_TYPE_PROPERTY',
      'JSON_SCHEMA_ERROR',
      "Required property 'screens' is missing",
      '.screens',
    );
    return faults.found;
  }
  if (screens.length === 0) {
    faults.add('MIN_ITEMS_REQUIRED', 'JSON_SCHEMA_ERROR', "Property 'screens' should have at least 1 item", '.screens');
    return faults.found;
  }
  const ids = screens.map((screen: unknown) => (isJson(screen) ? String(screen.id ?? '') : ''));
  screens.forEach((screen: unknown, index) => checkScreen(faults, screen, index, ids));
  if (!screens.some((screen: unknown) => isJson(screen) && screen.terminal === true)) {
    faults.add(
      'INVALID_FLOW_JSON',
      'FLOW_JSON_ERROR',
      'The flow should have at least one terminal screen.',
      '.screens',
    );
  }
  return faults.found;
}

/** Whether its endpoint is asked for data. */
export function asksEndpoint(text: string): boolean {
  try {
    const root: unknown = JSON.parse(text);
    return isJson(root) && root.data_api_version !== undefined;
  } catch {
    return false;
  }
}

/** The version it says, for `json_version`. */
export function versionOf(text: string): string | undefined {
  try {
    const root: unknown = JSON.parse(text);
    return isJson(root) && typeof root.version === 'string' ? root.version : undefined;
  } catch {
    return undefined;
  }
}

function checkVersion(faults: Faults, version: unknown): void {
  if (version === undefined) {
    faults.add('MISSING_FLOW_JSON_VERSION', 'FLOW_JSON_ERROR', 'Flow JSON version is not specified', '.version');
  } else if (typeof version !== 'string' || !/^\d+\.\d+$/.test(version)) {
    faults.add('INVALID_FLOW_JSON_VERSION', 'FLOW_JSON_ERROR', 'Invalid Flow JSON version', '.version');
  } else if (!VERSIONS.includes(version)) {
    faults.add('UNSUPPORTED_FLOW_JSON_VERSION', 'FLOW_JSON_ERROR', 'Unsupported Flow JSON version', '.version');
  }
}

function checkScreen(faults: Faults, screen: unknown, index: number, ids: readonly string[]): void {
  const path = `.screens[${index}]`;
  if (!isJson(screen)) {
    faults.add('INVALID_PROPERTY_TYPE', 'JSON_SCHEMA_ERROR', `Expected $root/screens/${index} to be object`, path);
    return;
  }
  checkKeys(faults, screen, SCREEN_KEYS, path, `$root/screens/${index}`);
  const { id, layout, terminal } = screen;
  if (typeof id !== 'string' || !/^[A-Za-z_]+$/.test(id)) {
    faults.add('PATTERN_MISMATCH', 'JSON_SCHEMA_ERROR', 'Screen ids have letters and underscores only', `${path}.id`);
  } else if (ids.indexOf(id) !== index) {
    faults.add('INVALID_PROPERTY_VALUE', 'FLOW_JSON_ERROR', "Invalid value found for property 'id'.", `${path}.id`);
  }
  if (!isJson(layout)) {
    faults.add('MISSING_REQUIRED_TYPE_PROPERTY', 'JSON_SCHEMA_ERROR', "Required property 'layout' is missing", path);
    return;
  }
  if (layout.type !== 'SingleColumnLayout') {
    faults.add(
      'INVALID_PROPERTY_VALUE',
      'FLOW_JSON_ERROR',
      "Invalid value found for property 'type'.",
      `${path}.layout.type`,
    );
  }
  const components = componentsIn(layout.children, `${path}.layout.children`);
  const inputs = new Set(components.filter(({ item }) => INPUTS.has(String(item.type))).map(({ item }) => item.name));
  const place = { isTerminal: terminal === true, ids, own: String(id), inputs };
  components.forEach(({ item, at }) => checkComponent(faults, item, at, place));
  if (terminal === true && !components.some(({ item }) => item.type === 'Footer')) {
    faults.add('MISSING_REQUIRED_TYPE_PROPERTY', 'FLOW_JSON_ERROR', 'A terminal screen should have a Footer', path);
  }
}

interface OnScreen {
  isTerminal: boolean;
  ids: readonly string[];
  own: string;
  inputs: ReadonlySet<unknown>;
}

function checkComponent(faults: Faults, item: Json, at: string, screen: OnScreen): void {
  const type = typeof item.type === 'string' ? item.type : '';
  const required = Object.hasOwn(REQUIRED, type) ? REQUIRED[type] : undefined;
  if (required === undefined) {
    faults.add('INVALID_PROPERTY_VALUE', 'FLOW_JSON_ERROR', "Invalid value found for property 'type'.", `${at}.type`);
    return;
  }
  const pointer = `$root${at.replace(/\[(\d+)\]/g, '/$1').replaceAll('.', '/')}`;
  checkKeys(faults, item, [...KEYS], at, pointer);
  for (const key of required.filter((name) => item[name] === undefined)) {
    faults.add('MISSING_REQUIRED_TYPE_PROPERTY', 'JSON_SCHEMA_ERROR', `Required property '${key}' is missing`, at);
  }
  const action = item['on-click-action'];
  if (isJson(action)) {
    checkAction(faults, action, `${at}.on-click-action`, screen);
  }
}

function checkAction(faults: Faults, action: Json, at: string, { isTerminal, ids, own, inputs }: OnScreen): void {
  if (!['navigate', 'complete', 'data_exchange', 'open_url', 'update_data'].includes(String(action.name))) {
    faults.add(
      'INVALID_ENUM_VALUE',
      'JSON_SCHEMA_ERROR',
      'Value should be one of: [navigate, complete, …]',
      `${at}.name`,
    );
  }
  if (action.name === 'complete' && !isTerminal) {
    faults.add(
      'INVALID_COMPLETE_ACTION',
      'FLOW_JSON_ERROR',
      'complete is allowed on terminal screens only',
      `${at}.name`,
    );
  }
  if (action.name === 'navigate') {
    const next = isJson(action.next) ? String(action.next.name) : '';
    if (!ids.includes(next) || next === own) {
      faults.add(
        'INVALID_NAVIGATE_ACTION_NEXT_SCREEN_NAME',
        'FLOW_JSON_ERROR',
        next === own ? 'A screen cannot navigate to itself' : `Unknown screen id: ${next.slice(0, 60)}`,
        `${at}.next`,
      );
    }
  }
  for (const [key, value] of Object.entries(isJson(action.payload) ? action.payload : {})) {
    const name = /^\$\{form\.([^}]+)\}$/.exec(String(value))?.[1];
    if (name !== undefined && !inputs.has(name)) {
      faults.add(
        'INVALID_ON_CLICK_ACTION_PAYLOAD',
        'FLOW_JSON_ERROR',
        `Missing Form component \${form.${name}} for ${key}`,
        `${at}.payload`,
      );
    }
  }
}

/** All components below, however deep. */
function componentsIn(children: unknown, path: string): { item: Json; at: string }[] {
  if (!Array.isArray(children)) {
    return [];
  }
  return children.flatMap((item: unknown, index) => {
    const at = `${path}[${index}]`;
    if (!isJson(item)) {
      return [];
    }
    const inner = ['children', 'then', 'else'].flatMap((key) => componentsIn(item[key], `${at}.${key}`));
    return [{ item, at }, ...inner];
  });
}

function checkKeys(faults: Faults, object: Json, keys: readonly string[], path: string, pointer: string): void {
  for (const key of Object.keys(object).filter((name) => !keys.includes(name))) {
    faults.add(
      'INVALID_PROPERTY',
      'JSON_SCHEMA_ERROR',
      `The property "${key.slice(0, 60)}" cannot be specified at "${pointer}".`,
      `${path}.${key}`,
    );
  }
}
