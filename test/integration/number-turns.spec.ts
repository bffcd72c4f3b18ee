import { NumberTurns, type TurnHost } from '../../src/inbox/sending/number-turns.js';
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

  const timed = async (accountId: number): Promise<{ ms: number; done: () => void }> => {
    const from = performance.now();
    const { done } = await asking.take(accountId);
    return { ms: performance.now() - from, done };
  };

  beforeAll(async () => {
    [sender, campaigns] = await Promise.all([startTestApp(), startTestApp()]);
    asking = sender.app.get(NumberTurns, { strict: false });
    hosting = campaigns.app.get(NumberTurns, { strict: false });
    // The first one connects.
    await asking.take(ACCOUNT);
  });
  afterAll(() => Promise.all([sender.close(), campaigns.close()]));

  it('are nobody’s to give while no campaign is sent from it', async () => {
    expect((await timed(ACCOUNT)).ms).toBeLessThan(500);
  });

  it('are given by the process that sends campaigns from it, which also hears of the answer', async () => {
    const { host, heard } = hostThat(true);
    const { isHeard, close } = await hosting.host(ACCOUNT, host);
    expect(isHeard).toBe(true);
    const { ms, done } = await timed(ACCOUNT);
    expect(ms).toBeLessThan(900);
    expect(heard).toEqual(['ask']);
    done();
    await eventually(
      () => Promise.resolve(heard),
      (all) => all.length === 2,
    );
    expect(heard).toEqual(['ask', 'done']);

    // Another number is no business of this host.
    expect((await timed(ANOTHER)).ms).toBeLessThan(900);
    await close();
    expect((await timed(ACCOUNT)).ms).toBeLessThan(900);
    expect(heard).toHaveLength(2);
  });

  it('are not waited for longer than a second, and such a one says too that it was answered', async () => {
    const { host, heard } = hostThat(false);
    const { close } = await hosting.host(ACCOUNT, host);
    const { ms, done } = await timed(ACCOUNT);
    expect(ms).toBeGreaterThanOrEqual(990);
    expect(ms).toBeLessThan(3_000);
    done();
    await eventually(
      () => Promise.resolve(heard),
      (all) => all.includes('done'),
    );
    await close();
  });
});
