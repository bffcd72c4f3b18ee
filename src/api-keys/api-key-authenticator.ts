import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { sha256 } from '../common/secret.js';
import { LOGGER } from '../config/logger.module.js';
import type { Principal } from '../http/principal.js';
import { ApiKeysRepository, type KeyRights } from './api-keys.repository.js';
import { BootstrapKey } from './bootstrap-key.js';

/** How long a key that was found is believed, in ms: a revoked one is dead everywhere after that. */
const FRESH_MS = 1_000;
const MAX_CACHED = 1_000;
const TOUCH_EVERY_MS = 60_000;

interface Lookup {
  at: number;
  principal: Promise<Principal | null>;
}

/**
 * Finds out who a key belongs to: on the path of every request.
 *
 * Keys are compared as SHA-256 digests only, by an index and by a map. How long such a comparison takes may tell how much of
 * a digest matched, and that helps nobody: a digest that matches in a chosen part can only be found by trying keys. So the
 * time tells of no key; that an unknown one, a disabled one and an expired one are one statement with one answer sees to
 * the rest.
 */
@Injectable()
export class ApiKeyAuthenticator {
  /** By SHA-256, so that no key stays readable in memory longer than its request. */
  private readonly lookups = new Map<string, Lookup>();
  private readonly touchedAt = new Map<number, number>();

  constructor(
    private readonly repository: ApiKeysRepository,
    private readonly bootstrap: BootstrapKey,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * The owner of an active, unexpired key, or null: nothing tells what was wrong with it.
   * @param ip where it came from
   */
  async authenticate(key: string, ip: string): Promise<Principal | null> {
    const hash = sha256(key);
    const principal = await this.lookUp(hash);
    if (principal) {
      this.touch(principal.keyId, ip);
    }
    return principal;
  }

  /**
   * The owner of the key with this id, for who was vouched for by it earlier; null when it is inactive, expired or gone.
   * @param vouchedAt when that was, as PostgreSQL writes it: a secret made later does not stand for it
   */
  async findByKeyId(keyId: number, vouchedAt: string): Promise<Principal | null> {
    const [rights] = await this.repository.findRightsOfKeys([keyId], vouchedAt);
    return rights && rights.secretIds.length > 0 ? toPrincipal(rights) : null;
  }

  /** Those who would be let in again by a secret they came with, and with the same rights. */
  async stillStanding(principals: readonly Principal[]): Promise<ReadonlySet<Principal>> {
    const rows = await this.repository.findRightsOfKeys([...new Set(principals.map(({ keyId }) => keyId))], null);
    const present = new Map(rows.map((rights) => [rights.id, toPrincipal(rights)]));
    return new Set(
      principals.filter((principal) => {
        const now = present.get(principal.keyId);
        return (
          now !== undefined &&
          rightsOf(now) === rightsOf(principal) &&
          principal.secretIds.some((id) => now.secretIds.includes(id))
        );
      }),
    );
  }

  /** Makes this process ask the database again: call it after every change of a key. */
  forget(): void {
    this.lookups.clear();
  }

  private lookUp(hash: Buffer): Promise<Principal | null> {
    const id = hash.toString('base64');
    const now = performance.now();
    const known = this.lookups.get(id);
    if (known && now - known.at < FRESH_MS) {
      return known.principal;
    }
    const lookup: Lookup = { at: now, principal: this.load(hash) };
    const drop = (): void => {
      if (this.lookups.get(id) === lookup) {
        this.lookups.delete(id);
      }
    };
    // Only what was found is kept: a new key works at once, and wrong ones cannot fill the memory.
    lookup.principal.then((principal) => principal ?? drop(), drop);
    this.lookups.delete(id);
    this.lookups.set(id, lookup);
    const oldest = this.lookups.size > MAX_CACHED ? this.lookups.keys().next().value : undefined;
    if (oldest !== undefined) {
      this.lookups.delete(oldest);
    }
    return lookup.principal;
  }

  private async load(hash: Buffer): Promise<Principal | null> {
    await this.bootstrap.ensure();
    const rights = await this.repository.findRights(hash);
    return rights && toPrincipal(rights);
  }

  /** Notes that the key was used, once a minute and never while the request waits. */
  private touch(keyId: number, ip: string): void {
    const now = performance.now();
    if (now - (this.touchedAt.get(keyId) ?? -Infinity) < TOUCH_EVERY_MS) {
      return;
    }
    this.touchedAt.set(keyId, now);
    this.repository.touch(keyId, ip).catch((error: unknown) => {
      this.touchedAt.delete(keyId);
      this.logger.debug({ context: 'ApiKeys', key_id: keyId, reason: (error as Error).message }, 'use not noted');
    });
  }
}

function toPrincipal(rights: KeyRights): Principal {
  return {
    keyId: rights.id,
    keyName: rights.name,
    scopes: new Set(rights.scopes),
    accountIds: rights.accountIds,
    defaultAccountId: rights.defaultAccountId,
    secretIds: rights.secretIds,
  };
}

function rightsOf({ scopes, accountIds }: Principal): string {
  return JSON.stringify([[...scopes].sort(), accountIds]);
}
