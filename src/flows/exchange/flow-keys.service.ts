import { createPrivateKey, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AuditTrail } from '../../audit/audit-trail.js';
import { Secret, sha256 } from '../../common/secret.js';
import { Config } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { FlowEncryptionApi, type MetaFlowKey } from '../../meta/api/flow-encryption.js';
import { graphProblem, readingProblem } from '../../meta/graph-problem.js';
import { isSameKey, makeKeyPair } from './flow-crypto.js';
import { FlowKeysRepository, type FlowKeyRow } from './flow-keys.repository.js';

/** VALID: phones encrypt for a key of ours. MISMATCH: for another, or not at all. NOT_SET: Meta has no key. */
export type FlowKeyStatus = 'VALID' | 'MISMATCH' | 'NOT_SET';

/** Our key, and what Meta says of it. */
export interface FlowEncryption {
  /** The key that Meta has, when it is ours; else the newest of ours; null: there is none. */
  key: FlowKeyRow | null;
  status: FlowKeyStatus;
  /** What Meta has. */
  meta: MetaFlowKey | null;
  /** Keys before that one, which still decrypt. */
  overlapping: number;
}

/** Keys that are held ready. */
const MAX_OPENED = 500;

const UNKNOWN =
  'Meta did not say whether it took the new key. Both keys work; GET /flows/encryption tells which one Meta has.';

/** The key pairs by which phones and we talk in flows: made here, the public half given to Meta. */
@Injectable()
export class FlowKeys {
  /** Keys that were read, by their ciphertext: to read one and to use it first costs four times what using it again does. */
  private readonly opened = new Map<string, KeyObject>();

  constructor(
    private readonly database: Database,
    private readonly repository: FlowKeysRepository,
    private readonly api: FlowEncryptionApi,
    private readonly config: Config,
    private readonly audit: AuditTrail,
  ) {}

  /** Our key beside Meta's. A key that Meta turns out to have is the current one from now on. @throws `graph_error` */
  async inspect(account: Account): Promise<FlowEncryption> {
    const answer = await this.api.find(account);
    if (!answer.ok) {
      throw readingProblem(answer.failure);
    }
    const meta = answer.body;
    const keys = await this.repository.list(this.database, account.id);
    const known = meta && keys.find((key) => isSameKey(key.public_key, meta.publicKey));
    if (!known) {
      return {
        key: keys[0] ?? null,
        status: meta ? 'MISMATCH' : 'NOT_SET',
        meta,
        overlapping: Math.max(keys.length - 1, 0),
      };
    }
    const isSettled = known.uploaded_at !== null && known.retired_at === null;
    const settled = isSettled ? known : await this.settle(account.id, known.id);
    const status = meta.signatureStatus === 'VALID' ? 'VALID' : 'MISMATCH';
    return { key: settled, status, meta, overlapping: keys.length - 1 };
  }

  /**
   * Makes a new key pair and gives the public key to Meta. The old one goes on decrypting until Meta has the new one, and a
   * day longer.
   * @throws `graph_error` when Meta refuses it: everything is as before; `graph_outcome_unknown`: both keys work
   */
  async rotate(account: Account): Promise<FlowEncryption> {
    const { privateKey, publicKey } = await makeKeyPair();
    // Stored before Meta has it: from that moment on, requests may be encrypted for it.
    const sealed = this.config.keyring.encrypt(new Secret(privateKey), contextOf(account.id, publicKey));
    const key = await this.repository.insert(this.database, account.id, sealed, publicKey);
    const answer = await this.api.upload(account, publicKey);
    if (!answer.ok) {
      if (answer.failure.kind !== 'ambiguous') {
        await this.repository.delete(this.database, account.id, key.id);
      }
      throw graphProblem(answer.failure, {}, UNKNOWN);
    }
    const settled = await this.settle(account.id, key.id, 'rotated');
    const found = await this.api.find(account);
    if (!found.ok) {
      // Meta took the key; that it cannot be asked for it right now changes nothing.
      return { key: settled, status: 'VALID', meta: null, overlapping: await this.countOlder(settled) };
    }
    const isOurs = found.body !== null && isSameKey(found.body.publicKey, publicKey);
    const status = isOurs && found.body?.signatureStatus === 'VALID' ? 'VALID' : 'MISMATCH';
    return { key: settled, status, meta: found.body, overlapping: await this.countOlder(settled) };
  }

  /**
   * The private keys that a request for the flows of an account may be encrypted for. A flow belongs to the WABA and
   * may be sent from each of its numbers, and the key belongs to the number.
   */
  async privateKeys(accounts: readonly Account[], firstAccountId: number): Promise<KeyObject[]> {
    const ids = accounts.map(({ id }) => id);
    const rows = await this.repository.listTried(this.database, ids, firstAccountId);
    return rows.flatMap((row) => this.open(row) ?? []);
  }

  /** One that cannot be read must not take the others with it. */
  private open(row: FlowKeyRow): KeyObject | null {
    const known = this.opened.get(row.private_key);
    if (known) {
      return known;
    }
    try {
      const context = contextOf(row.account_id, row.public_key);
      const key = createPrivateKey(this.config.keyring.decrypt(row.private_key, context).reveal());
      if (this.opened.size >= MAX_OPENED) {
        this.opened.clear();
      }
      this.opened.set(row.private_key, key);
      return key;
    } catch {
      return null;
    }
  }

  /** @param deed to write down in the audit log, when it is one */
  private async settle(accountId: number, id: number, deed?: 'rotated'): Promise<FlowKeyRow> {
    const keys = await this.database.transaction(async (tx) => {
      await this.repository.settle(tx, accountId, id);
      if (deed) {
        await this.audit.append(tx, [{ action: `flow_key.${deed}`, objectType: 'flow_key', objectId: id, accountId }]);
      }
      return this.repository.list(tx, accountId);
    });
    const settled = keys.find((key) => key.id === id);
    if (!settled) {
      throw new Error(`flow key ${id} is gone`);
    }
    return settled;
  }

  private async countOlder({ account_id: accountId, id }: FlowKeyRow): Promise<number> {
    return (await this.repository.list(this.database, accountId)).filter((key) => key.id !== id).length;
  }
}

/** A private key is bound to its account and its public key: moved to another row it does not decrypt. */
function contextOf(accountId: number, publicKey: string): string {
  return `flow_keys.private_key.${accountId}.${sha256(publicKey).toString('hex').slice(0, 32)}`;
}
