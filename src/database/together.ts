import { actAs } from '../common/actor.js';
import { AppError } from '../common/app-error.js';
import { isConnectionLoss } from './pg-error.js';

/** What a round could not do for some, by their place in it: they alone are told, and the round begins again without them. */
export class Refused extends Error {
  constructor(readonly errors: ReadonlyMap<number, unknown>) {
    super('Some of a round were refused');
  }
}

interface Caller<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

interface Queue<Item, Result> {
  waiting: Caller<Item, Result>[];
  running: number;
}

/** More than this in one round, and the first would wait for the last. */
const MOST = 100;
/** Rounds of one key at a time: two, for one may have to wait for a lock that only one of its callers needs. */
const ROUNDS = 2;

/**
 * Does for many callers in one transaction what each would do in one of its own (group commit): while rounds are under
 * way, who comes next waits for the first to end and shares the next. Who is alone waits for nobody. A statement for twenty
 * costs little more than a statement for one.
 *
 * The work answers in the order of its items, and must leave nothing behind when it fails: then each is done alone, so that
 * nobody suffers for another. Only a lost connection is told to all, for nobody knows whether that round was committed.
 */
export class Together<Item, Result> {
  private readonly queues = new Map<number, Queue<Item, Result>>();

  constructor(private readonly work: (items: readonly [Item, ...Item[]]) => Promise<readonly Result[]>) {}

  /** @param key only callers with the same one share a round */
  run(key: number, item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const queue = this.queues.get(key) ?? { waiting: [], running: 0 };
      this.queues.set(key, queue);
      queue.waiting.push({ item, resolve, reject });
      if (queue.running < ROUNDS) {
        // It is no single caller's doing: without this all rounds would be of whoever came first.
        void actAs({ type: 'system' }, () => this.drain(key, queue));
      }
    });
  }

  private async drain(key: number, queue: Queue<Item, Result>): Promise<void> {
    queue.running += 1;
    while (queue.waiting.length > 0) {
      await this.round(queue.waiting.splice(0, MOST));
    }
    queue.running -= 1;
    if (queue.running === 0) {
      this.queues.delete(key);
    }
  }

  /** Ends when the next may begin; never fails. */
  private async round(callers: readonly Caller<Item, Result>[]): Promise<void> {
    const [first, ...others] = callers;
    if (!first) {
      return;
    }
    try {
      const results = await this.work([first.item, ...others.map(({ item }) => item)]);
      callers.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      if (error instanceof Refused && error.errors.size > 0) {
        error.errors.forEach((reason, index) => callers[index]?.reject(reason));
        await this.round(callers.filter((_caller, index) => !error.errors.has(index)));
      } else if (others.length === 0 || isConnectionLoss(error)) {
        callers.forEach(({ reject }) => reject(error));
      } else {
        // Not waited for: one that must wait for a lock would hold up all who come next.
        callers.forEach((caller) => void this.round([caller]));
      }
    }
  }
}

/**
 * Work on each, one after the other, of which some may be refused.
 * @throws Refused with those, after all were tried
 */
export async function everyOne<T, R>(items: readonly T[], work: (item: T) => R | Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const refused = new Map<number, unknown>();
  for (const [index, item] of items.entries()) {
    try {
      results.push(await work(item));
    } catch (error) {
      if (!(error instanceof AppError)) {
        throw error;
      }
      refused.set(index, error);
    }
  }
  if (refused.size > 0) {
    throw new Refused(refused);
  }
  return results;
}
