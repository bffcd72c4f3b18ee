import { getCountry, type Country } from 'countries-and-timezones';
import { DateTime } from 'luxon';
import type { QuietHours } from '../campaign.entity.js';

/**
 * Rounds in which a country of several zones must find a time at which none of them is quiet: a short quiet time wanders
 * through its zones hour by hour.
 */
const MAX_ROUNDS = 30;

/** The zones of a country, its own first; a country nobody knows has none. */
export function zonesOf(country: string | null): string[] {
  const known: Country | null = country === null ? null : getCountry(country);
  return known?.timezones ?? [];
}

/**
 * When somebody may be written to again. In a country of several zones nobody is written to while any of them is quiet: a
 * phone number does not say in which of them its owner sleeps. Where some zone always is, the first one counts alone.
 * @returns null when it is not quiet now
 */
export function quietUntil(quiet: QuietHours, zones: readonly string[], now: Date): Date | null {
  const first = zones[0];
  if (first === undefined) {
    return null;
  }
  let at = now;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const ends = zones.flatMap((zone) => endOfQuiet(quiet, zone, at) ?? []);
    if (ends.length === 0) {
      return at === now ? null : at;
    }
    at = new Date(Math.max(...ends.map((end) => end.getTime())));
  }
  return endOfQuiet(quiet, first, now);
}

/** The end of the quiet time that holds at a moment in a zone, or null when none does. */
function endOfQuiet({ start, end }: QuietHours, zone: string, at: Date): Date | null {
  const local = DateTime.fromJSDate(at, { zone });
  if (!local.isValid) {
    return null;
  }
  const minute = local.hour * 60 + local.minute;
  const [from, to] = [minutesOf(start), minutesOf(end)];
  const isQuiet = from < to ? minute >= from && minute < to : minute >= from || minute < to;
  if (!isQuiet) {
    return null;
  }
  const sameDay = local.set({ hour: Math.floor(to / 60), minute: to % 60, second: 0, millisecond: 0 });
  return (sameDay > local ? sameDay : sameDay.plus({ days: 1 })).toJSDate();
}

function minutesOf(clock: string): number {
  const [hour, minute] = clock.split(':').map(Number);
  return (hour ?? 0) * 60 + (minute ?? 0);
}
