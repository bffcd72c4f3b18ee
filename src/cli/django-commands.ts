import { DjangoImport } from '../django/django-import.service.js';
import { DjangoSourceError } from '../django/django-source.js';
import { KINDS, type ImportReport, type KindName, type KindReport, type Reason } from '../django/import-report.js';
import type { Command, Values } from './command.js';
import { UsageError, withApp } from './context.js';
import { countOf, durationOf, Progress } from './screen.js';
import { tableOf } from './table.js';

/** Moving here from the Django package. */
export const DJANGO_COMMANDS: Record<string, Command> = {
  'import django': {
    usage:
      'import django --database-url URL [--dry-run] [--fernet-key KEY] [--secret-key KEY] [--media-root DIR] [--account ID] ' +
      '[--only KINDS] [--table-prefix PREFIX]',
    summary:
      'bring in the PostgreSQL database of the Django package; it is only read, nobody is sent anything, and it can be run ' +
      'again. DJANGO_DATABASE_URL, DJANGO_ENCRYPTION_KEY and DJANGO_SECRET_KEY do for options that others could read',
    options: {
      'database-url': { type: 'string', describes: 'postgres://… of Django (else DJANGO_DATABASE_URL)' },
      'dry-run': { type: 'boolean', describes: 'keep nothing; the report is that of the real import' },
      'fernet-key': {
        type: 'string',
        describes: 'WHATSAPP["ENCRYPTION_KEY"], several separated by commas (else DJANGO_ENCRYPTION_KEY)',
      },
      'secret-key': { type: 'string', describes: 'SECRET_KEY of Django (else DJANGO_SECRET_KEY)' },
      'media-root': { type: 'string', describes: 'MEDIA_ROOT of Django, to copy its files' },
      account: { type: 'string', describes: 'account here for what names none there' },
      only: { type: 'string', describes: `some of ${KINDS.join(',')}`, choices: KINDS },
      'table-prefix': { type: 'string', describes: 'when the app has another label (django_meta_whatsapp_)' },
    },
    run: async (values) => {
      const options = optionsOf(values);
      const progress = new Map<KindName, Progress>();
      const begun = performance.now();
      const report = await withApp((app) =>
        app.get(DjangoImport).run({
          ...options,
          onProgress: (kind, done, total) => {
            const bar = progress.get(kind) ?? new Progress(kind);
            progress.set(kind, bar);
            bar.show(done, total);
            if (done >= total) {
              bar.end();
            }
          },
        }),
      ).catch((error: unknown) => {
        throw error instanceof DjangoSourceError ? new UsageError(error.message) : error;
      });
      const seconds = Math.round((performance.now() - begun) / 100) / 10;
      return { text: textOf(report, seconds), json: { ...report, seconds } };
    },
  },
};

type RunOptions = Parameters<DjangoImport['run']>[0];

function optionsOf(values: Values): RunOptions {
  const databaseUrl = text(values['database-url']) ?? process.env.DJANGO_DATABASE_URL;
  if (!databaseUrl) {
    throw new UsageError('Give --database-url, or set DJANGO_DATABASE_URL: a command line is readable by others.');
  }
  const only = text(values.only)
    ?.split(',')
    .map((kind) => kind.trim())
    .filter(Boolean);
  const unknown = only?.filter((kind) => !(KINDS as readonly string[]).includes(kind)) ?? [];
  if (unknown.length > 0) {
    throw new UsageError(`Unknown: ${unknown.join(', ')}. There are: ${KINDS.join(', ')}`);
  }
  const account = text(values.account);
  if (account !== undefined && !/^\d{1,15}$/.test(account)) {
    throw new UsageError('--account is the id of an account here.');
  }
  const mediaRoot = text(values['media-root']);
  const tablePrefix = text(values['table-prefix']);
  return {
    databaseUrl,
    isDry: values['dry-run'] === true,
    fernetKeys: keysOf(text(values['fernet-key']) ?? process.env.DJANGO_ENCRYPTION_KEY),
    secretKeys: keysOf(text(values['secret-key']) ?? process.env.DJANGO_SECRET_KEY),
    ...(only && only.length > 0 ? { only: only as KindName[] } : {}),
    ...(account === undefined ? {} : { accountId: Number(account) }),
    ...(mediaRoot === undefined ? {} : { mediaRoot }),
    ...(tablePrefix === undefined ? {} : { tablePrefix }),
  };
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A key may have a comma in it, so the whole is tried too. */
function keysOf(given: string | undefined): string[] {
  return given ? [...new Set([given, ...given.split(',')])].filter(Boolean) : [];
}

const COUNTS = ['read', 'created', 'updated', 'unchanged', 'merged', 'kept', 'skipped'] as const;

function textOf(report: ImportReport, seconds: number): string {
  const kinds = Object.entries(report.kinds) as [KindName, KindReport][];
  const table = tableOf(kinds, [
    { title: 'kind', of: ([kind]) => kind },
    ...COUNTS.map((count) => ({
      title: count,
      of: ([, kind]: [KindName, KindReport]) => countOf(kind[count]),
      align: 'right' as const,
    })),
  ]);
  const remarks = kinds.flatMap(([kind, { skipped_because: skipped, cleaned, merged_because: merged }]) => [
    ...remarksOf(`${kind} skipped`, skipped),
    ...remarksOf(`${kind} cleaned`, cleaned),
    ...remarksOf(`${kind} merged`, merged),
  ]);
  const leftOut = Object.entries(report.not_imported)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${countOf(count)} ${kind.replaceAll('_', ' ')} are not imported.`);
  return [
    report.dry_run ? 'A dry run: nothing was kept.' : `Imported in ${durationOf(seconds)}.`,
    table,
    ...(remarks.length > 0 ? ['', ...remarks] : []),
    ...(report.contacts_linked > 0
      ? [
          `${countOf(report.contacts_linked)} contacts whom no account knew went to account ${report.default_account_id}.`,
        ]
      : []),
    ...leftOut,
  ].join('\n');
}

function remarksOf(what: string, reasons: Record<string, Reason>): string[] {
  return Object.entries(reasons).map(
    ([reason, { count, source_ids: ids }]) =>
      `${what}: ${reason} ${countOf(count)} (ids there: ${ids.join(', ')}${count > ids.length ? ', …' : ''})`,
  );
}
