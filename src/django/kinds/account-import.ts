import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AccountVault } from '../../accounts/account-vault.js';
import { Secret } from '../../common/secret.js';
import type { Tx } from '../../database/database.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { decryptFernet, looksLikeFernet } from '../fernet.js';
import { modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { RowWriter, type Item, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'accounts',
  columns: [
    ['name', 'text'],
    ['phone_number_id', 'text'],
    ['waba_id', 'text'],
    ['access_token', 'text'],
    ['access_token_last4', 'text'],
    ['verify_token', 'text'],
    ['profile_name', 'text'],
    ['profile_picture_url', 'text'],
    ['default_catalog_id', 'text'],
    ['is_active', 'boolean'],
    ['created_at', 'timestamptz'],
  ],
  sameAs: 't.phone_number_id = u.phone_number_id and t.deleted_at is null',
  hasUpdatedAt: true,
};

/**
 * Accounts with their tokens, which are read with Django's key and encrypted with ours. The verify token stays, so that Meta's
 * subscription of the webhook goes on. Meta is asked nothing: profiles are as Django knew them.
 */
@Injectable()
export class AccountImport implements ImportKind {
  readonly name = 'accounts';
  readonly selection = { model: 'whatsappaccount' };

  constructor(
    private readonly writer: RowWriter,
    private readonly vault: AccountVault,
  ) {}

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    // With another key the same row says something else.
    const says = (row: DjangoRow): unknown => [row, readToken(row.access_token, run.fernetKeys) !== null];
    const news = await this.writer.news(tx, modelOf(run, 'account'), rows, tally, says);
    const items = news.flatMap(({ row, hash }): Item[] => {
      const cells = new Cells(row, tally);
      const phoneNumberId = cells.optional('phone_number_id', 100);
      if (phoneNumberId === null) {
        tally.skipped(row.id, 'no_phone_number_id');
        return [];
      }
      const token = this.tokenOf(row, run, tally);
      const verifyToken = cells.optional('verify_token', 255) ?? randomUUID();
      return [
        {
          sourceId: row.id,
          hash,
          values: (id) => [
            cells.text('name', 255).trim() || phoneNumberId,
            phoneNumberId,
            cells.optional('waba_id', 100),
            token === null ? null : this.vault.seal(id, 'access_token', new Secret(token)),
            token === null ? null : token.slice(-4),
            this.vault.seal(id, 'verify_token', new Secret(verifyToken)),
            cells.optional('profile_name', 255),
            cells.optional('profile_picture_url', 1_024),
            cells.optional('default_catalog_id', 255),
            cells.bool('is_active'),
            cells.time('created_at') ?? run.startedAt,
          ],
        },
      ];
    });
    await this.writer.write(tx, modelOf(run, 'account'), TABLE, items, tally);
  }

  private tokenOf(row: DjangoRow, run: ImportRun, tally: Tally): string | null {
    const token = readToken(row.access_token, run.fernetKeys);
    if (token === null) {
      tally.cleaned(row.id, 'token_not_readable');
    } else if (token === '') {
      tally.cleaned(row.id, 'no_token');
      return null;
    }
    return token;
  }
}

/** '' : there is none; null: none of the keys opens it. */
function readToken(stored: unknown, keys: readonly Buffer[]): string | null {
  const text = typeof stored === 'string' ? stored.trim() : '';
  if (!looksLikeFernet(text)) {
    return text;
  }
  for (const key of keys) {
    const token = decryptFernet(text, key);
    if (token !== null) {
      return token.trim();
    }
  }
  return null;
}
