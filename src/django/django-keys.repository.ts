import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf } from '../database/unnest.js';

/** A secret by which a key is known. */
export interface KeySecret {
  keyId: number;
  secretHash: Buffer;
}

/** Secrets of keys that come from elsewhere: `ApiKeysService` makes only new ones, one at a time. */
@Injectable()
export class DjangoKeysRepository {
  /** Keys here by the hash of a secret of theirs, in hex. */
  async findByHash(tx: Tx, hashes: readonly Buffer[]): Promise<Map<string, number>> {
    const rows = await tx.query<{ hash: string; api_key_id: number }>(
      `select encode(secret_hash, 'hex') as hash, api_key_id from api_key_secrets where secret_hash = any($1::bytea[])`,
      [hashes],
    );
    return new Map(rows.map((row) => [row.hash, row.api_key_id]));
  }

  async addSecrets(tx: Tx, secrets: readonly KeySecret[]): Promise<void> {
    await tx.query(
      `insert into api_key_secrets (api_key_id, secret_hash)
       select * from unnest($1::bigint[], $2::bytea[]) as u (api_key_id, secret_hash) order by api_key_id`,
      columnsOf(
        secrets,
        (secret) => secret.keyId,
        (secret) => secret.secretHash,
      ),
    );
  }
}
