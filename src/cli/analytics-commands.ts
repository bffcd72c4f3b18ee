import { Recount, type RecountReport } from '../analytics/recount.js';
import type { Command } from './command.js';
import { UsageError, withApp } from './context.js';

/** Figures differ, and were not put right. */
const DIFFERENT = 2;
const DATE = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;

/** Keeping the figures honest. */
export const ANALYTICS_COMMANDS: Record<string, Command> = {
  'analytics recount': {
    usage: 'analytics recount [--from DATE] [--to DATE] [--fix]',
    summary:
      'count all messages anew and compare with the figures (exit code 2 when they differ); --fix puts them right, sending may go on',
    options: { from: { type: 'string' }, to: { type: 'string' }, fix: { type: 'boolean' } },
    run: (values) =>
      withApp(async (app) => {
        const from = dateOf('from', values.from);
        const to = dateOf('to', values.to);
        const report = await app.get(Recount).run({
          ...(from ? { from } : {}),
          ...(to ? { to: new Date(to.getTime() + DAY_MS) } : {}),
          fix: values.fix === true,
        });
        return {
          text: textOf(report),
          json: {
            from: report.from.toISOString(),
            to: report.to.toISOString(),
            is_equal: report.isEqual,
            is_fixed: report.isFixed,
            differences: report.differences,
          },
          exitCode: report.isEqual || report.isFixed ? 0 : DIFFERENT,
        };
      }),
  },
};

/** Days of UTC. */
function dateOf(name: string, value: string | boolean | undefined): Date | null {
  if (value === undefined) {
    return null;
  }
  const date = typeof value === 'string' && DATE.test(value) ? new Date(`${value}T00:00:00Z`) : null;
  if (!date || Number.isNaN(date.getTime())) {
    throw new UsageError(`--${name} must be a date such as 2026-11-21.`);
  }
  return date;
}

function textOf({ isEqual, isFixed, differences }: RecountReport): string {
  if (isEqual) {
    return 'The figures are those of a recount.';
  }
  const lines = differences.flatMap(({ statistics, accounts }) =>
    accounts.map(({ account_id: account, missing }) => {
      const words = Object.entries(missing).flatMap(([name, n]) =>
        n === 0 ? [] : [`${name} ${n > 0 ? '+' : ''}${n}`],
      );
      return `account ${account}, ${statistics}: ${words.join(', ') || 'in other quarters of an hour, or under other names'}`;
    }),
  );
  return ['A recount differs by:', ...lines, isFixed ? 'Put right.' : 'Run it with --fix to put that right.'].join(
    '\n',
  );
}
