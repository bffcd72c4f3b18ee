import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { State } from './state.js';
import { writePrivate } from './state.js';

/** The shell's environment, and below it what `.env` in the project's folder says. */
export function readEnvironment(root: string, shell: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const set = Object.entries(shell).filter(([, value]) => value !== undefined && value !== '');
  return { ...parseFile(join(root, '.env')), ...Object.fromEntries(set) };
}

/** What the children of this run need beyond what a person has set. */
export interface Derived {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly redisIsStandIn: boolean;
  readonly port: number;
  /** Null when Graph requests go elsewhere. */
  readonly simulatorPort: number | null;
}

/** The environment for the children: a person's settings, completed. Generated secrets stay the same from start to start. */
export function completeEnvironment(env: NodeJS.ProcessEnv, derived: Derived, state: State): NodeJS.ProcessEnv {
  const complete: NodeJS.ProcessEnv = {
    ...env,
    DATABASE_URL: derived.databaseUrl,
    REDIS_URL: derived.redisUrl,
    PORT: String(derived.port),
    PUBLIC_BASE_URL: env.PUBLIC_BASE_URL ?? `http://localhost:${derived.port}`,
    ENCRYPTION_KEYS:
      env.ENCRYPTION_KEYS ?? state.getOrCreate('encryptionKeys', () => `k1:${randomBytes(32).toString('base64')}`),
    BOOTSTRAP_API_KEY:
      env.BOOTSTRAP_API_KEY ?? state.getOrCreate('apiKey', () => `parley_${randomBytes(24).toString('base64url')}`),
  };
  if (derived.redisIsStandIn) {
    complete.REDIS_STAND_IN = '1';
  }
  if (derived.simulatorPort !== null) {
    complete.SIMULATOR_PORT = String(derived.simulatorPort);
    complete.SIMULATOR_CALLBACK_URL ??= `http://127.0.0.1:${derived.port}/${env.URL_PREFIX ?? 'whatsapp'}/webhook/`;
    complete.GRAPH_API_BASE_URL = `http://127.0.0.1:${derived.simulatorPort}`;
    complete.WHATSAPP_APP_SECRET =
      env.WHATSAPP_APP_SECRET ?? state.getOrCreate('appSecret', () => randomBytes(16).toString('hex'));
  }
  return complete;
}

/**
 * Writes the product's variables for commands in other terminals, which must reach the same database and servers. Only
 * its owner can read the file. Which variables are the product's is what `.env.example` says.
 */
export function writeRuntimeFile(file: string, root: string, env: NodeJS.ProcessEnv): void {
  const names = new Set([
    ...[
      'DATABASE_URL',
      'REDIS_URL',
      'REDIS_STAND_IN',
      'PORT',
      'PUBLIC_BASE_URL',
      'ENCRYPTION_KEYS',
      'BOOTSTRAP_API_KEY',
    ],
    ...['SIMULATOR_PORT', 'GRAPH_API_BASE_URL', 'WHATSAPP_APP_SECRET', 'NODE_ENV'],
    ...Object.keys(parseFile(join(root, '.env'))),
    ...exampleNames(root),
  ]);
  const lines = [...names].flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [`${name}=${quote(value)}`];
  });
  writePrivate(file, `${lines.join('\n')}\n`);
}

/** The names in `.env.example`, where optional ones are commented out. */
function exampleNames(root: string): string[] {
  const names = readText(join(root, '.env.example')).matchAll(/^#?\s*([A-Z][A-Z0-9_]*)=/gm);
  return [...names].map(([, name = '']) => name);
}

/** In a form that Node's own reader of such files gives back unchanged. */
function quote(value: string): string {
  const mark = ["'", '"', '`'].find((candidate) => !value.includes(candidate)) ?? "'";
  return `${mark}${value}${mark}`;
}

function parseFile(file: string): Record<string, string> {
  return parseEnv(readText(file)) as Record<string, string>;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return '';
    }
    throw error;
  }
}
