import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { LaunchError } from './launch-error.js';
import { findFreePort, isPortFree } from './ports.js';
import { writePrivate, type State } from './state.js';
import type { GuardedCommand, Supervisor } from './supervisor.js';

const STAND_IN = 'js-redis-server';
const POLICY_FILE = '/usr/sbin/policy-rc.d';
const POLICY_MARK = '# Made by Parley for the moment of installing redis-server.';
const READY_DEADLINE_MS = 60_000;
const PING_TIMEOUT_MS = 1_000;
const PORT_ATTEMPTS = 3;
const KEPT_OUTPUT_LINES = 5;

export interface RedisOptions {
  readonly root: string;
  /** Redis' files go to `redis/` in here. */
  readonly dataDir: string;
  readonly state: State;
  readonly supervisor: Supervisor;
  readonly env: NodeJS.ProcessEnv;
  /** Whether the in-memory stand-in may serve when there is no Redis. Never in production. */
  readonly allowStandIn: boolean;
  readonly say: (line: string) => void;
}

export interface EmbeddedRedis {
  readonly url: string;
  /** "Redis 7.0.15", or what stands in for it. */
  readonly description: string;
  /** True when the app has to make up for commands the stand-in lacks. */
  readonly isStandIn: boolean;
}

/**
 * Starts a private Redis or Valkey on 127.0.0.1, the first of: one on the PATH; the distribution's package, installed
 * now (Debian or Ubuntu, as root); the in-memory stand-in. It is stopped with the supervisor.
 *
 * @throws LaunchError when none can be had, naming what to do.
 */
export async function startRedis(options: RedisOptions): Promise<EmbeddedRedis> {
  const binary = findServer(options.env) ?? (await installPackage(options));
  if (binary) {
    const password = options.state.getOrCreate('redisPassword', () => randomBytes(24).toString('base64url'));
    const port = await startServer(
      options,
      (freePort) => serverCommand(options.dataDir, binary.path, freePort, password),
      password,
    );
    return { url: `redis://:${password}@127.0.0.1:${port}`, description: binary.description, isStandIn: false };
  }
  if (!options.allowStandIn || options.env.NODE_ENV === 'production') {
    throw new LaunchError(`No Redis found. Install it: ${installHint()} (or set REDIS_URL).`);
  }

  options.say(
    `  No Redis found: using the built-in in-memory queue store, development only; for durable queues: ${installHint()}, or set REDIS_URL`,
  );
  const script = await findStandIn(options);
  const workDir = join(options.dataDir, 'redis');
  mkdirSync(workDir, { recursive: true });
  const port = await startServer(options, (freePort) => ({
    command: process.execPath,
    args: [script, '--port', String(freePort)],
    cwd: workDir,
    signals: ['SIGTERM', 'SIGKILL'],
    patienceMs: 3_000,
  }));
  return { url: `redis://127.0.0.1:${port}`, description: 'In-memory queue store', isStandIn: true };
}

async function startServer(
  { supervisor, state }: RedisOptions,
  commandFor: (port: number) => GuardedCommand,
  password?: string,
): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort(Number(state.get('redisPort')) || undefined);
    state.set('redisPort', String(port));
    const child = supervisor.startGuarded({ name: 'redis', label: 'Redis', tier: 'redis' }, commandFor(port));
    try {
      await child.untilReady(() => answers(port, password), READY_DEADLINE_MS);
    } catch (error) {
      // Somebody took the port between our look and the server's.
      if (child.hasEnded && attempt < PORT_ATTEMPTS && !(await isPortFree(port))) {
        continue;
      }
      throw error;
    }
    child.restartOnCrash();
    return port;
  }
}

/** The settings are in a file because arguments, and with them the password, are visible to every user of the machine. */
function serverCommand(dataDir: string, path: string, port: number, password: string): GuardedCommand {
  const dir = join(dataDir, 'redis');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, 'redis.conf');
  writePrivate(
    file,
    [
      'bind 127.0.0.1',
      `port ${port}`,
      `requirepass ${password}`,
      `dir ${JSON.stringify(dir)}`,
      'daemonize no',
      'appendonly yes',
      'save ""',
      // Queues must refuse new jobs rather than silently lose old ones.
      'maxmemory-policy noeviction',
      '',
    ].join('\n'),
  );
  return { command: path, args: [file], cwd: dir, signals: ['SIGTERM', 'SIGKILL'], patienceMs: 10_000 };
}

function findServer(env: NodeJS.ProcessEnv): { path: string; description: string } | null {
  for (const [name, label] of [
    ['valkey-server', 'Valkey'],
    ['redis-server', 'Redis'],
  ] as const) {
    for (const folder of (env.PATH ?? '').split(delimiter).filter(Boolean)) {
      const path = join(folder, name);
      const probe = existsSync(path) ? spawnSync(path, ['--version'], { encoding: 'utf8' }) : null;
      if (probe?.status === 0) {
        return { path, description: `${label} ${/v=([\d.]+)/.exec(probe.stdout)?.[1] ?? ''}`.trim() };
      }
    }
  }
  return null;
}

function installHint(): string {
  return process.platform === 'darwin' ? 'brew install redis' : 'apt-get install -y redis-server';
}

async function installPackage({ env, say }: RedisOptions): Promise<ReturnType<typeof findServer>> {
  const isDebian =
    existsSync('/etc/os-release') && /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
  if (env.PARLEY_NO_APT === '1' || !isDebian || process.getuid?.() !== 0) {
    return null;
  }

  say('  No Redis found: installing the package redis-server with apt-get (PARLEY_NO_APT=1 prevents this)');
  const started = performance.now();
  const hadPolicy = existsSync(POLICY_FILE) && !readFileSync(POLICY_FILE, 'utf8').includes(POLICY_MARK);
  if (!hadPolicy) {
    // Keeps the package from starting its system service. It ends with us, so that it forbids nothing to others later.
    writeFileSync(POLICY_FILE, `#!/bin/sh\n${POLICY_MARK}\nkill -0 ${process.pid} 2>/dev/null && exit 101\nexit 0\n`, {
      mode: 0o755,
    });
  }
  try {
    // Package lists that cannot be refreshed may still be good enough.
    await apt(['update', '-qq']);
    const problem = await apt(['install', '-y', '-qq', '--no-install-recommends', 'redis-server']);
    if (problem) {
      say(`  apt-get could not install redis-server: ${problem}`);
      return null;
    }
  } finally {
    if (!hadPolicy) {
      rmSync(POLICY_FILE, { force: true });
    }
  }
  if (existsSync('/run/systemd/system')) {
    // Nor at the next boot.
    spawnSync('systemctl', ['disable', '--now', '--quiet', 'redis-server'], { stdio: 'ignore' });
  }
  say(
    `  redis-server installed (its system service is not started) ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  return findServer(env);
}

/** Runs apt-get and gives null, or its last words when it failed. */
function apt(args: readonly string[]): Promise<string | null> {
  const patience = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20', '-o', 'DPkg::Lock::Timeout=60'];
  return run('apt-get', [...patience, ...args], { ...process.env, DEBIAN_FRONTEND: 'noninteractive' });
}

/**
 * npm leaves the stand-in out on a Node older than the one it declares, although it runs there. It is rarely needed, so
 * it is fetched only now.
 */
async function findStandIn({ root, dataDir }: RedisOptions): Promise<string> {
  const folder = join(dataDir, 'stand-in');
  const installed = resolveStandIn(root) ?? resolveStandIn(folder);
  if (installed) {
    return installed;
  }
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const [command = '', ...args] = [
    ...npm,
    ...['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts', '--no-save'],
    `${STAND_IN}@${optionalDependencies[STAND_IN]}`,
  ];
  const problem = await run(command, args, process.env);
  const script = resolveStandIn(folder);
  if (problem || !script) {
    throw new LaunchError(
      `No Redis found, and npm could not fetch ${STAND_IN}: ${problem}\nInstall Redis: ${installHint()} (or set REDIS_URL).`,
    );
  }
  return script;
}

function resolveStandIn(folder: string): string | null {
  try {
    return join(dirname(createRequire(join(folder, 'package.json')).resolve(STAND_IN)), 'cli.js');
  } catch {
    return null;
  }
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const output: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => {
      const lines = Buffer.concat(output).toString().trim().split('\n').slice(-KEPT_OUTPUT_LINES).join('\n');
      resolve(code === 0 ? null : lines || `exit code ${code}`);
    });
  });
}

/** Whether the server takes commands: it does not while it reads its append-only file. */
function answers(port: number, password?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let reply = '';
    const finish = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(PING_TIMEOUT_MS, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('connect', () => socket.write(`${password ? `AUTH ${password}\r\n` : ''}PING\r\n`));
    socket.on('data', (data) => {
      reply += data.toString();
      if (reply.includes('PONG') || reply.includes('-')) {
        finish(reply.includes('PONG'));
      }
    });
    socket.once('close', () => finish(false));
  });
}
