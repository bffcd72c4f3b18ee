import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openApiText } from '../../src/openapi.js';
import { ADMIN_KEY } from '../support/app.js';
import { startJourney, type Journey } from '../support/journey.js';

const run = promisify(execFile);
const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const CLIENTS = ['openapi-fetch', 'hey-api', 'swagger-typescript-api'];
const STEPS = ['labels', 'errors', 'contacts', 'campaign', 'sends', 'media', 'inbox'];

/** One pixel. */
const PICTURE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** What a strict project of somebody else would ask of generated code. */
const COMPILER = {
  target: 'es2023',
  module: 'nodenext',
  strict: true,
  skipLibCheck: true,
  types: ['node'],
  outDir: 'out',
  rootDir: '.',
};

interface Failure {
  stdout: string;
  stderr: string;
}

/** What a program printed; fails with it when it failed. */
async function output(file: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  try {
    const { stdout } = await run(file, args, { env: { ...process.env, NODE_OPTIONS: '', ...env }, maxBuffer: 2 ** 26 });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as Failure;
    throw new Error(`${args[0] ?? file}: ${stdout}\n${stderr}`.slice(0, 8_000), { cause: error });
  }
}

describe('clients that generators make of openapi.json', () => {
  let journey: Journey;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'parley-clients-'));
    const document = join(folder, 'openapi.json');
    writeFileSync(document, await openApiText());
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: COMPILER, include: CLIENTS }));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const generate = async (client: string): Promise<void> => {
      const into = join(folder, client);
      mkdirSync(into);
      await output(process.execPath, [join(HERE, 'generators.mjs'), client, document, into]);
      copyFileSync(join(HERE, 'scenarios', `${client}.ts`), join(into, 'scenario.ts'));
    };
    [journey] = await Promise.all([startJourney(), ...CLIENTS.map(generate)]);
  }, 180_000);

  afterAll(async () => {
    await journey?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('compile under strict, the scenario beside them', async () => {
    expect(await output(process.execPath, [TSC, '-p', folder])).toBe('');
  }, 180_000);

  it.each(CLIENTS)('%s does all that a product needs, without a line between it and the API', async (client) => {
    const customer = `+9198120000${CLIENTS.indexOf(client)}0`;
    await journey.simulator.call('POST', 'inbound', { from: customer, text: 'Hello' });
    await waitForWindow(journey, customer);
    const env = { API_URL: journey.api.url, API_KEY: ADMIN_KEY, CUSTOMER: customer, PICTURE };
    const printed = await output(process.execPath, [join(folder, 'out', client, 'scenario.js')], env);
    expect(printed.trim().split('\n')).toEqual(STEPS);
  });
});

/** Until the customer may be answered. */
async function waitForWindow({ api }: Journey, phone: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const chat = await api.call('GET', `/chats/${encodeURIComponent(phone)}`);
    if (chat.status === 200 && chat.body.is_service_window_open === true) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${phone} did not write`);
}
