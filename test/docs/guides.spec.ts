import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDemo } from '../../src/cli/demo.js';
import { ADMIN_KEY, eventually, startTestApp, testEnvironment, type TestApp } from '../support/app.js';
import { startTestSimulator, type Simulator } from '../support/simulator.js';
import { blocksOf, differences, lastJson, type Block } from './guide.js';
import { scriptSession, shellSession, startCommandLine, type CommandLine, type Session } from './session.js';

/** Guides whose examples run, in this order, on one installation such as `npm start` makes. */
const GUIDES = ['README.md', 'docs/frontend.md', 'docs/integrators.md', 'docs/operations.md'];
/** Blocks that need what is not here (Docker, another machine, a whole restart), by guide. Keep them few. */
const NOT_RUN: Record<string, number> = { 'README.md': 1, 'docs/operations.md': 3, 'docs/integrators.md': 1 };
const LANGUAGES = ['sh', 'js', 'json'];

/** A block of several commands may take a while on a busy machine. */
const PATIENCE_MS = 120_000;

let simulator: Simulator;
let api: TestApp;
let env: NodeJS.ProcessEnv;
let dir: string;
let commandLine: CommandLine;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'parley-guides-'));
  simulator = await startTestSimulator({ webhooks: { sent_ms: 10, delivered_ms: 20 } });
  const overrides = { GRAPH_API_BASE_URL: simulator.url, ALLOW_PRIVATE_NETWORK_TARGETS: 'true' };
  api = await startTestApp({ worker: true, env: overrides });
  await simulator.configure({ callback_url: `${api.url}/whatsapp/webhook/` });
  await makeDemo(api.app);
  env = {
    ...process.env,
    ...testEnvironment(api.databaseUrl, overrides),
    MEDIA_DIR: join(dir, 'media'),
    PARLEY_API_KEY: ADMIN_KEY,
    API: `${api.url}/whatsapp/api`,
  };
  commandLine = await startCommandLine(dir, env, arrival);
});
afterAll(async () => {
  await commandLine.close();
  await api.close();
  await simulator.close();
  rmSync(dir, { recursive: true });
});

/** As a reader of the guide would adapt it: their address, their key. */
function adapted(text: string): string {
  return text
    .replaceAll('http://localhost:3000', api.url)
    .replaceAll('http://localhost:4010', simulator.url)
    .replaceAll(/^export PARLEY_API_KEY=.*$/gm, `export PARLEY_API_KEY=${ADMIN_KEY}`)
    .replaceAll(/wak_live_…/g, ADMIN_KEY);
}

/** A customer's message is in the inbox before a reader types the next line. */
async function arrival(printed: string): Promise<void> {
  const wamid = /^Sent (wamid\S+)/.exec(printed)?.[1];
  if (wamid !== undefined) {
    const look = (): Promise<unknown[]> => api.db.query('select 1 from messages where message_id = $1', [wamid]);
    await eventually(look, (rows) => rows.length > 0, PATIENCE_MS);
  }
}

const isRun = (block: Block): boolean => !block.marks.includes('norun');

describe.each(GUIDES)('%s', (guide) => {
  const blocks = blocksOf(guide).filter(({ language }) => language !== '');
  const sessions: Partial<Record<string, Session>> = {};
  let printed = '';
  let isBroken = false;

  afterAll(() => Object.values(sessions).forEach((session) => session?.close()));

  it('has examples, in languages that are tried, and nearly all of them run', () => {
    expect(blocks.length).toBeGreaterThan(0);
    expect(
      blocks.filter(({ language }) => !LANGUAGES.includes(language)).map(({ line, language }) => `${line} ${language}`),
    ).toEqual([]);
    expect(blocks.filter((block) => !isRun(block))).toHaveLength(NOT_RUN[guide] ?? 0);
  });

  it.each(blocks.filter(isRun).map((block) => [block.line, block] as const))(
    'line %s',
    async (_line, block) => {
      if (isBroken) {
        throw new Error('an example above it failed');
      }
      isBroken = true;
      if (block.language === 'json') {
        expect(differences(JSON.parse(block.text), lastJson(printed))).toEqual([]);
      } else {
        const session = (sessions[block.language] ??=
          block.language === 'sh' ? shellSession(dir, env, commandLine) : scriptSession(env));
        printed = await session.run(adapted(block.text));
      }
      isBroken = false;
    },
    PATIENCE_MS,
  );
});
