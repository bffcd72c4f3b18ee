import { TemplateSync } from '../templates/template-sync.js';
import { toTemplateDto, type TemplateDto } from '../templates/template.dto.js';
import { TemplatesService } from '../templates/templates.service.js';
import type { Command } from './command.js';
import { CommandFailed, withApp } from './context.js';
import { Progress } from './screen.js';
import { tableOf, type Column } from './table.js';
import { ACCOUNT, accountsOf, pagesOf } from './values.js';

const COLUMNS: Column<TemplateDto>[] = [
  { title: 'id', of: (template) => template.id, align: 'right' },
  { title: 'account', of: (template) => template.account_id, align: 'right' },
  { title: 'name', of: (template) => template.name },
  { title: 'language', of: (template) => template.language },
  { title: 'category', of: (template) => template.category },
  { title: 'status', of: (template) => template.status },
  { title: 'body', of: (template) => template.body_text },
];

/** What became of the templates of one account. */
interface Synced {
  account_id: number;
  synced?: number;
  created?: number;
  updated?: number;
  removed?: number;
  error?: string;
}

/** Templates, as they are here and at Meta. */
export const TEMPLATE_COMMANDS: Record<string, Command> = {
  'templates list': {
    usage: 'templates list [--account ID] [--status STATUS]',
    summary: 'the templates of one account, or of all',
    options: { account: ACCOUNT, status: { type: 'string', describes: 'as Meta says it, such as APPROVED' } },
    run: (values) =>
      withApp(async (app) => {
        const status = typeof values.status === 'string' ? { status: values.status.toUpperCase() } : {};
        const templates: TemplateDto[] = [];
        for (const account of await accountsOf(app, values)) {
          const rows = await pagesOf((query) => app.get(TemplatesService).list(account.id, { ...query, ...status }));
          templates.push(...rows.map(toTemplateDto));
        }
        return {
          text: templates.length > 0 ? tableOf(templates, COLUMNS) : 'There are none (templates sync fetches them).',
          json: { templates },
        };
      }),
  },
  'templates sync': {
    usage: 'templates sync [--account ID]',
    summary: 'fetch the templates of one account, or of all; exit code 1 when one could not be asked',
    options: { account: ACCOUNT },
    run: (values) =>
      withApp(async (app) => {
        const accounts = await accountsOf(app, values);
        if (accounts.length === 0) {
          throw new CommandFailed('There is no active account yet (accounts add makes one).', 'account_not_found');
        }
        const progress = new Progress('templates of accounts');
        const results: Synced[] = [];
        for (const account of accounts) {
          progress.show(results.length, accounts.length);
          try {
            const { synced, created, updated, removed } = await app.get(TemplateSync).run(account);
            results.push({ account_id: account.id, synced, created, updated, removed });
          } catch (error) {
            results.push({ account_id: account.id, error: (error as Error).message });
          }
        }
        progress.end();
        return {
          text: tableOf(results, [
            { title: 'account', of: (row) => row.account_id, align: 'right' },
            { title: 'templates', of: (row) => row.synced, align: 'right' },
            { title: 'created', of: (row) => row.created, align: 'right' },
            { title: 'updated', of: (row) => row.updated, align: 'right' },
            { title: 'removed', of: (row) => row.removed, align: 'right' },
            { title: 'problem', of: (row) => row.error },
          ]),
          json: results,
          exitCode: results.some((row) => row.error !== undefined) ? 1 : 0,
        };
      }),
  },
};
