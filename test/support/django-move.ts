import { createServer } from 'node:http';
import { DjangoImport, type DjangoImportOptions } from '../../src/django/django-import.service.js';
import type { ImportReport } from '../../src/django/import-report.js';
import { startTestApp, type TestApp } from './app.js';
import { createDjangoDatabase, DJANGO_SECRET_KEY, type DjangoDatabase } from './django-database.js';

/** An installation that somebody moves to: the whole product with its worker, and something that counts what Graph is asked. */
export interface NewHome {
  api: TestApp;
  /** Every request to Graph, of any kind. */
  graphCalls: string[];
  close(): Promise<void>;
}

/** A Django database that is brought in. */
export interface Move {
  django: DjangoDatabase;
  run(options?: Partial<DjangoImportOptions>): Promise<ImportReport>;
  close(): Promise<void>;
}

export async function startNewHome(env: Record<string, string> = {}): Promise<NewHome> {
  const graphCalls: string[] = [];
  const graph = createServer((request, response) => {
    graphCalls.push(`${request.method} ${request.url}`);
    response.writeHead(500).end();
  });
  await new Promise<void>((resolve) => graph.listen(0, '127.0.0.1', resolve));
  const { port } = graph.address() as { port: number };
  const api = await startTestApp({ worker: true, env: { GRAPH_API_BASE_URL: `http://127.0.0.1:${port}`, ...env } });
  return {
    api,
    graphCalls,
    close: async () => {
      await api.close();
      await new Promise((resolve) => graph.close(resolve));
    },
  };
}

export async function startMove({ api }: NewHome): Promise<Move> {
  const django = await createDjangoDatabase();
  return {
    django,
    run: (options) =>
      api.app.get(DjangoImport).run({ databaseUrl: django.url, secretKeys: [DJANGO_SECRET_KEY], ...options }),
    close: () => django.drop(),
  };
}

/** Rows of the tables that an import writes. */
export async function countsOf({ api }: NewHome): Promise<Record<string, number>> {
  const tables = [
    ...['accounts', 'labels', 'api_keys', 'templates', 'signups', 'contacts', 'contact_identities', 'media'],
    ...['conversations', 'messages', 'message_changes', 'campaigns', 'campaign_recipients', 'catalog_products'],
    ...['blocked_users', 'flows', 'flow_responses', 'imported_rows', 'signup_subscribers', 'contact_labels'],
  ];
  const rows = await Promise.all(
    tables.map((table) => api.db.queryDynamic<{ n: number }>(`select count(*) as n from ${table}`)),
  );
  return Object.fromEntries(tables.map((table, index) => [table, rows[index]?.[0]?.n ?? -1]));
}

/** All that anybody outside could have noticed. */
export async function heardOf({
  api,
  graphCalls,
}: NewHome): Promise<{ graph: string[]; events: number; queued: number }> {
  const [row] = await api.db.query<{ events: number; queued: number }>(
    `select (select count(*) from outbox_events) as events,
       (select count(*) from messages where awaiting_since is not null or due_at is not null) as queued`,
  );
  return { graph: graphCalls, events: row?.events ?? -1, queued: row?.queued ?? -1 };
}

/** Fails naming the first kind of which something happened. */
export function expectUnchanged(report: ImportReport): void {
  for (const [kind, { read, unchanged, skipped }] of Object.entries(report.kinds)) {
    expect([kind, unchanged + skipped]).toEqual([kind, read]);
  }
}
