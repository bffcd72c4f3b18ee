import fc from 'fast-check';
import { DateTime } from 'luxon';
import { quietUntil, zonesOf } from '../../src/campaigns/sending/quiet-hours.js';

const NIGHT = { start: '21:00', end: '08:00' };
const at = (iso: string): Date => new Date(iso);

/** In minutes. */
const lengthOf = (start: string, end: string): number => {
  const minutes = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
  return (minutes(end) - minutes(start) + 1_440) % 1_440;
};

describe('quiet hours', () => {
  it.each([
    ['an evening', '2026-11-21T15:29:00Z', null],
    ['its first minute', '2026-11-21T15:30:00Z', '2026-11-22T02:30:00.000Z'],
    ['after midnight', '2026-11-21T20:00:00Z', '2026-11-22T02:30:00.000Z'],
    ['its last minute', '2026-11-22T02:29:59Z', '2026-11-22T02:30:00.000Z'],
    ['the morning', '2026-11-22T02:30:00Z', null],
  ])('by the clock of the country: %s', (_name, now, until) => {
    expect(quietUntil(NIGHT, zonesOf('IN'), at(now))?.toISOString() ?? null).toBe(until);
  });

  it('of one day', () => {
    const lunch = { start: '12:00', end: '14:30' };
    expect(quietUntil(lunch, ['Europe/Berlin'], at('2026-07-01T10:30:00Z'))?.toISOString()).toBe(
      '2026-07-01T12:30:00.000Z',
    );
    expect(quietUntil(lunch, ['Europe/Berlin'], at('2026-07-01T12:30:00Z'))).toBeNull();
  });

  it('in a country of several zones hold while any of them is quiet', () => {
    const zones = ['America/New_York', 'America/Los_Angeles'];
    // 08:30 in New York, 05:30 in Los Angeles.
    expect(quietUntil(NIGHT, zones, at('2026-11-21T13:30:00Z'))?.toISOString()).toBe('2026-11-21T16:00:00.000Z');
    // 20:59 in Los Angeles is 23:59 in New York.
    expect(quietUntil(NIGHT, zones, at('2026-11-22T04:59:00Z'))?.toISOString()).toBe('2026-11-22T16:00:00.000Z');
  });

  it('that wander through the zones hour by hour hold until the last of them is through', () => {
    // Noon in Kaliningrad, the westernmost; each hour before it was another zone's.
    const noon = { start: '12:00', end: '13:00' };
    const until = quietUntil(noon, zonesOf('RU'), at('2026-09-19T00:00:00Z'));
    expect(until?.toISOString()).toBe('2026-09-19T11:00:00.000Z');
  });

  it('count by the first zone alone where some zone is always quiet', () => {
    const long = { start: '13:00', end: '12:00' };
    const until = quietUntil(long, ['Asia/Kolkata', 'America/New_York'], at('2026-11-21T09:00:00Z'));
    expect(until?.toISOString()).toBe('2026-11-22T06:30:00.000Z');
  });

  it('hold through a change of the clocks', () => {
    // The night in which Berlin goes from UTC+2 to UTC+1.
    expect(quietUntil(NIGHT, ['Europe/Berlin'], at('2026-10-24T22:00:00Z'))?.toISOString()).toBe(
      '2026-10-25T07:00:00.000Z',
    );
  });

  it('of a person whose country nobody knows do not hold', () => {
    expect(quietUntil(NIGHT, zonesOf(null), at('2026-11-21T20:00:00Z'))).toBeNull();
    expect(quietUntil(NIGHT, zonesOf('ZZ'), at('2026-11-21T20:00:00Z'))).toBeNull();
  });

  it('end at a moment at which nobody of the country is quiet, for any night and any moment', () => {
    const clock = fc
      .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
      .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
    const country = fc.constantFrom('IN', 'US', 'BR', 'DE', 'AU', 'RU', 'NP', 'MX');
    fc.assert(
      fc.property(
        clock,
        clock,
        country,
        fc.date({ min: at('2026-01-01'), max: at('2027-01-01'), noInvalidDate: true }),
        (start, end, code, now) => {
          fc.pre(lengthOf(start, end) > 0 && lengthOf(start, end) <= 10 * 60);
          const zones = zonesOf(code);
          const until = quietUntil({ start, end }, zones, now);
          if (until === null) {
            const inQuiet = (zone: string): boolean => {
              const local = DateTime.fromJSDate(now, { zone }).toFormat('HH:mm');
              return start < end ? local >= start && local < end : local >= start || local < end;
            };
            expect(zones.some(inQuiet)).toBe(false);
          } else {
            expect(until.getTime()).toBeGreaterThan(now.getTime());
            const first = DateTime.fromJSDate(until, { zone: zones[0] as string }).toFormat('HH:mm');
            expect(start < end ? first >= start && first < end : first >= start || first < end).toBe(false);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
