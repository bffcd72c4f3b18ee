import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LaunchError } from './launch-error.js';
import { dropLeftoverDatabases, startPostgres } from './postgres.js';
import { endLeftovers } from './process.js';
import { startRedis } from './redis.js';
import { onStopSignals } from './signals.js';
import { State } from './state.js';
import { Stopped, Supervisor } from './supervisor.js';

const JEST_PATIENCE_MS = 5_000;
const INTERRUPTED = 130;

export interface TestRunOptions {
  /** The project's folder. */
  readonly root: string;
  /** For the servers' files; no other run may use it at the same time. */
  readonly dataDir: string;
  /** For jest. */
  readonly args: readonly string[];
}

/**
 * Runs jest against a real PostgreSQL and a real Redis: those named by TEST_DATABASE_URL (or DATABASE_URL) and
 * TEST_REDIS_URL (or REDIS_URL), else embedded ones. The last line it prints is `N passed, N failed`.
 *
 * @returns jest's exit code; 1 when the servers cannot be had, 130 when interrupted.
 */
export async function runTests({ root, dataDir, args }: TestRunOptions): Promise<number> {
  const say = (line: string): void => console.log(line);
  const supervisor = new Supervisor({ root, dataDir, verbose: false, say });
  const interruption = new AbortController();
  void onStopSignals({ onFirst: () => interruption.abort(), onAgain: () => supervisor.force() });

  try {
    const env = await startServers({ root, dataDir, supervisor, say });
    const summaryFile = join(dataDir, 'summary.json');
    rmSync(summaryFile, { force: true });
    const code = await runJest(root, args, { ...env, PARLEY_TEST_SUMMARY: summaryFile }, interruption.signal);
    await supervisor.stop();
    const summary = readSummary(summaryFile);
    if (summary) {
      say(`${summary.passed} passed, ${summary.failed} failed`);
    }
    return code;
  } catch (error) {
    await supervisor.stop();
    if (error instanceof Stopped) {
      return INTERRUPTED;
    }
    console.error(error instanceof LaunchError ? error.message : error);
    return 1;
  }
}

async function startServers(options: {
  root: string;
  dataDir: string;
  supervisor: Supervisor;
  say: (line: string) => void;
}): Promise<NodeJS.ProcessEnv> {
  const { dataDir } = options;
  const env = { ...process.env };
  await endLeftovers(join(dataDir, 'run'), () => undefined);
  const state = new State(join(dataDir, 'secrets.json'));
  env.TEST_DATABASE_URL ||= env.DATABASE_URL;
  env.TEST_REDIS_URL ||= env.REDIS_URL;

  const started = performance.now();
  const embedded: string[] = [];
  if (!env.TEST_REDIS_URL) {
    // Queues of a run that was killed must not run in this one.
    rmSync(join(dataDir, 'redis'), { recursive: true, force: true });
    const redis = await startRedis({ ...options, state, env, allowStandIn: false });
    env.TEST_REDIS_URL = redis.url;
    embedded.push(redis.description);
  }
  if (!env.TEST_DATABASE_URL) {
    const postgres = await startPostgres({ ...options, state, env });
    await dropLeftoverDatabases(postgres.adminUrl);
    env.TEST_DATABASE_URL = postgres.adminUrl;
    embedded.push(`PostgreSQL ${postgres.version}`);
  }
  if (embedded.length > 0) {
    options.say(`  ${embedded.join(', ')} ... ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
  return env;
}

/** Under the guard, so that jest and its workers end with us, but in our terminal, for colours and watch mode. */
async function runJest(
  root: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  interruption: AbortSignal,
): Promise<number> {
  if (interruption.aborted) {
    throw new Stopped();
  }
  // A flag has to follow the reporters: jest would take a file pattern of ours for one more of them.
  const reporters = ['--reporters=default', `--reporters=${join(root, 'scripts', 'test-summary.mjs')}`];
  const command = {
    command: process.execPath,
    args: [
      ...['--experimental-vm-modules', '--no-warnings', join(root, 'node_modules', 'jest', 'bin', 'jest.js')],
      ...[...reporters, '--forceExit', ...args],
    ],
    signals: ['SIGTERM', 'SIGKILL'],
    patienceMs: JEST_PATIENCE_MS,
  };
  const guard = spawn(process.execPath, [join(root, 'scripts', 'guard.mjs'), JSON.stringify(command)], {
    cwd: root,
    env,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  interruption.addEventListener('abort', () => guard.kill('SIGTERM'));
  const code = await new Promise<number>((resolve, reject) => {
    guard.once('error', reject);
    guard.once('exit', (exitCode) => resolve(exitCode ?? 1));
  });
  return interruption.aborted ? INTERRUPTED : code;
}

function readSummary(file: string): { passed: number; failed: number } | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { passed: number; failed: number };
  } catch {
    return null;
  }
}
