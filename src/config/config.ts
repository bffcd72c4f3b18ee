import { Secret, Keyring } from '../common/secret.js';
import type { Env } from './env.js';
import { readEnv } from './env.js';

/** What servers other than Amazon's are content with. */
const DEFAULT_REGION = 'us-east-1';

/** The environment as the code uses it: typed, grouped, with fallbacks resolved. Injected by its class. */
export class Config {
  readonly isProduction: boolean;
  readonly logLevel: string;
  readonly http: {
    port: number;
    host: string;
    /** Without slashes at the ends, such as `whatsapp`. */
    urlPrefix: string;
    publicBaseUrl: string | null;
    corsOrigins: string[];
    trustProxy: string | number | null;
    allowApiKeyInQuery: boolean;
    rateLimitPerKey: number;
    keyGuessesPerMinute: number;
  };
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** The npm stand-in for Redis lacks one command that Bull uses; set by `npm start` only. */
  readonly redisIsStandIn: boolean;
  readonly graph: { baseUrl: string; version: string };
  readonly keyring: Keyring;
  readonly bootstrapApiKey: Secret | null;
  /** Single-account mode: present when both token and phone number id are set. */
  readonly environmentAccount: { accessToken: Secret; phoneNumberId: string; wabaId: string | null } | null;
  readonly webhook: {
    verifyToken: Secret | null;
    appSecret: Secret | null;
    allowUnsigned: boolean;
    /** The log shows bodies without what people write. */
    redactsText: boolean;
  };
  /** Days; 0: for ever. */
  readonly retention: { webhookLogs: number; events: number; deliveries: number; audit: number };
  /** Null: the worker listens nowhere. */
  readonly workerPort: number | null;
  /** Where files are kept: the folder, or the bucket when there is one. */
  readonly media: {
    dir: string;
    s3: {
      /** Null: Amazon's own. */
      endpoint: string | null;
      bucket: string;
      region: string;
      /** Null: found by the SDK, as on Amazon's machines. */
      credentials: { accessKeyId: string; secretAccessKey: Secret } | null;
    } | null;
  };
  /** Where audiences beyond contacts and files come from. */
  readonly audiences: {
    /** Path of the module of named audiences. */
    module: string | null;
    /** Path of a module, or an address, that is asked first. */
    resolver: string | null;
    resolverSecret: Secret | null;
  };
  /** Path of the module that answers the data exchange of flows. */
  readonly flowHandlersModule: string | null;
  /** What others tell us to call may be http, on any port, and in private networks. */
  readonly allowPrivateTargets: boolean;
  /** ISO country code for numbers written without `+`, or null. */
  readonly defaultCountry: string | null;
  /** Words that opt in and out in place of the built-in ones; null: those. */
  readonly consent: { optOut: string[] | null; optIn: string[] | null };
  readonly simulatorPort: number;

  constructor(env: Env, source: NodeJS.ProcessEnv = {}) {
    this.isProduction = env.NODE_ENV === 'production';
    this.logLevel = env.LOG_LEVEL;
    this.http = {
      port: env.PORT,
      host: env.HOST,
      urlPrefix: env.URL_PREFIX,
      publicBaseUrl: env.PUBLIC_BASE_URL?.replace(/\/+$/, '') ?? null,
      corsOrigins: list(env.CORS_ORIGINS),
      trustProxy:
        env.TRUST_PROXY === undefined
          ? null
          : /^\d+$/.test(env.TRUST_PROXY)
            ? Number(env.TRUST_PROXY)
            : env.TRUST_PROXY,
      allowApiKeyInQuery: env.ALLOW_API_KEY_IN_QUERY ?? !this.isProduction,
      rateLimitPerKey: env.RATE_LIMIT_PER_KEY,
      keyGuessesPerMinute: env.KEY_GUESSES_PER_MINUTE,
    };
    this.databaseUrl = env.DATABASE_URL;
    this.redisUrl = env.REDIS_URL;
    this.redisIsStandIn = source.REDIS_STAND_IN === '1' && !this.isProduction;
    this.graph = { baseUrl: env.GRAPH_API_BASE_URL.replace(/\/+$/, ''), version: env.GRAPH_API_VERSION };
    this.keyring = new Keyring(env.ENCRYPTION_KEYS);
    this.bootstrapApiKey = secret(env.BOOTSTRAP_API_KEY);
    const accessToken = secret(env.WHATSAPP_ACCESS_TOKEN ?? env.META_WA_ACCESS_TOKEN);
    const phoneNumberId = env.WHATSAPP_PHONE_NUMBER_ID ?? env.META_WA_PHONE_NUMBER_ID;
    const wabaId = env.WHATSAPP_WABA_ID ?? env.META_WABA_ID ?? null;
    this.environmentAccount = accessToken && phoneNumberId ? { accessToken, phoneNumberId, wabaId } : null;
    this.webhook = {
      verifyToken: secret(env.WHATSAPP_VERIFY_TOKEN ?? env.META_WA_VERIFY_TOKEN),
      appSecret: secret(env.WHATSAPP_APP_SECRET),
      allowUnsigned: env.ALLOW_UNSIGNED_WEBHOOKS,
      redactsText: env.WEBHOOK_LOG_REDACT_TEXT,
    };
    this.retention = {
      webhookLogs: env.RETENTION_WEBHOOK_LOG_DAYS,
      events: env.RETENTION_EVENTS_DAYS,
      deliveries: env.RETENTION_DELIVERIES_DAYS,
      audit: env.RETENTION_AUDIT_DAYS,
    };
    this.workerPort = env.WORKER_PORT ?? null;
    this.media = { dir: env.MEDIA_DIR, s3: s3Of(env) };
    this.audiences = {
      module: env.AUDIENCES_MODULE ?? null,
      resolver: env.CAMPAIGN_RESOLVER ?? null,
      resolverSecret: secret(env.CAMPAIGN_RESOLVER_SECRET),
    };
    this.flowHandlersModule = env.FLOW_HANDLERS_MODULE ?? null;
    this.allowPrivateTargets = env.ALLOW_PRIVATE_NETWORK_TARGETS;
    this.defaultCountry = env.DEFAULT_COUNTRY === 'none' ? null : env.DEFAULT_COUNTRY;
    this.consent = {
      optOut: env.OPT_OUT_KEYWORDS === undefined ? null : list(env.OPT_OUT_KEYWORDS),
      optIn: env.OPT_IN_KEYWORDS === undefined ? null : list(env.OPT_IN_KEYWORDS),
    };
    this.simulatorPort = env.SIMULATOR_PORT;
  }

  static fromEnvironment(source: NodeJS.ProcessEnv = process.env): Config {
    return new Config(readEnv(source), source);
  }

  /** `http://localhost:3000/whatsapp/webhook/`: what to paste at Meta. */
  get callbackUrl(): string {
    const base = this.http.publicBaseUrl ?? `http://localhost:${this.http.port}`;
    return `${base}/${this.http.urlPrefix}/webhook/`;
  }
}

function s3Of(env: Env): Config['media']['s3'] {
  if (env.S3_BUCKET === undefined) {
    return null;
  }
  const secretAccessKey = secret(env.S3_SECRET_ACCESS_KEY);
  return {
    endpoint: env.S3_ENDPOINT ?? null,
    bucket: env.S3_BUCKET,
    region: env.S3_REGION ?? DEFAULT_REGION,
    credentials:
      env.S3_ACCESS_KEY_ID !== undefined && secretAccessKey
        ? { accessKeyId: env.S3_ACCESS_KEY_ID, secretAccessKey }
        : null,
  };
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function secret(value: string | undefined): Secret | null {
  return value === undefined ? null : new Secret(value);
}
