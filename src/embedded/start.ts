import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { banner, type Demo } from './banner.js';
import { completeEnvironment, readEnvironment, writeRuntimeFile } from './environment.js';
import { LaunchError } from './launch-error.js';
import { startPostgres } from './postgres.js';
import { choosePort } from './ports.js';
import { endLeftovers } from './process.js';
import { startRedis } from './redis.js';
import { onStopSignals } from './signals.js';
import { State } from './state.js';
import { Stopped, Supervisor, type Child } from './supervisor.js';

const DEFAULT_PORT = 3000;
const DEFAULT_SIMULATOR_PORT = 4010;
const READY_DEADLINE_MS = 60_000;
const PROBE_TIMEOUT_MS = 2_000;
const WORKER_SETTLE_MS = 1_000;
const APP_GRACE_MS = 10_000;

/** The programs of the product, as arguments of `node`. */
export interface EntryPoints {
  readonly migrate: readonly string[];
  readonly simulator: readonly string[];
  readonly api: readonly string[];
  readonly worker: readonly string[];
  readonly demo: readonly string[];
}

export interface StartOptions {
  /** The project's folder. */
  readonly root: string;
  /** `.data` in the project's folder unless given. */
  readonly dataDir?: string;
  readonly verbose: boolean;
  /** `performance.now()` of the moment the person pressed return. */
  readonly startedAt: number;
  readonly entryPoints?: EntryPoints;
  /** Told the URL as soon as it is certain, for those who try to start a second time. */
  readonly onAddress?: (url: string) => void;
  /** Told when signals are dealt with here. */
  readonly onSignalsHandled?: () => void;
}

/**
 * Runs the whole product in the terminal until a signal comes or a part of it fails for good.
 *
 * @returns the exit code: 0 after a signal, 1 after a failure, which has been explained by then.
 */
export async function start(options: StartOptions): Promise<number> {
  const say = (line: string): void => console.log(line);
  const dataDir = options.dataDir ?? join(options.root, '.data');
  const supervisor = new Supervisor({ root: options.root, dataDir, verbose: options.verbose, say });
  const runtimeFile = join(dataDir, 'runtime.env');

  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= supervisor.stop().finally(() => rmSync(runtimeFile, { force: true }));
    return stopped;
  };
  const signalled = onStopSignals({
    onFirst: () => {
      say('\nStopping (press Ctrl-C again to hurry) ...');
      void stop();
    },
    onAgain: () => supervisor.force(),
  });
  options.onSignalsHandled?.();

  try {
    await boot({ ...options, dataDir, supervisor, runtimeFile, say });
    await Promise.race([signalled, supervisor.givenUp]);
    await stop();
    say('Stopped.');
    return 0;
  } catch (error) {
    // Whatever fails while things are being stopped fails because of that.
    const byRequest = error instanceof Stopped || stopped !== undefined;
    if (!byRequest) {
      console.error(`\n${describe(error)}`);
    }
    await stop();
    if (supervisor.hasStartedAny) {
      say('Stopped.');
    }
    return byRequest ? 0 : 1;
  }
}

interface Boot extends StartOptions {
  readonly dataDir: string;
  readonly supervisor: Supervisor;
  readonly runtimeFile: string;
  readonly say: (line: string) => void;
}

async function boot(run: Boot): Promise<void> {
  const { root, dataDir, supervisor, say } = run;
  const entryPoints = run.entryPoints ?? builtEntryPoints(root);
  const shell = readEnvironment(root, process.env);
  await endLeftovers(join(dataDir, 'run'), (names) =>
    say(`  Waiting for what an earlier start left running: ${names}`),
  );

  const { port, simulatorPort } = await choosePorts(shell, say);
  const url = `http://localhost:${port}`;
  run.onAddress?.(url);

  const state = new State(join(dataDir, 'secrets.json'));
  const servers = { root, dataDir, state, supervisor, env: shell, say };
  const [databaseUrl, redis] = await settleAll<string, { url: string; isStandIn: boolean }>([
    shell.DATABASE_URL ??
      timed(say, startPostgres(servers), (pg) => `PostgreSQL ${pg.version} (data in ${pg.place})`).then((pg) => pg.url),
    shell.REDIS_URL
      ? { url: shell.REDIS_URL, isStandIn: shell.REDIS_STAND_IN === '1' }
      : timed(say, startRedis({ ...servers, allowStandIn: true }), ({ description }) => description),
  ]);
  const env = completeEnvironment(
    shell,
    { databaseUrl, redisUrl: redis.url, redisIsStandIn: redis.isStandIn, port, simulatorPort },
    state,
  );
  writeRuntimeFile(run.runtimeFile, root, env);

  supervisor.throwIfStopping();
  await timed(say, runOnce(supervisor, 'migrate', entryPoints.migrate, env), () => 'Migrations');
  const roles = simulatorPort === null ? 'API and worker' : 'API, worker and simulator';
  await timed(say, startApp(supervisor, entryPoints, env, url, simulatorPort !== null), () => roles);
  const demo = simulatorPort === null ? null : await makeDemo(run, entryPoints.demo, env);
  supervisor.throwIfStopping();

  say(
    banner({
      url,
      urlPrefix: env.URL_PREFIX ?? 'whatsapp',
      simulatorUrl: simulatorPort === null ? null : `http://localhost:${simulatorPort}`,
      demo,
      apiKey: apiKeyToShow(shell, state),
      seconds: (performance.now() - run.startedAt) / 1000,
    }),
  );
  state.set('apiKeyShown', 'yes');
}

function builtEntryPoints(root: string): EntryPoints {
  const built = (file: string): string => join(root, 'dist', 'src', file);
  return {
    migrate: [built('cli.js'), 'migrate'],
    simulator: [built('simulator/main.js')],
    api: [built('main.js')],
    worker: [built('worker.js')],
    demo: [built('cli.js'), 'demo', '--json'],
  };
}

async function choosePorts(
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<{ port: number; simulatorPort: number | null }> {
  const port = await choosePort('PORT', env.PORT, DEFAULT_PORT);
  if (!env.PORT && port !== DEFAULT_PORT) {
    say(`  Port ${DEFAULT_PORT} is in use; using ${port} (choose with PORT=...)`);
  }
  if (env.GRAPH_API_BASE_URL) {
    return { port, simulatorPort: null };
  }
  const simulatorPort = await choosePort('SIMULATOR_PORT', env.SIMULATOR_PORT, DEFAULT_SIMULATOR_PORT, [port]);
  if (!env.SIMULATOR_PORT && simulatorPort !== DEFAULT_SIMULATOR_PORT) {
    say(
      `  Port ${DEFAULT_SIMULATOR_PORT} is in use; the simulator uses ${simulatorPort} (choose with SIMULATOR_PORT=...)`,
    );
  }
  return { port, simulatorPort };
}

async function startApp(
  supervisor: Supervisor,
  entryPoints: EntryPoints,
  env: NodeJS.ProcessEnv,
  url: string,
  withSimulator: boolean,
): Promise<void> {
  const program = { tier: 'app', env, graceMs: APP_GRACE_MS } as const;
  const children: [Child, (child: Child) => Promise<boolean> | boolean][] = [];
  if (withSimulator) {
    const simulator = supervisor.start({
      ...program,
      name: 'simulator',
      label: 'The simulator',
      args: entryPoints.simulator,
    });
    children.push([simulator, ({ log }) => log.split('\n').some(saysListening)]);
  }
  const api = supervisor.start({ ...program, name: 'api', label: 'The API', args: entryPoints.api });
  children.push([api, () => isReady(env, url)]);
  const worker = supervisor.start({ ...program, name: 'worker', label: 'The worker', args: entryPoints.worker });
  const workerSettled = Date.now() + WORKER_SETTLE_MS;
  children.push([worker, (child) => child.hasSent('ready') || Date.now() > workerSettled]);

  await Promise.all(children.map(([child, check]) => child.untilReady(check, READY_DEADLINE_MS)));
  children.forEach(([child]) => child.restartOnCrash());
}

function saysListening(line: string): boolean {
  if (!line.startsWith('{') || !line.includes('"listening"')) {
    return false;
  }
  try {
    return (JSON.parse(line) as { event?: string }).event === 'listening';
  } catch {
    return false;
  }
}

async function isReady(env: NodeJS.ProcessEnv, url: string): Promise<boolean> {
  const everyInterface = !env.HOST || env.HOST === '0.0.0.0' || env.HOST === '::';
  const host = everyInterface ? '127.0.0.1' : env.HOST;
  try {
    const response = await fetch(`http://${host}:${new URL(url).port}/health/ready`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  }
}

/** The demo is a courtesy: without it the product still runs. */
async function makeDemo(run: Boot, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Demo | null> {
  try {
    const output = await runOnce(run.supervisor, 'demo', args, env);
    const answer = output.split('\n').findLast((line) => line.startsWith('{') && line.includes('"account"'));
    return JSON.parse(answer ?? '') as Demo;
  } catch (error) {
    if (error instanceof Stopped) {
      throw error;
    }
    run.say(`  No demo account: ${describe(error)}`);
    return null;
  }
}

function runOnce(
  supervisor: Supervisor,
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  return supervisor.start({ name, label: `"${name}"`, tier: 'app', args, env, graceMs: APP_GRACE_MS }).untilEnd();
}

function apiKeyToShow(shell: NodeJS.ProcessEnv, state: State): { shown: string } | { note: string } {
  if (shell.BOOTSTRAP_API_KEY) {
    return { note: 'the BOOTSTRAP_API_KEY you have set' };
  }
  if (state.get('apiKeyShown')) {
    return { note: 'the one shown at the first start; for another one: npm run cli -- api-keys create --name me' };
  }
  return { shown: state.get('apiKey') ?? '' };
}

/** Waits for both even when one fails, so that what is said about the failure is the last thing said. */
async function settleAll<A, B>([first, second]: [A | Promise<A>, B | Promise<B>]): Promise<[A, B]> {
  const results = await Promise.allSettled([first, second]);
  for (const result of results) {
    if (result.status === 'rejected') {
      throw result.reason;
    }
  }
  return Promise.all([first, second]);
}

async function timed<T>(say: (line: string) => void, work: Promise<T>, label: (result: T) => string): Promise<T> {
  const started = performance.now();
  const result = await work;
  say(`  ${label(result)} ... ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

function describe(error: unknown): string {
  if (error instanceof LaunchError) {
    return error.message;
  }
  const { code, path, stack } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' && path) {
    return `No access to ${path}: start Parley as the user who owns it (was it started with sudo before?).`;
  }
  return stack ?? String(error);
}
