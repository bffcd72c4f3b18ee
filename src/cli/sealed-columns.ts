import { sha256 } from '../common/secret.js';

/** A row of a table with sealed values: what their contexts are made of, and the value. */
export interface SealedRow {
  id: number;
  account_id: number | null;
  public_key: string | null;
  sealed: string;
}

/** Where a value lies that the keyring encrypts, and what binds it to its place. The modules that own them say the same. */
export interface SealedColumn {
  table: string;
  column: string;
  /** Columns beside `id` that the context needs. */
  with: readonly ('account_id' | 'public_key')[];
  contextOf(row: SealedRow): string;
}

/**
 * Every sealed column there is. Answers kept for an Idempotency-Key are not among them: they are gone after seven days by
 * themselves, so the old key stays in ENCRYPTION_KEYS that much longer.
 */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  ...['access_token', 'app_secret', 'verify_token'].map((column) => ({
    table: 'accounts',
    column,
    with: [],
    contextOf: ({ id }: SealedRow) => `accounts.${column}.${id}`,
  })),
  {
    table: 'flow_keys',
    column: 'private_key',
    with: ['account_id', 'public_key'],
    contextOf: ({ account_id: accountId, public_key: publicKey }) =>
      `flow_keys.private_key.${accountId}.${sha256(publicKey ?? '')
        .toString('hex')
        .slice(0, 32)}`,
  },
  ...['secret', 'previous_secret'].map((column) => ({
    table: 'webhook_endpoints',
    column,
    with: [],
    contextOf: ({ id }: SealedRow) => `webhook_endpoints.secret:${id}`,
  })),
  { table: 'flows', column: 'forward_secret', with: [], contextOf: ({ id }) => `flows.forward_secret.${id}` },
];
