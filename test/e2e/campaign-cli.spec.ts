import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { CampaignDto } from '../../src/campaigns/campaign.dto.js';
import { watchCampaign } from '../../src/cli/campaign-watch.js';
import { lineOf, summaryOf } from '../../src/cli/campaign-words.js';
import type { Screen } from '../../src/cli/screen.js';
import { eventually, testEnvironment } from '../support/app.js';
import { audienceCsv, draftWithCsv, getCampaign, startJourney, type Journey } from '../support/journey.js';

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface Running {
  child: ChildProcess;
  stderr: () => string;
  ended: Promise<Ended>;
}

/** Every test has people of its own. */
let nextPhone = 9_650_000_000;
const people = (count: number): string => audienceCsv(count, (nextPhone += count + 1));

/** The command line as an operator runs it: a process of its own, from the built files. */
describe('the command line follows campaigns', () => {
  let journey: Journey;

  const start = (...args: string[]): Running => {
    const child = spawn(process.execPath, [join(process.cwd(), 'dist/src/cli.js'), ...args], {
      env: {
        ...process.env,
        ...testEnvironment(journey.api.databaseUrl, { GRAPH_API_BASE_URL: journey.simulator.url }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    const ended = new Promise<Ended>((resolve) =>
      child.once('close', (code: number | null) => resolve({ code, stdout, stderr })),
    );
    return { child, stderr: () => stderr, ended };
  };
  const cli = (...args: string[]): Promise<Ended> => start(...args).ended;
  const move = async (id: number, name: string): Promise<void> => {
    expect([200, 202]).toContain((await journey.api.call('POST', `/campaigns/${id}/${name}`)).status);
  };

  beforeAll(async () => {
    journey = await startJourney({
      simulator: { webhooks: { sent_ms: 10, delivered_ms: 20, read_ratio: 0 } },
      account: { messages_per_second: 20 },
    });
  });
  afterAll(() => journey.close());

  it('run starts one and comes back at once; twice is refused', async () => {
    const id = await draftWithCsv(journey, people(600));
    const first = await cli('campaigns', 'run', String(id));
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/^Test campaign: running: sent 0 of 600, .*pending 600/);
    expect(await cli('campaigns', 'run', String(id))).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^The campaign is running; /) as string,
    });
    await move(id, 'cancel');
  });

  it('run --wait follows it to its end: a line now and then where nobody renews them, 0, and the campaign as JSON', async () => {
    const id = await draftWithCsv(journey, people(200));
    const begunAt = performance.now();
    const { code, stdout, stderr } = await cli('campaigns', 'run', String(id), '--wait', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id, status: 'completed', sent_count: 200, total_count: 200 });
    const lines = stderr.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(2);
    // One every five seconds at most.
    expect(lines.length).toBeLessThanOrEqual(1 + (performance.now() - begunAt) / 5_000);
    for (const line of lines) {
      expect(line).toMatch(/^Test campaign {2}[█░]{24} \d+ % {2}\d+ of 200 {2}.*delivered \d+ {2}read 0 {2}replied 0/);
    }
    expect(lines[1]).toMatch(/ \d+(\.\d)?\/s {2}(\d+ min )?\d+ s left /);
  });

  it('watch ends with 3 when it is paused, and says why', async () => {
    const id = await draftWithCsv(journey, people(600));
    await move(id, 'run');
    const watching = start('campaigns', 'watch', String(id));
    await eventually(
      () => Promise.resolve(watching.stderr()),
      (text) => text.includes('of 600'),
    );
    await move(id, 'pause');
    const { code, stdout } = await watching.ended;
    expect([code, stdout]).toEqual([
      3,
      expect.stringMatching(/^Test campaign: paused \(Paused by a caller\.\): sent \d+ of 600, /),
    ]);
    await move(id, 'cancel');
    expect((await cli('campaigns', 'watch', String(id))).code).toBe(3);
  });

  it('Ctrl-C ends the watching and leaves the campaign alone', async () => {
    const id = await draftWithCsv(journey, people(600));
    const watching = start('campaigns', 'run', String(id), '--wait');
    await eventually(
      () => Promise.resolve(watching.stderr()),
      (text) => text.includes('of 600'),
    );
    watching.child.kill('SIGINT');
    const { code, stdout } = await watching.ended;
    expect(code).toBe(130);
    expect(stdout).toContain(`not stopped: the campaign is left as it is (campaigns watch ${id} follows it again).`);
    const left = await getCampaign(journey, id);
    expect(left).toMatchObject({ status: 'running' });
    await eventually(
      () => getCampaign(journey, id),
      ({ sent_count }) => sent_count > left.sent_count,
    );
    await move(id, 'cancel');
  });

  it.each([
    ['campaigns', 'watch', '999999'],
    ['campaigns', 'run', 'abc'],
  ])('%s %s %s: there is none', async (...args) => {
    expect(await cli(...args)).toMatchObject({ code: 1, stdout: '', stderr: 'There is no such campaign.\n' });
  });
});

describe('watching', () => {
  const campaign = (more: Partial<CampaignDto> = {}): CampaignDto =>
    ({
      id: 5,
      name: 'Summer sale',
      status: 'running',
      status_reason: null,
      total_count: 10_000,
      pending_count: 4_790,
      sent_count: 5_200,
      delivered_count: 4_900,
      read_count: 3_000,
      replied_count: 120,
      opted_out_count: 3,
      failed_count: 8,
      skipped_count: 0,
      unknown_count: 2,
      cost: 0,
      started_at: '2026-11-21T09:30:00.000Z',
      completed_at: null,
      progress: { done: 5_210, rate_per_second: 80, seconds_left: 60 },
      ...more,
    }) as CampaignDto;

  const line =
    'Summer sale  █████████████░░░░░░░░░░░ 52 %  5,210 of 10,000  80/s  1 min 0 s left  delivered 4,900  read 3,000  ' +
    'replied 120  failed 8  unknown 2';

  it.each([
    [Infinity, line],
    [200, line],
    [100, 'Summer sale  █████████████░░░░░░░░░░░ 52 %  5,210 of 10,000  80/s  1 min 0 s left  delivered 4,900'],
    [70, 'Summer sale  █████████████░░░░░░░░░░░ 52 %  5,210 of 10,000  80/s'],
    [50, 'Summer sale  █████████████░░░░░░░░░░░ 52 %'],
    [20, '█████████████░░░░░░'],
  ])('says in %s columns as much as fits', (width, expected) => {
    const said = lineOf(campaign(), width);
    expect(said.startsWith(expected)).toBe(true);
    expect(said.length).toBeLessThan(width);
  });

  it('says what came of it', () => {
    expect(
      summaryOf(
        campaign({ status: 'completed', pending_count: 0, cost: 12.5, completed_at: '2026-11-21T10:35:20.000Z' }),
      ),
    ).toBe(
      'Summer sale: completed: sent 5,200 of 10,000, delivered 4,900, read 3,000, replied 120, failed 8, skipped 0, ' +
        'unknown 2, opted out 3, cost 12.50, took 1 h 5 min (80/s)',
    );
  });

  it('renews its line once a second on a terminal, and takes it away at the end', async () => {
    const written: string[] = [];
    const screen: Screen = { isTerminal: true, width: () => 60, write: (text) => void written.push(text) };
    const seen = [campaign(), campaign({ pending_count: 0 }), campaign({ status: 'completed' })];
    const begin = performance.now();
    const end = await watchCampaign(
      () => Promise.resolve(seen.shift() as CampaignDto),
      screen,
      new AbortController().signal,
    );
    expect(end).toMatchObject({ isOver: true, campaign: { status: 'completed' } });
    expect(performance.now() - begin).toBeGreaterThan(1_900);
    expect(written).toHaveLength(3);
    expect(written.every((text) => text.startsWith('\r\u001b[K') && !text.includes('\n'))).toBe(true);
    expect(written.at(-1)).toBe('\r\u001b[K');
  });

  it('goes on while the database restarts', async () => {
    const looks = [
      () => Promise.resolve(campaign()),
      () => Promise.reject(Object.assign(new Error('terminating connection'), { code: '57P01' })),
      () => Promise.resolve(campaign({ status: 'failed' })),
    ];
    const screen: Screen = { isTerminal: false, width: () => 80, write: () => undefined };
    const end = await watchCampaign(
      () => (looks.shift() as () => Promise<CampaignDto>)(),
      screen,
      new AbortController().signal,
    );
    expect(end).toMatchObject({ isOver: true, campaign: { status: 'failed' } });
  });
});
