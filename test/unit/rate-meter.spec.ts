import { RateMeter } from '../../src/campaigns/outcome/rate-meter.js';

const WINDOW_MS = 10_000;

describe('the rate of late', () => {
  const meterOf = (...looks: [at: number, count: number | null][]): RateMeter => {
    const meter = new RateMeter(WINDOW_MS);
    for (const [at, count] of looks) {
      meter.see(new Map(count === null ? [] : [[1, count]]), at);
    }
    return meter;
  };

  it.each<[string, [number, number | null][], number | null]>([
    ['is not known by one look', [[0, 100]], null],
    ['nor of what was never seen', [], null],
    [
      'is what was added over the time between',
      [
        [0, 100],
        [2_000, 260],
      ],
      80,
    ],
    [
      'forgets what is older than the window',
      [
        [0, 0],
        [10_000, 1_000],
        [12_000, 1_020],
        [20_000, 1_100],
      ],
      10,
    ],
    [
      'is nothing when nothing moves',
      [
        [0, 50],
        [5_000, 50],
      ],
      0,
    ],
    [
      'begins anew when some are tried again',
      [
        [0, 500],
        [2_000, 400],
        [4_000, 440],
      ],
      20,
    ],
    [
      'begins anew after a pause',
      [
        [0, 0],
        [2_000, null],
        [100_000, 200],
      ],
      null,
    ],
  ])('%s', (_name, looks, rate) => {
    expect(meterOf(...looks).rateOf(1)).toBe(rate);
  });
});
