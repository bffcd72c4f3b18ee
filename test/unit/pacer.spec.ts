import { jest } from '@jest/globals';
import { Guests } from '../../src/campaigns/sending/guests.js';
import { Pacer } from '../../src/campaigns/sending/pacer.js';
import { RoundTrip } from '../../src/campaigns/sending/round-trip.js';

interface Run {
  arrivals: number[];
  endedAt: number;
}

/** Sends as fast as the pacer lets, on a clock of its own: the network delays each request and answer as told. */
function simulate(
  pacer: Pacer,
  count: number,
  delays: (n: number) => { thereMs: number; backMs: number },
  stepMs = 0.25,
  isBusy: (now: number) => boolean = () => false,
): Run {
  const arrivals: number[] = [];
  const answers: { at: number; sentAt: number }[] = [];
  let now = 1_000;
  while (arrivals.length < count) {
    for (const answer of answers.filter((candidate) => candidate.at <= now)) {
      pacer.answered(answer.sentAt, now, 'accepted');
    }
    answers.splice(0, answers.length, ...answers.filter((candidate) => candidate.at > now));
    if (!isBusy(now) && pacer.waitMs(now) <= 0) {
      const { thereMs, backMs } = delays(arrivals.length);
      pacer.take(now);
      arrivals.push(now + thereMs);
      answers.push({ at: now + thereMs + backMs, sentAt: now });
    }
    now += stepMs;
  }
  return { arrivals, endedAt: now };
}

function highestInAnySecond(arrivals: number[]): number {
  const sorted = [...arrivals].sort((a, b) => a - b);
  let first = 0;
  let highest = 0;
  for (const [index, arrival] of sorted.entries()) {
    while ((sorted[first] as number) <= arrival - 1_000) {
      first += 1;
    }
    highest = Math.max(highest, index - first + 1);
  }
  return highest;
}

function averagePerSecond(arrivals: number[]): number {
  const sorted = [...arrivals].sort((a, b) => a - b);
  return ((sorted.length - 1) * 1_000) / ((sorted.at(-1) as number) - (sorted[0] as number));
}

describe('the pacer', () => {
  it.each([80, 1_000])('uses at least 97 % of %i per second and never more in any second', (limit) => {
    const { arrivals } = simulate(new Pacer(limit), limit * 6, () => ({ thereMs: 1, backMs: 49 }));
    expect(averagePerSecond(arrivals)).toBeGreaterThanOrEqual(0.97 * limit);
    expect(highestInAnySecond(arrivals)).toBeLessThanOrEqual(limit);
  });

  it('stays within the limit when the network holds requests back and lets them through at once', () => {
    // Every 200th request opens a stall: all that are sent within 150 ms arrive together at its end.
    let stallEnd = 0;
    let now = 0;
    const pacer = new Pacer(200);
    const { arrivals } = simulate(pacer, 2_000, (n) => {
      now = n;
      if (n % 200 === 199) {
        stallEnd = n + 30;
      }
      return { thereMs: now < stallEnd ? (stallEnd - now) * 5 : 1, backMs: 40 };
    });
    expect(highestInAnySecond(arrivals)).toBeLessThanOrEqual(200);
  });

  it('stays within the limit when the way there takes long for long, and then no longer', () => {
    const pacer = new Pacer(80);
    const { arrivals } = simulate(
      pacer,
      8_800,
      (n) => ({ thereMs: n > 400 && n < 8_000 ? 60 : 1, backMs: 50 }),
      0.25,
      // So that it has to catch up.
      (now) => now % 1_000 < 100,
    );
    expect(highestInAnySecond(arrivals)).toBeLessThanOrEqual(80);
  });

  it('stays within the limit when its first requests and answers are late, as those of a process that has just started', () => {
    const pacer = new Pacer(80);
    const { arrivals } = simulate(pacer, 400, (n) =>
      n < 80 ? { thereMs: 35, backMs: 60 } : { thereMs: 1, backMs: 49 },
    );
    expect(highestInAnySecond(arrivals)).toBeLessThanOrEqual(80);
  });

  it('does not burst after a pause of its own', () => {
    const pacer = new Pacer(100);
    const first = simulate(pacer, 50, () => ({ thereMs: 1, backMs: 9 }));
    // Nobody asks for half a second; then as much as it gives.
    const later: number[] = [];
    for (let now = first.endedAt + 500; now < first.endedAt + 600; now += 0.25) {
      if (pacer.waitMs(now) <= 0) {
        pacer.take(now);
        later.push(now);
      }
    }
    // Ten slots, as many to catch up, and as many for what a timer may be late.
    expect(later.length).toBeLessThanOrEqual(30);
  });

  it('keeps up its rate when its process is busy now and then', () => {
    // The event loop is blocked for 40 ms four times a second: no slot can be taken, no answer read.
    const pacer = new Pacer(1_000);
    const sent: number[] = [];
    const inFlight: number[] = [];
    for (let now = 1_000; sent.length < 6_000; now += 0.25) {
      if (now % 250 < 40) {
        continue;
      }
      while (inFlight.length > 0 && (inFlight[0] as number) + 50 <= now) {
        pacer.answered(inFlight.shift() as number, now, 'accepted');
      }
      if (pacer.waitMs(now) <= 0) {
        pacer.take(now);
        sent.push(now);
        inFlight.push(now);
      }
    }
    expect(averagePerSecond(sent)).toBeGreaterThanOrEqual(960);
    expect(highestInAnySecond(sent)).toBeLessThanOrEqual(1_000);
  });

  it('halves its rate when Graph says it was too much, and is back at what went well within two seconds', () => {
    const pacer = new Pacer(100);
    pacer.slowDown(0, 500);
    expect(pacer.waitMs(100)).toBe(400);
    expect(pacer.currentRate(500)).toBeCloseTo(49.25, 1);
    expect(pacer.currentRate(1_500)).toBeGreaterThanOrEqual(0.9 * 98.5);
    expect(pacer.currentRate(6_000)).toBeCloseTo(98.5, 1);
  });

  it('approaches with care a rate that was refused after it had gone well for a while', () => {
    const pacer = new Pacer(100);
    pacer.slowDown(0, 500);
    pacer.slowDown(10_000, 500);
    expect(pacer.currentRate(11_300)).toBeLessThanOrEqual(0.92 * 98.5);
    expect(pacer.currentRate(20_000)).toBeCloseTo(98.5, 1);
  });

  it('takes a row of refusals for an outage: when it is over, the rate is back within two seconds', () => {
    const pacer = new Pacer(1_000);
    for (let now = 0; now < 5_000; now += 100) {
      pacer.slowDown(now, 500);
    }
    const over = 5_400;
    expect(pacer.currentRate(over)).toBeLessThan(100);
    expect(pacer.currentRate(over + 2_000)).toBeGreaterThanOrEqual(0.9 * 985);
  });

  it('leaves to others what they need of the number, and keeps a tenth', () => {
    const pacer = new Pacer(100);
    pacer.setOthers(30, 1_000);
    const { arrivals } = simulate(pacer, 300, () => ({ thereMs: 1, backMs: 9 }));
    expect(highestInAnySecond(arrivals)).toBeLessThanOrEqual(69);
    pacer.setOthers(5_000, 10_000);
    expect(highestInAnySecond(simulate(pacer, 30, () => ({ thereMs: 1, backMs: 9 })).arrivals)).toBeLessThanOrEqual(10);
  });

  it('uses the whole limit while there are no others', () => {
    const { arrivals } = simulate(new Pacer(100), 3_000, () => ({ thereMs: 1, backMs: 9 }));
    expect(highestInAnySecond(arrivals)).toBe(100);
  });

  it('does not believe at once that the quickest answer so far is as quick as they come', () => {
    // A busy machine: everything is late on the way there, for longer than it takes to learn; then nothing is.
    const pacer = new Pacer(80);
    const { arrivals } = simulate(pacer, 1_600, (n) =>
      n < 80 ? { thereMs: 45, backMs: 60 } : n < 640 ? { thereMs: 12, backMs: 50 } : { thereMs: 1, backMs: 50 },
    );
    expect(highestInAnySecond(arrivals.slice(0, 640))).toBeLessThanOrEqual(80);
    const fromThird = arrivals.slice(160);
    expect(averagePerSecond(fromThird)).toBeGreaterThanOrEqual(0.9 * 80);
  });

  it('takes a quick refusal for no measure of the way: other numbers of the process would pay for it', () => {
    const [calm, troubled] = ((way) => [new Pacer(80, way), new Pacer(80, way)])(new RoundTrip()) as [Pacer, Pacer];
    for (let now = 1_000; now < 2_000; now += 100) {
      troubled.take(now);
      troubled.answered(now, now + 2, 'declined');
    }
    const { arrivals } = simulate(calm, 1_600, () => ({ thereMs: 1, backMs: 49 }));
    expect(averagePerSecond(arrivals.slice(800))).toBeGreaterThanOrEqual(0.99 * 80);
  });

  describe('with single messages', () => {
    /** As {@link simulate}, and single messages ask from time to time. */
    function simulateWith(limit: number, seconds: number, asks: (second: number) => number) {
      const pacer = new Pacer(limit);
      const arrivals: number[] = [];
      const waited: number[] = [];
      let own = 0;
      const answers: { at: number; sentAt: number | null }[] = [];
      const waiting: number[] = [];
      const until = 1_000 + seconds * 1_000;
      for (let now = 1_000; now < until; now += 0.5) {
        for (const { sentAt } of answers.filter(({ at }) => at <= now)) {
          if (sentAt === null) {
            pacer.guestAnswered(now);
          } else {
            pacer.answered(sentAt, now, 'accepted');
          }
        }
        answers.splice(0, answers.length, ...answers.filter(({ at }) => at > now));
        const count = (now - 1_000) % 1_000 === 500 ? asks(Math.floor((now - 1_000) / 1_000)) : 0;
        waiting.push(...Array.from({ length: count }, () => now));
        while (waiting.length > 0 && pacer.guestWaitMs(now) <= 0) {
          pacer.takeForGuest();
          waited.push(now - (waiting.shift() as number));
          // Its process takes its time to send what it may.
          arrivals.push(now + 20);
          answers.push({ at: now + 80, sentAt: null });
        }
        pacer.expectGuests(waiting.length);
        if (pacer.waitMs(now) <= 0) {
          pacer.take(now);
          own += 1;
          arrivals.push(now + 1);
          answers.push({ at: now + 51, sentAt: now });
        }
      }
      return { arrivals, waited, own };
    }

    it('gives them the next places, and its own sends what is left', () => {
      const { arrivals, waited, own } = simulateWith(80, 12, () => 20);
      expect(highestInAnySecond(arrivals)).toBeLessThanOrEqual(80);
      expect(waited).toHaveLength(240);
      expect(Math.max(...waited)).toBeLessThanOrEqual(400);
      expect(own / 12).toBeGreaterThanOrEqual(55);
    });

    it('keeps a tenth to itself, however many they are', () => {
      const { arrivals, own } = simulateWith(80, 12, () => 200);
      expect(highestInAnySecond(arrivals)).toBeLessThanOrEqual(80);
      expect(own / 12).toBeGreaterThanOrEqual(7);
    });

    it('lets them go while its own sends pause: what is wrong may not be with them', () => {
      const pacer = new Pacer(80);
      pacer.block(1_000, 5_000);
      expect(pacer.waitMs(2_000)).toBeGreaterThan(0);
      expect(pacer.guestWaitMs(2_000)).toBe(0);
    });

    it('lets them go though customers write more than the number takes', () => {
      const pacer = new Pacer(80);
      pacer.setOthers(5_000, 1_000);
      expect(pacer.guestWaitMs(1_000)).toBe(0);
    });

    it('counts also those who were not granted their turn', () => {
      const pacer = new Pacer(1);
      const guests = new Guests(pacer);
      const granted: string[] = [];
      guests.ask('a', () => granted.push('a'));
      guests.ask('b', () => granted.push('b'));
      expect(granted).toEqual(['a']);
      guests.done('b');
      guests.done('nobody');
      guests.ask('c', () => granted.push('c'));
      expect(granted).toEqual(['a']);
      expect(pacer.waitMs(performance.now())).toBeGreaterThan(0);
      guests.close();
      expect(granted).toEqual(['a', 'c']);
    });

    it('gets the place back of one whose process died, though no other single message comes', () => {
      jest.useFakeTimers();
      try {
        const pacer = new Pacer(1);
        new Guests(pacer).ask('a', () => undefined);
        jest.advanceTimersByTime(10_000);
        expect(pacer.waitMs(performance.now())).toBeGreaterThan(0);
        jest.advanceTimersByTime(7_000);
        expect(pacer.waitMs(performance.now())).toBe(0);
      } finally {
        jest.useRealTimers();
      }
    });
  });

  it('an answer to what was sent before the maintenance does not end it', () => {
    const pacer = new Pacer(100);
    pacer.take(20);
    pacer.block(100, 1_000);
    pacer.answered(20, 110, 'accepted');
    expect(pacer.waitMs(1_101)).toBe(0);
    pacer.take(1_101);
    expect(pacer.waitMs(1_200)).toBeGreaterThan(0);
  });

  it('after maintenance sends one first, and the others when that went well', () => {
    const pacer = new Pacer(100);
    pacer.block(0, 1_000);
    expect(pacer.waitMs(999)).toBe(1);
    expect(pacer.waitMs(1_001)).toBe(0);
    pacer.take(1_001);
    expect(pacer.waitMs(1_100)).toBeGreaterThan(0);
    pacer.answered(1_001, 1_100, 'refused');
    pacer.block(1_100, 1_000);
    expect(pacer.waitMs(1_500)).toBe(600);
    pacer.take(2_101);
    pacer.answered(2_101, 2_150, 'accepted');
    expect(pacer.waitMs(2_200)).toBe(0);
  });
});
