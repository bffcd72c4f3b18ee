import { DateTime, IANAZone } from 'luxon';
import { invalidField } from '../common/app-error.js';

/** From the first moment to the last, which is not part of it. */
export interface Span {
  from: Date;
  to: Date;
}

/** A day of a time zone, or the part of it that was asked for. */
export interface Day {
  /** `2026-11-21`. */
  date: string;
  from: Date;
}

/** What figures are asked for. */
export interface Period extends Span {
  timeZone: string;
  /** Every day of it, with those on which nothing happened, and those of 23 or 25 hours. */
  days: Day[];
}

export interface PeriodQuery {
  from?: string | undefined;
  to?: string | undefined;
  time_zone?: string | undefined;
}

const DEFAULT_DAYS = 30;
export const MAX_DAYS = 400;
const QUARTER_MS = 900_000;
const DATE = /^\d{4}-\d\d-\d\d$/;
/** Signed offsets mean one thing to ISO and the opposite to POSIX: a zone has a name. */
const ZONE_NAME = /^[A-Za-z]/;

/**
 * Reads what a request asks for: days of its time zone (`to` included), or moments, which are widened to full quarters of an
 * hour. Without any of it the last 30 days, today included.
 * @throws `400 validation_failed` naming the field
 */
export function readPeriod(query: PeriodQuery, now = new Date()): Period {
  const timeZone = readTimeZone(query.time_zone);
  const today = DateTime.fromJSDate(now, { zone: timeZone }).startOf('day');
  const to = query.to === undefined ? today.plus({ days: 1 }) : readEnd(query.to, timeZone);
  const from =
    query.from === undefined ? startOfDay(to).minus({ days: DEFAULT_DAYS }) : readStart(query.from, timeZone);
  if (from >= to) {
    throw invalidField('from', 'not_before_to', 'from must be before to');
  }
  if (to > from.plus({ days: MAX_DAYS })) {
    throw invalidField('from', 'period_too_long', `At most ${MAX_DAYS} days can be asked for at once`);
  }
  return { from: from.toJSDate(), to: to.toJSDate(), timeZone, days: daysOf(from, to) };
}

/** As many days before, or as much time before what is not made of whole days. */
export function previousOf({ from, to, timeZone, days }: Period): Span {
  const start = DateTime.fromJSDate(from, { zone: timeZone });
  const end = DateTime.fromJSDate(to, { zone: timeZone });
  const isWhole = start.equals(start.startOf('day')) && end.equals(end.startOf('day'));
  const before = isWhole ? start.minus({ days: days.length }) : start.minus(to.getTime() - from.getTime());
  return { from: before.toJSDate(), to: from };
}

/** An IANA name; UTC when there is none. @throws `400 validation_failed` */
export function readTimeZone(name = 'UTC'): string {
  if (!ZONE_NAME.test(name) || !IANAZone.isValidZone(name)) {
    throw invalidField('time_zone', 'unknown_time_zone', 'time_zone must be an IANA name such as Asia/Kolkata');
  }
  return name;
}

/** When today began there. */
export function startOfToday(timeZone: string, now = new Date()): Date {
  return DateTime.fromJSDate(now, { zone: timeZone }).startOf('day').toJSDate();
}

function readStart(text: string, zone: string): DateTime {
  const moment = read('from', text, zone);
  return DATE.test(text) ? moment.startOf('day') : rounded(moment, Math.floor);
}

function readEnd(text: string, zone: string): DateTime {
  const moment = read('to', text, zone);
  return DATE.test(text) ? moment.startOf('day').plus({ days: 1 }).startOf('day') : rounded(moment, Math.ceil);
}

function read(field: string, text: string, zone: string): DateTime {
  const moment = DateTime.fromISO(text, { zone });
  if (!moment.isValid || moment.year < 2000 || moment.year > 2100) {
    throw invalidField(field, 'not_date', `${field} must be a date such as 2026-11-21, or a moment in ISO-8601`);
  }
  return moment;
}

function rounded(moment: DateTime, round: (value: number) => number): DateTime {
  return DateTime.fromMillis(round(moment.toMillis() / QUARTER_MS) * QUARTER_MS, { zone: moment.zone });
}

/** The beginning of the last day that is part of what ends here, and one more. */
function startOfDay(end: DateTime): DateTime {
  const start = end.startOf('day');
  return start.equals(end) ? start : start.plus({ days: 1 });
}

function daysOf(from: DateTime, to: DateTime): Day[] {
  const days: Day[] = [];
  for (let day = from; day < to; day = day.plus({ days: 1 }).startOf('day')) {
    days.push({ date: day.toFormat('yyyy-MM-dd'), from: day.toJSDate() });
  }
  return days;
}
