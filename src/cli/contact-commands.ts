import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { INestApplicationContext } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { sleep } from '../common/sleep.js';
import { EXPORT_HEADER, toCsvLine } from '../contacts/contact-csv.js';
import { ContactsService, type ContactQuery } from '../contacts/contacts.service.js';
import { toImportDto, type ContactImportDto } from '../contacts/import/contact-import.dto.js';
import { ContactImportsService } from '../contacts/import/contact-imports.service.js';
import { ImportRunner } from '../contacts/import/import-runner.js';
import type { Command, Output, Values } from './command.js';
import { CommandFailed, UsageError, withApp } from './context.js';
import { countOf, Progress } from './screen.js';
import { tableOf } from './table.js';
import { ACCOUNT, accountOf } from './values.js';

const SHOWN_ERRORS = 20;
/** A worker may have the import in hand as well. */
const BUSY_WAIT_MS = 200;
const OVER: readonly string[] = ['completed', 'failed'];

/** People, in and out as files. */
export const CONTACT_COMMANDS: Record<string, Command> = {
  'contacts import': {
    usage: 'contacts import FILE [--account ID]',
    summary: 'bring contacts in from a CSV file (phone, name, email, labels, notes, opted_out); - reads stdin',
    options: { account: ACCOUNT },
    positionals: 1,
    takesFile: true,
    run: (values, [file = '']) => withApp(async (app) => importFile(app, await accountOf(app, values), file)),
  },
  'contacts export': {
    usage: 'contacts export [--output FILE] [--account ID] [--label LABEL] [--opted-out]',
    summary: 'write contacts as CSV, to stdout unless --output names a file; --json tells how many and needs one',
    options: {
      account: ACCOUNT,
      output: { type: 'string', short: 'o', describes: 'file to write' },
      label: { type: 'string', describes: 'only people with this label' },
      'opted-out': { type: 'boolean', describes: 'only people who opted out' },
    },
    run: async (values) => {
      const file = typeof values.output === 'string' && values.output !== '' ? values.output : null;
      if (values.json === true && file === null) {
        throw new UsageError('With --json, --output FILE is needed: the contacts themselves go to stdout.');
      }
      return withApp(async (app) => {
        const contacts = await exportTo(app, await accountOf(app, values), file, queryOf(values));
        // To stdout went the contacts: nothing else may.
        return { text: file === null ? '' : `${countOf(contacts)} contacts in ${file}`, json: { contacts, file } };
      });
    },
  },
};

async function importFile(app: INestApplicationContext, account: Account, file: string): Promise<Output> {
  const imports = app.get(ContactImportsService);
  let row;
  try {
    // Opened before anything waits: a stream that fails while nobody listens would end the process.
    const source = file === '-' ? process.stdin : (await open(file)).createReadStream();
    row = await imports.upload({ account, accountIds: [] }, source);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') {
      throw new CommandFailed(`${file} cannot be read (${code}).`, 'file_not_readable');
    }
    throw error;
  }
  // A large file is a worker's; here it goes on all the same, so that it ends without one and can be watched.
  const progress = new Progress('contacts');
  while (!OVER.includes(row.status)) {
    progress.show(row.processed_count, row.total_count);
    if ((await app.get(ImportRunner).step(row.id)) === 'busy') {
      await sleep(BUSY_WAIT_MS);
    }
    row = await imports.get(account.id, row.id);
  }
  progress.end();
  const done = toImportDto(row);
  return { text: wordsOf(done), json: done, exitCode: done.status === 'completed' ? 0 : 1 };
}

function wordsOf(done: ContactImportDto): string {
  const counts = `${countOf(done.created)} created, ${countOf(done.updated)} updated, ${countOf(done.skipped)} skipped`;
  if (done.errors.length === 0) {
    return counts;
  }
  const errors = tableOf(done.errors.slice(0, SHOWN_ERRORS), [
    { title: 'line', of: (error) => error.line, align: 'right' },
    { title: 'field', of: (error) => error.field },
    { title: 'problem', of: (error) => error.code },
    { title: 'value', of: (error) => error.value },
  ]);
  const more = done.errors_total - SHOWN_ERRORS;
  return [counts, '', errors, ...(more > 0 ? [`and ${countOf(more)} more (--json has the first 1,000)`] : [])].join(
    '\n',
  );
}

async function exportTo(
  app: INestApplicationContext,
  account: Account,
  file: string | null,
  query: ContactQuery,
): Promise<number> {
  let count = 0;
  const progress = new Progress('contacts');
  const pages = app.get(ContactsService).each({ account, accountIds: [] }, query);
  async function* lines(): AsyncGenerator<string> {
    yield EXPORT_HEADER;
    for await (const rows of pages) {
      count += rows.length;
      progress.show(count, null);
      yield rows.map(toCsvLine).join('');
    }
  }
  const target: Writable = file === null ? process.stdout : createWriteStream(file);
  await pipeline(Readable.from(lines()), target, { end: file !== null }).catch((error: NodeJS.ErrnoException) => {
    throw file === null ? error : new CommandFailed(`${file} cannot be written (${error.code}).`, 'file_not_writable');
  });
  progress.end();
  return count;
}

function queryOf(values: Values): ContactQuery {
  return {
    ...(typeof values.label === 'string' ? { label: values.label } : {}),
    ...(values['opted-out'] === true ? { optedOut: true } : {}),
  };
}
