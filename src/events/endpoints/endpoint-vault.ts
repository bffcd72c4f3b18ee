import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Secret } from '../../common/secret.js';
import { Config } from '../../config/config.js';
import type { SealedSecrets } from './endpoint.js';

/** Standard Webhooks asks for 24 to 64 bytes. */
const SECRET_BYTES = 32;

/** The secrets that deliveries are signed with. */
@Injectable()
export class EndpointVault {
  constructor(private readonly config: Config) {}

  /** A new secret, as Standard Webhooks writes it. */
  create(): Secret {
    return new Secret(`whsec_${randomBytes(SECRET_BYTES).toString('base64')}`);
  }

  /** The ciphertext is bound to its endpoint: moved to another row it does not decrypt. */
  seal(endpointId: number, secret: Secret): string {
    return this.config.keyring.encrypt(secret, contextOf(endpointId));
  }

  /** Those to sign with now, the newest first: two while one replaces the other. */
  open(endpointId: number, sealed: SealedSecrets, now = Date.now()): Secret[] {
    const { secret, previousSecret, previousSecretUntil } = sealed;
    const isPreviousValid = previousSecretUntil !== null && previousSecretUntil.getTime() > now;
    return [secret, ...(isPreviousValid && previousSecret !== null ? [previousSecret] : [])].map((text) =>
      this.config.keyring.decrypt(text, contextOf(endpointId)),
    );
  }
}

function contextOf(endpointId: number): string {
  return `webhook_endpoints.secret:${endpointId}`;
}
