/** A span of time, relative to the moment it was configured, in which every send is refused with `code`. */
export interface ErrorWindow {
  code: number;
  from_ms: number;
  to_ms: number;
}

/** What one number does differently. */
export interface NumberOverrides {
  messages_per_second?: number;
}

/** How the webhooks leave. */
export interface WebhookSettings {
  enabled: boolean;
  sent_ms: number;
  delivered_ms: number;
  read_ms: number;
  jitter_ms: number;
  delivered_ratio: number;
  read_ratio: number;
  batch_max: number;
  tick_ms: number;
  concurrency: number;
  order: 'realistic' | 'hostile';
  duplicate_ratio: number;
  delay_ms: number;
  echo_callback_data: boolean;
  timeout_ms: number;
  retry_first_ms: number;
  retry_max_ms: number;
  max_queued_updates: number;
}

/** What goes wrong, as shares of the sends that passed everything else. */
export interface FaultSettings {
  swallow_ratio: number;
  swallow_silent_ratio: number;
  http_500_ratio: number;
  http_502_html_ratio: number;
  http_502_accepted_ratio: number;
  reset_before_ratio: number;
  hang_ratio: number;
  hang_ms: number;
  garbage_200_ratio: number;
  error_windows: ErrorWindow[];
}

/** What goes wrong with files. */
export interface MediaSettings {
  /** The next so many downloads answer 503. */
  fail_downloads: number;
  /** The next so many downloads answer 404. */
  not_found_downloads: number;
  wrong_sha256: boolean;
  /** Host, host and port, or origin that media URLs point to; empty for this simulator. */
  url_host: string;
  redirect_to: string;
  trickle_bytes_per_s: number;
  expire_ids: boolean;
  url_ttl_s: number;
  unknown_id_code: number;
  /** The next so many parts of resumable uploads break off half way. */
  break_uploads: number;
}

/** What the review makes of templates, and what goes wrong on the way to it. */
export interface TemplateSettings {
  /** What becomes of a template after `template_approval_ms`: a status; PENDING leaves it undecided. */
  verdict: 'APPROVED' | 'REJECTED' | 'PENDING';
  rejected_reason: string;
  /** Into which category templates are put whatever they ask for; empty: the one asked for. */
  category: string;
  /** The next so many creations, edits and deletions are done, and their answers get lost. */
  lose_answers: number;
  /** The next so many are not done, and nobody hears of it. */
  lose_requests: number;
  /** Meta: an approved template may be edited once in 24 hours. */
  limit_edits: boolean;
  /** Meta: the name of a deleted approved template cannot be used for 30 days. */
  block_deleted_names: boolean;
  /** The next so many lists refuse their cursor. */
  bad_cursors: number;
}

/** How blocking people goes. */
export interface BlockingSettings {
  /** Meta: 64,000 per number. */
  max_entries: number;
  /** Meta's reference lists people flat, its guide nests them. */
  list_form: 'flat' | 'nested';
  /** The guide's list gives cursors without `paging.next`. */
  omit_next: boolean;
  /** The code that every call to block or unblock is refused with; 0: none. */
  refuse_with: number;
  /** The next so many calls are done, and their answers get lost. */
  lose_answers: number;
  /** The next so many pages after a first one are refused, as if the list had changed. */
  concurrent_updates: number;
}

/** What goes wrong with signups. */
export interface SignupSettings {
  /** False: the business may not have any (2494165). */
  available: boolean;
  /** The next so many creations and changes are refused … */
  refuse_next: number;
  /** … with this code. */
  refuse_code: number;
  /** Where in an error the code of a signup stands. */
  codes: 'code' | 'subcode';
  /** The next so many are done, and their answers get lost. */
  lose_answers: number;
  /** The next so many are not done, and nobody hears of it. */
  lose_requests: number;
  /** The next so many creations are answered without the id. */
  omit_ids: number;
  /** The next so many lists refuse their cursor. */
  bad_cursors: number;
}

/** What goes wrong on the way to flows. */
export interface FlowSettings {
  /** The next so many changes are done, and their answers get lost. */
  lose_answers: number;
  /** The next so many are not done, and nobody hears of it. */
  lose_requests: number;
  /** The code every change is refused with; 0: none. */
  refuse_with: number;
}

/** Every switch of the simulator, as `GET /__simulate/config` shows it. */
export interface SimulatorConfig {
  callback_url: string;
  app_secret: string;
  seed: number;
  auto_register: boolean;
  default_country_code: string;
  latency_ms: number;
  latency_jitter_ms: number;
  messages_per_second: number;
  rate_limit_http: number;
  pair_rate: boolean;
  bsuid: 'off' | 'with_phone' | 'only';
  unknown_user_id_code: number;
  enforce_window: boolean;
  window_refusal: 'status' | 'answer';
  check_message_ids: boolean;
  check_media_ids: boolean;
  /** Sends of flows that are not there are refused. */
  check_flow_ids: boolean;
  block_us_marketing: boolean;
  template_approval_ms: number;
  numbers: Record<string, NumberOverrides>;
  webhooks: WebhookSettings;
  faults: FaultSettings;
  media: MediaSettings;
  templates: TemplateSettings;
  flows: FlowSettings;
  signups: SignupSettings;
  blocking: BlockingSettings;
}

/** Settings that are one of a few words. */
const WORDS: Record<string, readonly string[]> = {
  bsuid: ['off', 'with_phone', 'only'],
  window_refusal: ['status', 'answer'],
  'webhooks.order': ['realistic', 'hostile'],
  'blocking.list_form': ['flat', 'nested'],
  'templates.verdict': ['APPROVED', 'REJECTED', 'PENDING'],
  'signups.codes': ['code', 'subcode'],
  'templates.category': ['', 'AUTHENTICATION', 'MARKETING', 'UTILITY'],
};

/** Stands for a secret that is set; given back unchanged it keeps the secret. */
const HIDDEN_SECRET = '(set)';

export function defaultConfig(): SimulatorConfig {
  return {
    callback_url: '',
    app_secret: '',
    seed: 1,
    auto_register: true,
    default_country_code: '91',
    latency_ms: 0,
    latency_jitter_ms: 0,
    messages_per_second: 1000,
    rate_limit_http: 400,
    pair_rate: false,
    bsuid: 'with_phone',
    unknown_user_id_code: 131026,
    enforce_window: false,
    window_refusal: 'status',
    check_message_ids: true,
    check_media_ids: true,
    check_flow_ids: true,
    block_us_marketing: false,
    template_approval_ms: 1000,
    numbers: {},
    webhooks: {
      enabled: true,
      sent_ms: 100,
      delivered_ms: 300,
      read_ms: 800,
      jitter_ms: 50,
      delivered_ratio: 1,
      read_ratio: 0.6,
      batch_max: 25,
      tick_ms: 20,
      concurrency: 8,
      order: 'realistic',
      duplicate_ratio: 0,
      delay_ms: 0,
      echo_callback_data: true,
      timeout_ms: 10_000,
      retry_first_ms: 500,
      retry_max_ms: 600_000,
      max_queued_updates: 2_000_000,
    },
    faults: {
      swallow_ratio: 0,
      swallow_silent_ratio: 0,
      http_500_ratio: 0,
      http_502_html_ratio: 0,
      http_502_accepted_ratio: 0,
      reset_before_ratio: 0,
      hang_ratio: 0,
      hang_ms: 60_000,
      garbage_200_ratio: 0,
      error_windows: [],
    },
    media: {
      fail_downloads: 0,
      not_found_downloads: 0,
      wrong_sha256: false,
      url_host: '',
      redirect_to: '',
      trickle_bytes_per_s: 0,
      expire_ids: false,
      url_ttl_s: 300,
      unknown_id_code: 100,
      break_uploads: 0,
    },
    flows: { lose_answers: 0, lose_requests: 0, refuse_with: 0 },
    templates: {
      verdict: 'APPROVED',
      rejected_reason: 'INVALID_FORMAT',
      category: '',
      lose_answers: 0,
      lose_requests: 0,
      limit_edits: false,
      block_deleted_names: false,
      bad_cursors: 0,
    },
    signups: {
      available: true,
      refuse_next: 0,
      refuse_code: 2494165,
      codes: 'code',
      lose_answers: 0,
      lose_requests: 0,
      omit_ids: 0,
      bad_cursors: 0,
    },
    blocking: {
      max_entries: 64_000,
      list_form: 'flat',
      omit_next: false,
      refuse_with: 0,
      lose_answers: 0,
      concurrent_updates: 0,
    },
  };
}

type Group = Record<string, unknown>;

/** Whether an unknown value is an object with named keys. */
export function isGroup(value: unknown): value is Group {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Lays `patch` over `config`. Nothing changes when anything in it is wrong; the answer names each fault. */
export function mergeConfig(config: SimulatorConfig, patch: unknown): string[] {
  if (!isGroup(patch)) {
    return ['the body must be a JSON object'];
  }
  const given = patch.app_secret === HIDDEN_SECRET ? { ...patch, app_secret: config.app_secret } : patch;
  const problems = problemsIn(given, config as unknown as Group, '');
  if (problems.length === 0) {
    apply(given, config as unknown as Group);
  }
  return problems;
}

/** The configuration without its secret. */
export function visibleConfig(config: SimulatorConfig): SimulatorConfig {
  return { ...config, app_secret: config.app_secret === '' ? '' : HIDDEN_SECRET };
}

function problemsIn(patch: Group, shape: Group, prefix: string): string[] {
  return Object.entries(patch).flatMap(([key, value]) => {
    const path = prefix + key;
    if (!Object.hasOwn(shape, key)) {
      return [`unknown key ${path}`];
    }
    if (path === 'numbers') {
      return numberProblems(value);
    }
    if (key === 'error_windows') {
      return windowProblems(value, path);
    }
    const known = shape[key];
    if (isGroup(known)) {
      return isGroup(value) ? problemsIn(value, known, `${path}.`) : [`${path} must be an object`];
    }
    return valueProblems(path, value, known);
  });
}

function valueProblems(path: string, value: unknown, known: unknown): string[] {
  if (typeof value !== typeof known) {
    return [`${path} must be a ${typeof known}`];
  }
  if (typeof value === 'number' && !(Number.isFinite(value) && value >= 0)) {
    return [`${path} must be a number not below 0`];
  }
  if (path.endsWith('_ratio') && (value as number) > 1) {
    return [`${path} must lie between 0 and 1`];
  }
  if (/(batch_max|tick_ms|concurrency|max_queued_updates)$/.test(path) && (value as number) < 1) {
    return [`${path} must be at least 1`];
  }
  const words = WORDS[path];
  if (words !== undefined && !words.includes(value as string)) {
    return [`${path} must be ${words.map((word) => `"${word}"`).join(' or ')}`];
  }
  if (path === 'rate_limit_http' && value !== 400 && value !== 429) {
    return [`${path} must be 400 or 429`];
  }
  if (path === 'default_country_code' && !/^[1-9]\d{0,2}$/.test(value as string)) {
    return [`${path} must be a country calling code`];
  }
  if (/^(callback_url|media\.redirect_to)$/.test(path) && value !== '' && !/^https?:\/\/./.test(value as string)) {
    return [`${path} must be an http or https URL`];
  }
  if (path === 'media.url_host' && value !== '' && !/^(https?:\/\/)?[^/\s]+$/.test(value as string)) {
    return [`${path} must be a host or an origin`];
  }
  return [];
}

function numberProblems(value: unknown): string[] {
  if (!isGroup(value)) {
    return ['numbers must be an object of phone number ids'];
  }
  return Object.entries(value).flatMap(([id, overrides]) => {
    if (!/^\d+$/.test(id)) {
      return [`numbers.${id} is not a phone number id`];
    }
    return isGroup(overrides)
      ? problemsIn(overrides, { messages_per_second: 0 }, `numbers.${id}.`)
      : [`numbers.${id} must be an object`];
  });
}

function windowProblems(value: unknown, path: string): string[] {
  if (!Array.isArray(value)) {
    return [`${path} must be a list`];
  }
  return value.flatMap((window: unknown, index) => {
    const at = `${path}[${index}]`;
    if (!isGroup(window)) {
      return [`${at} must be an object`];
    }
    const shape = { code: 0, from_ms: 0, to_ms: 0 };
    const absent = Object.keys(shape).filter((key) => !Object.hasOwn(window, key));
    return [...absent.map((key) => `${at}.${key} is missing`), ...problemsIn(window, shape, `${at}.`)];
  });
}

function apply(patch: Group, target: Group): void {
  for (const [key, value] of Object.entries(patch)) {
    const known = target[key];
    if (isGroup(value) && isGroup(known)) {
      apply(value, known);
    } else {
      target[key] = value;
    }
  }
}
