import { plainToInstance, Transform } from 'class-transformer';
import {
  getMetadataStorage,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUrl,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  validateSync,
} from 'class-validator';

const isSet = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

/** An unset or empty variable takes the property's default; a number that is none stays text and fails its check. */
function ToNumber(): PropertyDecorator {
  return Transform(({ value }) => (isSet(value) ? Number(value) : value));
}

function ToBoolean(): PropertyDecorator {
  return Transform(({ value }) =>
    value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value,
  );
}

/**
 * Every environment variable, once: its rule, its default and, in the comment, what it is for.
 * `.env.example` lists the same names in the same order (a contract test compares them).
 */
export class Env {
  /** `production` refuses unsafe settings. */
  @IsIn(['development', 'test', 'production'])
  NODE_ENV = 'development';

  /** Port of the API. */
  @ToNumber()
  @IsInt()
  @Min(0)
  @Max(65535)
  PORT = 3000;

  /** Address the API listens on. */
  @IsString()
  HOST = '0.0.0.0';

  /** PostgreSQL, for example postgres://user:password@host:5432/parley. */
  @Matches(/^postgres(ql)?:\/\//, { message: 'DATABASE_URL must begin with postgres://' })
  DATABASE_URL: string;

  /** Redis or Valkey with maxmemory-policy noeviction, for example redis://host:6379. */
  @Matches(/^rediss?:\/\//, { message: 'REDIS_URL must begin with redis://' })
  REDIS_URL: string;

  /** First part of every path: /{URL_PREFIX}/api and /{URL_PREFIX}/webhook. */
  @Matches(/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/, {
    message: 'URL_PREFIX must be a path without leading or trailing slash',
  })
  URL_PREFIX = 'whatsapp';

  /** Where the API is reached from outside; what to paste at Meta is built from it. */
  @IsOptional()
  @IsUrl({ require_tld: false, require_protocol: true, protocols: ['http', 'https'] })
  PUBLIC_BASE_URL?: string;

  /** Meta's Graph API, or the simulator. */
  @IsUrl({ require_tld: false, require_protocol: true, protocols: ['http', 'https'] })
  GRAPH_API_BASE_URL = 'https://graph.facebook.com';

  /** Version of the Graph API. */
  @Matches(/^v\d+\.\d+$/, { message: 'GRAPH_API_VERSION must look like v23.0' })
  GRAPH_API_VERSION = 'v23.0';

  /** Keys for secrets at rest: id:base64 of 32 bytes, several separated by commas, newest first. */
  @Matches(/^[^:,]+:[A-Za-z0-9+/]{43}=(,[^:,]+:[A-Za-z0-9+/]{43}=)*$/, {
    message: 'ENCRYPTION_KEYS must be id:base64 of 32 bytes (make one: openssl rand -base64 32)',
  })
  ENCRYPTION_KEYS: string;

  /** Creates or keeps an active API key with all scopes and this value. */
  @IsOptional()
  @IsString()
  @MinLength(16)
  @MaxLength(200)
  BOOTSTRAP_API_KEY?: string;

  /** Single-account mode: access token (else META_WA_ACCESS_TOKEN). */
  @IsOptional()
  @IsString()
  WHATSAPP_ACCESS_TOKEN?: string;

  /** Read when WHATSAPP_ACCESS_TOKEN is not set. */
  @IsOptional()
  @IsString()
  META_WA_ACCESS_TOKEN?: string;

  /** Single-account mode: phone number id (else META_WA_PHONE_NUMBER_ID). */
  @IsOptional()
  @IsString()
  WHATSAPP_PHONE_NUMBER_ID?: string;

  /** Read when WHATSAPP_PHONE_NUMBER_ID is not set. */
  @IsOptional()
  @IsString()
  META_WA_PHONE_NUMBER_ID?: string;

  /** Single-account mode: WhatsApp Business Account id (else META_WABA_ID). */
  @IsOptional()
  @IsString()
  WHATSAPP_WABA_ID?: string;

  /** Read when WHATSAPP_WABA_ID is not set. */
  @IsOptional()
  @IsString()
  META_WABA_ID?: string;

  /** Verify token that is accepted beside those of the accounts (else META_WA_VERIFY_TOKEN); there is no default. */
  @IsOptional()
  @IsString()
  WHATSAPP_VERIFY_TOKEN?: string;

  /** Read when WHATSAPP_VERIFY_TOKEN is not set. */
  @IsOptional()
  @IsString()
  META_WA_VERIFY_TOKEN?: string;

  /** Secret of the Meta app, for accounts that have none of their own; checks the signature of webhooks. */
  @IsOptional()
  @IsString()
  WHATSAPP_APP_SECRET?: string;

  /** Country of phone numbers written without + (ISO code), or none. IN: ten bare digits are Indian. */
  @Matches(/^([A-Z]{2}|none)$/, { message: 'DEFAULT_COUNTRY must be an ISO code such as IN, or none' })
  DEFAULT_COUNTRY = 'IN';

  /** Accepts the API key as ?api_key= too. Unset: yes, except in production. */
  @IsOptional()
  @ToBoolean()
  @IsBoolean()
  ALLOW_API_KEY_IN_QUERY?: boolean;

  /** Lets webhook endpoints and audiences use http, any port, loopback and private networks. */
  @ToBoolean()
  @IsBoolean()
  ALLOW_PRIVATE_NETWORK_TARGETS = false;

  /** Accepts webhooks without a signature; refused in production. */
  @ToBoolean()
  @IsBoolean()
  ALLOW_UNSIGNED_WEBHOOKS = false;

  /** Where media is kept, unless S3_BUCKET is set. */
  @IsString()
  MEDIA_DIR = '.data/media';

  /** S3-speaking server for media. */
  @IsOptional()
  @IsUrl({ require_tld: false, require_protocol: true, protocols: ['http', 'https'] })
  S3_ENDPOINT?: string;

  /** Bucket for media; when set, media is kept there. */
  @IsOptional()
  @IsString()
  S3_BUCKET?: string;

  /** Region of the bucket. */
  @IsOptional()
  @IsString()
  S3_REGION?: string;

  /** Access key of the bucket. */
  @IsOptional()
  @IsString()
  S3_ACCESS_KEY_ID?: string;

  /** Secret key of the bucket. */
  @IsOptional()
  @IsString()
  S3_SECRET_ACCESS_KEY?: string;

  /** Path of a JavaScript module whose export `audiences` has the named audiences. */
  @IsOptional()
  @IsString()
  AUDIENCES_MODULE?: string;

  /** Path of a JavaScript module (its default export), or HTTPS address, that is asked first for every campaign's audience. */
  @IsOptional()
  @IsString()
  CAMPAIGN_RESOLVER?: string;

  /** Signs what the address in CAMPAIGN_RESOLVER is asked (Standard Webhooks): whsec_ and base64 of 24 bytes or more. */
  @IsOptional()
  @Matches(/^(whsec_)?[A-Za-z0-9+/]{32,}={0,2}$/, {
    message: 'CAMPAIGN_RESOLVER_SECRET must be whsec_ and base64 of 24 bytes or more',
  })
  CAMPAIGN_RESOLVER_SECRET?: string;

  /** Path of a JavaScript module whose export `handlers` answers the data exchange of flows, by the name of the flow. */
  @IsOptional()
  @IsString()
  FLOW_HANDLERS_MODULE?: string;

  /** Words that opt a customer out, separated by commas; unset: a built-in list in several languages. */
  @IsOptional()
  @IsString()
  OPT_OUT_KEYWORDS?: string;

  /** Words that opt a customer in again, separated by commas; unset: a built-in list. */
  @IsOptional()
  @IsString()
  OPT_IN_KEYWORDS?: string;

  /** Origins that browsers may call from, separated by commas, or *. */
  @IsOptional()
  @IsString()
  CORS_ORIGINS?: string;

  /** Addresses or count of proxies whose X-Forwarded-* are believed. */
  @IsOptional()
  @IsString()
  TRUST_PROXY?: string;

  /** Requests per second for one API key; 0 turns the limit off. */
  @ToNumber()
  @IsInt()
  @Min(0)
  RATE_LIMIT_PER_KEY = 100;

  /** Different wrong API keys that one address may try in a minute; 0 turns the limit off. */
  @ToNumber()
  @IsInt()
  @Min(0)
  @Max(1_000)
  KEY_GUESSES_PER_MINUTE = 30;

  /** Days that webhook payloads are kept. */
  @ToNumber()
  @IsInt()
  @Min(1)
  RETENTION_WEBHOOK_LOG_DAYS = 30;

  /** Leaves out of GET /webhook-logs/{id} what people write: text, captions, names, places. Secrets never show. */
  @ToBoolean()
  @IsBoolean()
  WEBHOOK_LOG_REDACT_TEXT = false;

  /** Days that events can be read again (GET /events) once they are old news. */
  @ToNumber()
  @IsInt()
  @Min(1)
  RETENTION_EVENTS_DAYS = 30;

  /** Days that deliveries to webhook endpoints are kept. */
  @ToNumber()
  @IsInt()
  @Min(1)
  RETENTION_DELIVERIES_DAYS = 30;

  /** Days that the audit log is kept; 0: for ever. */
  @ToNumber()
  @IsInt()
  @Min(0)
  RETENTION_AUDIT_DAYS = 365;

  /** Port on which a worker answers /health/live, /health/ready and /metrics; unset: it listens nowhere. */
  @IsOptional()
  @ToNumber()
  @IsInt()
  @Min(0)
  @Max(65535)
  WORKER_PORT?: number;

  /** Port of the Graph simulator. */
  @ToNumber()
  @IsInt()
  @Min(0)
  @Max(65535)
  SIMULATOR_PORT = 4010;

  /** trace, debug, info, warn, error, fatal or silent. */
  @IsIn(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
  LOG_LEVEL = 'info';
}

/** Names every wrong variable at once; prints no value, for some of them are secrets. */
export class EnvironmentError extends Error {
  constructor(readonly problems: string[]) {
    super(`The environment is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'EnvironmentError';
  }
}

/**
 * Reads and checks the environment.
 * @throws EnvironmentError with all problems
 */
export function readEnv(source: NodeJS.ProcessEnv): Env {
  const known = new Set(
    getMetadataStorage()
      .getTargetValidationMetadatas(Env, '', false, false)
      .map((rule) => rule.propertyName),
  );
  const given = Object.fromEntries(Object.entries(source).filter(([name, value]) => known.has(name) && isSet(value)));
  const env = plainToInstance(Env, given, { exposeDefaultValues: true });
  const problems = validateSync(env, { skipMissingProperties: false }).flatMap((error) =>
    given[error.property] === undefined
      ? [`${error.property} is required`]
      : Object.values(error.constraints ?? { invalid: `${error.property} is not valid` }),
  );
  if (env.NODE_ENV === 'production' && env.ALLOW_UNSIGNED_WEBHOOKS === true) {
    problems.push('ALLOW_UNSIGNED_WEBHOOKS must not be true in production');
  }
  problems.push(...s3Problems(given), ...resolverProblems(env));
  if (problems.length > 0) {
    throw new EnvironmentError(problems);
  }
  return env;
}

/** An address is asked with a signature only. */
function resolverProblems({ CAMPAIGN_RESOLVER, CAMPAIGN_RESOLVER_SECRET }: Env): string[] {
  const isAddress = /^https?:/i.test(CAMPAIGN_RESOLVER ?? '');
  if (isAddress !== (CAMPAIGN_RESOLVER_SECRET === undefined)) {
    return [];
  }
  return [
    isAddress
      ? 'CAMPAIGN_RESOLVER_SECRET is required when CAMPAIGN_RESOLVER is an address'
      : 'CAMPAIGN_RESOLVER_SECRET is of no use unless CAMPAIGN_RESOLVER is an address',
  ];
}

/** Half a bucket would be found out only when the first file comes. */
function s3Problems(given: Record<string, unknown>): string[] {
  const isGiven = (name: string): boolean => given[name] !== undefined;
  const others = ['S3_ENDPOINT', 'S3_REGION', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'].filter(isGiven);
  if (!isGiven('S3_BUCKET')) {
    return others.length === 0 ? [] : [`S3_BUCKET is required when ${others.join(' and ')} is set`];
  }
  const keys = ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'];
  const missing = keys.filter((name) => !isGiven(name));
  return [
    // Only on Amazon's own machines can the keys be found elsewhere; there the region cannot be guessed.
    ...(missing.length === 1 || (missing.length === 2 && isGiven('S3_ENDPOINT'))
      ? missing.map((name) => `${name} is required when S3_BUCKET is set`)
      : []),
    ...(isGiven('S3_ENDPOINT') || isGiven('S3_REGION') ? [] : ['S3_REGION is required when S3_ENDPOINT is not set']),
  ];
}
