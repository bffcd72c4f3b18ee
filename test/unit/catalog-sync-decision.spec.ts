import { decide } from '../../src/catalog/sync-decision.js';
import { ambiguous, failureOf, notSent, type GraphFailure } from '../../src/meta/graph-error.js';

const STARTED = new Date('2026-11-21T09:00:00.000Z');
const sync = { attempts: 0, restarts: 0, pageSize: 500, afterCursor: 'abc', startedAt: STARTED };
const after = (seconds: number): number => STARTED.getTime() + seconds * 1_000;
const refusal = (code: number): GraphFailure => failureOf(400, { error: { code, message: 'no' } });

describe('what becomes of a sync whose page could not be read', () => {
  it.each([80008, 80007, 4])('waits out the rate %i, longer the longer it lasts, and asks for no less', (code) => {
    const waits = [1, 60, 3_600].map((seconds) => decide(sync, refusal(code), after(seconds)));
    expect(waits).toEqual([2, 15, 60].map((waitS) => ({ kind: 'wait', waitS, attempts: 0, pageSize: 500 })));
  });

  it('gives up on a rate that lasts for hours', () => {
    expect(decide(sync, refusal(80008), after(7 * 3_600))).toEqual({ kind: 'fail' });
  });

  it.each([
    ['Meta asks for less', refusal(1)],
    ['no answer came', ambiguous('lost')],
    ['Meta cannot be reached', notSent('away')],
  ])('asks again for half when %s, five times', (_name, failure) => {
    expect(decide(sync, failure)).toEqual({ kind: 'wait', waitS: 1, attempts: 1, pageSize: 250 });
    expect(decide({ ...sync, attempts: 3, pageSize: 30 }, failure)).toEqual({
      kind: 'wait',
      waitS: 8,
      attempts: 4,
      pageSize: 25,
    });
    expect(decide({ ...sync, attempts: 4 }, failure)).toEqual({ kind: 'fail' });
  });

  it('begins anew when Meta does not know the cursor, three times', () => {
    expect(decide(sync, refusal(131059))).toEqual({ kind: 'restart' });
    expect(decide({ ...sync, restarts: 3 }, refusal(131059))).toEqual({ kind: 'fail' });
    expect(decide({ ...sync, afterCursor: null }, refusal(131059))).toEqual({ kind: 'fail' });
  });

  it.each([100, 190, 200, 10, 368])('ends with the refusal %i at once', (code) => {
    expect(decide(sync, refusal(code))).toEqual({ kind: 'fail' });
  });
});
