import { Injectable } from '@nestjs/common';
import type { Secret } from '../common/secret.js';
import { Config } from '../config/config.js';
import type { AccountRecord } from './account.entity.js';

type SecretColumn = 'access_token' | 'app_secret' | 'verify_token';

/** The secrets of an account row, by their column. */
@Injectable()
export class AccountVault {
  constructor(private readonly config: Config) {}

  /** The ciphertext is bound to row and column: moved to another row it does not decrypt. */
  seal(accountId: number, column: SecretColumn, secret: Secret): string {
    return this.config.keyring.encrypt(secret, contextOf(accountId, column));
  }

  /** @throws when the key is gone, or the value was changed or moved */
  open(accountId: number, column: SecretColumn, ciphertext: string): Secret {
    return this.config.keyring.decrypt(ciphertext, contextOf(accountId, column));
  }

  /**
   * The access token that calls of this account use, or null when there is none. An account of the environment has its
   * token there and nowhere else.
   */
  accessTokenOf(record: AccountRecord): Secret | null {
    if (record.managedBy === 'environment') {
      const { environmentAccount } = this.config;
      return environmentAccount?.phoneNumberId === record.phoneNumberId ? environmentAccount.accessToken : null;
    }
    return record.accessToken === null ? null : this.open(record.id, 'access_token', record.accessToken);
  }

  /** The access token in the clear; null when there is none that can be read. */
  readAccessToken(record: AccountRecord): string | null {
    try {
      return this.accessTokenOf(record)?.reveal() ?? null;
    } catch {
      return null;
    }
  }

  /** The end of the access token, for people to tell tokens apart; null when there is no token. */
  describeAccessToken(record: AccountRecord): { last4: string | null } | null {
    if (record.managedBy === 'environment') {
      const accessToken = this.accessTokenOf(record);
      return accessToken && { last4: accessToken.reveal().slice(-4) };
    }
    return record.accessToken === null ? null : { last4: record.accessTokenLast4 };
  }

  /** The verify token, or null when it cannot be decrypted: the account is still to be seen and put right. */
  verifyTokenOf(record: AccountRecord): Secret | null {
    try {
      return this.open(record.id, 'verify_token', record.verifyToken);
    } catch {
      return null;
    }
  }
}

function contextOf(accountId: number, column: SecretColumn): string {
  return `accounts.${column}.${accountId}`;
}
