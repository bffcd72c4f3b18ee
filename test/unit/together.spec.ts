import { currentActor, actAs } from '../../src/common/actor.js';
import { Refused, Together } from '../../src/database/together.js';

/** A round that ends when it is told to. */
interface Round {
  items: readonly string[];
  end: (results?: readonly string[]) => void;
  fail: (error: unknown) => void;
}

function gated(): { together: Together<string, string>; rounds: Round[] } {
  const rounds: Round[] = [];
  const together = new Together<string, string>(
    (items) =>
      new Promise((resolve, reject) => {
        rounds.push({
          items,
          end: (results) => resolve(results ?? items.map((item) => item.toUpperCase())),
          fail: reject,
        });
      }),
  );
  return { together, rounds };
}

/** Long enough for promises to be taken up. */
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function outcomes(runs: Promise<string>[]): Promise<string[]> {
  const settled = await Promise.allSettled(runs);
  return settled.map((run) => (run.status === 'fulfilled' ? run.value : (run.reason as Error).message));
}

describe('who does the same at the same time', () => {
  it('waits for nobody when alone, and shares a round with those who came while two were under way', async () => {
    const { together, rounds } = gated();
    const answers = outcomes(['a', 'b', 'c', 'd'].map((item) => together.run(1, item)));
    expect(rounds.map(({ items }) => items)).toEqual([['a'], ['b']]);
    rounds[1]?.end();
    await soon();
    expect(rounds.map(({ items }) => items)).toEqual([['a'], ['b'], ['c', 'd']]);
    rounds[0]?.end();
    rounds[2]?.end();
    expect(await answers).toEqual(['A', 'B', 'C', 'D']);

    const later = together.run(1, 'e');
    expect(rounds[3]?.items).toEqual(['e']);
    rounds[3]?.end();
    expect(await later).toBe('E');
  });

  it('does not wait for those with another key', () => {
    const { together, rounds } = gated();
    ['a', 'b', 'c'].forEach((item) => void together.run(1, item));
    void together.run(2, 'd');
    expect(rounds.map(({ items }) => items)).toEqual([['a'], ['b'], ['d']]);
  });

  it('goes in rounds of a hundred at most, first come first', async () => {
    const { together, rounds } = gated();
    const answers = outcomes(Array.from({ length: 152 }, (_, index) => together.run(1, `i${index}`)));
    rounds[0]?.end();
    await soon();
    expect(rounds[2]?.items).toHaveLength(100);
    expect(rounds[2]?.items[0]).toBe('i2');
    rounds[1]?.end();
    await soon();
    expect(rounds[3]?.items).toHaveLength(50);
    rounds[2]?.end();
    rounds[3]?.end();
    expect(await answers).toEqual(Array.from({ length: 152 }, (_, index) => `I${index}`));
  });

  /** Two rounds that are over, and one of c, d and e. */
  async function three(): Promise<{ rounds: Round[]; answers: Promise<string[]> }> {
    const { together, rounds } = gated();
    const answers = outcomes(['a', 'b', 'c', 'd', 'e'].map((item) => together.run(1, item)));
    rounds[0]?.end();
    rounds[1]?.end();
    await soon();
    expect(rounds[2]?.items).toEqual(['c', 'd', 'e']);
    return { rounds, answers };
  }

  it('does not suffer for another: a round that fails is done one by one', async () => {
    const { rounds, answers } = await three();
    rounds[2]?.fail(new Error('d is impossible'));
    await soon();
    expect(rounds.slice(3).map(({ items }) => items)).toEqual([['c'], ['d'], ['e']]);
    rounds[3]?.end();
    rounds[4]?.fail(new Error('d is impossible'));
    rounds[5]?.end();
    expect(await answers).toEqual(['A', 'B', 'C', 'd is impossible', 'E']);
  });

  it('goes on together when some are refused', async () => {
    const { rounds, answers } = await three();
    rounds[2]?.fail(new Refused(new Map([[1, new Error('not d')]])));
    await soon();
    expect(rounds[3]?.items).toEqual(['c', 'e']);
    rounds[3]?.end();
    expect(await answers).toEqual(['A', 'B', 'C', 'not d', 'E']);
  });

  it('does nothing twice when the connection was lost: it may have been done', async () => {
    const { rounds, answers } = await three();
    const lost = 'Connection terminated unexpectedly';
    rounds[2]?.fail(new Error(lost));
    expect(await answers).toEqual(['A', 'B', lost, lost, lost]);
    expect(rounds).toHaveLength(3);
  });

  it('is nobody in particular: what a round writes down is not done by whoever came first', async () => {
    const together = new Together<string, string>((items) => Promise.resolve(items.map(() => currentActor().type)));
    expect(await actAs({ type: 'cli' }, () => together.run(1, 'a'))).toBe('system');
  });
});
