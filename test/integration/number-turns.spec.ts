import { register } from 'prom-client';
import { NumberTurns, TurnSettings, type TurnHost } from '../../src/inbox/sending/number-turns.js';
import { RedisLink } from '../../src/queues/redis-link.js';
import { eventually, startTestApp, type TestApp } from '../support/app.js';

const ACCOUNT = 7;
const ANOTHER = 8;

/** Notes what it hears, and grants at once if it is told so. */
function hostThat(grants: boolean) {
  const heard: string[] = [];
  const host: TurnHost = {
    ask: (_id, grant) => {
      heard.push('ask');
      if (grants) {
        grant();
      }
    },
    done: () => heard.push('done'),
  };
  return { host, heard };
}

describe('turns of a number', () => {
  // Two processes, as far as Redis can tell.
  let sender: TestApp;
  let campaigns: TestApp;
  let asking: NumberTurns;
  let hosting: NumberTurns;

  const outcomes = async (): Promise<Map<unknown, number>> => {
    const { values } = (await register.getSingleMetric('parley_send_turns_total')!.get()) as {
      values: { labels: { outcome?: unknown }; value: number }[];
    };
    return new Map(values.map(({ labels, value }) => [labels.outcome, value]));
  };
  /** How one came to its turn, and what it has to say when it is answered. */
  const take = async (accountId: number): Promise<{ outcomes: unknown[]; done: () => void }> => {
    const before = await outcomes();
    const { done } = await asking.take(accountId);
    const after = await outcomes();
    return { outcomes: [...after.keys()].filter((key) => after.get(key) !== (before.get(key) ?? 0)), done };
  };

  beforeAll(async () => {
    [sender, campaigns] = await Promise.all([startTestApp(), startTestApp()]);
    asking = sender.app.get(NumberTurns, { strict: false });
    hosting = campaigns.app.get(NumberTurns, { strict: false });
    // A busy machine may take long for what takes a millisecond.
    for (const { app } of [sender, campaigns]) {
      Object.assign(app.get(TurnSettings, { strict: false }), { deadlineMs: 20_000, mostWaitMs: 30_000 });
      await eventually(
        () => Promise.resolve(app.get(RedisLink, { strict: false }).client.status),
        (status) => status === 'ready',
      );
    }
  });
  afterAll(() => Promise.all([sender.close(), campaigns.close()]));

  it('are nobody’s to give while no campaign is sent from it', async () => {
    expect((await take(ACCOUNT)).outcomes).toEqual(['free']);
  });

  it('are given by the process that sends campaigns from it, which also hears of the answer', async () => {
    const { host, heard } = hostThat(true);
    const { isHeard, close } = await hosting.host(ACCOUNT, host);
    expect(isHeard).toBe(true);
    const { outcomes, done } = await take(ACCOUNT);
    expect(outcomes).toEqual(['granted']);
    expect(heard).toEqual(['ask']);
    done();
    await eventually(
      () => Promise.resolve(heard),
      (all) => all.length === 2,
    );
    expect(heard).toEqual(['ask', 'done']);

    // Another number is no business of this host.
    expect((await take(ANOTHER)).outcomes).toEqual(['free']);
    await close();
    expect((await take(ACCOUNT)).outcomes).toEqual(['free']);
    expect(heard).toHaveLength(2);
  });

  it('are not waited for longer than is set, and such a one says too that it was answered', async () => {
    expect(new TurnSettings()).toMatchObject({ mostWaitMs: 1_000 });
    sender.app.get(TurnSettings, { strict: false }).mostWaitMs = 300;
    const { host, heard } = hostThat(false);
    const { close } = await hosting.host(ACCOUNT, host);
    const startedAt = performance.now();
    const { outcomes, done } = await take(ACCOUNT);
    expect(outcomes).toEqual(['late']);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
    done();
    await eventually(
      () => Promise.resolve(heard),
      (all) => all.includes('done'),
    );
    await close();
  });
});
