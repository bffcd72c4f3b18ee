import { AuditTrail } from '../audit/audit-trail.js';
import { Database } from '../database/database.js';
import type { Command } from './command.js';
import { withApp } from './context.js';
import { countStale, newestKeyId, resealColumn, type Resealed } from './reseal.js';
import { countOf, Progress } from './screen.js';
import { SEALED_COLUMNS } from './sealed-columns.js';
import { tableOf } from './table.js';

/** The keys that secrets at rest are encrypted with. */
export const KEY_COMMANDS: Record<string, Command> = {
  'keys rotate-encryption': {
    usage: 'keys rotate-encryption [--dry-run]',
    summary: 'encrypt all stored secrets anew with the first of ENCRYPTION_KEYS; exit code 1 when one cannot be read',
    options: { 'dry-run': { type: 'boolean', describes: 'only count what waits for it' } },
    run: (values) =>
      withApp(async (app, { keyring }) => {
        const database = app.get(Database);
        const keyId = newestKeyId(keyring);
        const waiting = await countStale(database, SEALED_COLUMNS, keyId);
        if (values['dry-run'] === true) {
          return {
            text: `${countOf(waiting)} secrets are encrypted with another key than ${keyId}.`,
            json: { key_id: keyId, waiting },
          };
        }
        const progress = new Progress('secrets');
        const columns: Resealed[] = [];
        let seen = 0;
        for (const place of SEALED_COLUMNS) {
          const done = await resealColumn(database, app.get(AuditTrail), keyring, place, (count) =>
            progress.show((seen += count), waiting),
          );
          columns.push(done);
        }
        progress.end();
        const resealed = columns.reduce((sum, column) => sum + column.resealed, 0);
        const isWhole = columns.every((column) => column.unreadable.length === 0);
        const words = isWhole
          ? `${countOf(resealed)} secrets are encrypted anew with ${keyId}. Older keys may go after seven days, when kept answers of Idempotency-Key have expired.`
          : `${countOf(resealed)} secrets are encrypted anew with ${keyId}. Some cannot be read with any of the keys, and are left as they are:`;
        const table = tableOf(columns, [
          { title: 'secret', of: (column) => column.column },
          { title: 'anew', of: (column) => column.resealed, align: 'right' },
          { title: 'unreadable ids', of: (column) => column.unreadable.join(', ') },
        ]);
        return { text: `${words}\n\n${table}`, json: { key_id: keyId, columns }, exitCode: isWhole ? 0 : 1 };
      }),
  },
};
