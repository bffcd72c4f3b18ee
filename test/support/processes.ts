import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { testEnvironment, callApi, eventually, type Answer, type CallOptions } from './app.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { connectSimulator, type Simulator } from './simulator.js';

/** The product as it runs in production: processes of their own, from the built files, that can be killed. */
export interface Processes {
  url: string;
  database: TestDatabase;
  simulator: Simulator;
  startApi(): Promise<ChildProcess>;
  /** One more API beside the first, on a port of its own. @returns its URL */
  startAnotherApi(): Promise<string>;
  startWorker(): Promise<ChildProcess>;
  call<T = Record<string, unknown>>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>;
  /** `kill -9` of everything of the product; the simulator, which is the world outside, lives on. */
  killAll(): Promise<void>;
  close(): Promise<void>;
}

/** Longest that a process may take to be up: seven of them boot beside another test file. */
const BOOT_MS = 60_000;

const running = new Set<ChildProcess>();
/** What the processes print, while somebody listens. */
let listener: ((text: string) => void) | null = null;

/** Hears everything that processes started from now on print. */
export function listenToOutput(listen: (text: string) => void): void {
  listener = listen;
}

export async function startProcesses(env: Record<string, string> = {}): Promise<Processes> {
  const database = await createTestDatabase();
  const [port, simulatorPort] = [await freePort(), await freePort()];
  const environment = {
    ...process.env,
    ...testEnvironment(database.url, {
      PORT: String(port),
      GRAPH_API_BASE_URL: `http://127.0.0.1:${simulatorPort}`,
      SIMULATOR_PORT: String(simulatorPort),
      SIMULATOR_CALLBACK_URL: `http://127.0.0.1:${port}/whatsapp/webhook/`,
      ...env,
    }),
  };
  const url = `http://127.0.0.1:${port}`;
  const simulator = launch('simulator/main.js', environment);
  await eventually(() => isUp(`http://127.0.0.1:${simulatorPort}/__simulate/ledger`), Boolean, BOOT_MS);
  const startApi = async (): Promise<ChildProcess> => {
    const api = launch('main.js', environment);
    await eventually(() => isUp(`${url}/health/ready`), Boolean, BOOT_MS);
    return api;
  };
  await startApi();
  return {
    url,
    database,
    simulator: connectSimulator(`http://127.0.0.1:${simulatorPort}`),
    startApi,
    startAnotherApi: async () => {
      const another = await freePort();
      launch('main.js', { ...environment, PORT: String(another) });
      await eventually(() => isUp(`http://127.0.0.1:${another}/health/ready`), Boolean, BOOT_MS);
      return `http://127.0.0.1:${another}`;
    },
    startWorker: async () => {
      const worker = launch('worker.js', environment);
      await new Promise((resolve) => worker.once('message', resolve));
      return worker;
    },
    call: (method, path, options) => callApi(`${url}/whatsapp/api`, method, path, options),
    killAll: async () => {
      await Promise.all([...running].filter((child) => child !== simulator).map((child) => kill(child)));
    },
    close: async () => {
      await Promise.all([...running].map((child) => kill(child)));
      simulator.kill('SIGKILL');
      await database.drop();
    },
  };
}

/** `kill -9`, and waits until it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** With a channel to us, so that it ends when we do, however we end. */
function launch(file: string, env: NodeJS.ProcessEnv): ChildProcess {
  const hear = listener;
  const output = hear ? 'pipe' : process.env.TEST_LOG_LEVEL ? 'inherit' : 'ignore';
  const child = spawn(process.execPath, [join(process.cwd(), 'dist/src', file)], {
    env,
    stdio: ['ignore', output, output, 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => hear?.(chunk.toString('utf8')));
  }
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function isUp(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
