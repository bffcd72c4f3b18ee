import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { AppError } from '../common/app-error.js';
import { sha256 } from '../common/secret.js';
import { Config } from '../config/config.js';

const WINDOW_MS = 60_000;
/** Sources that are remembered; past that, those that were seen first are forgotten. */
const MAX_SOURCES = 10_000;
/** One customer of a provider usually has a network of so many leading bits. */
const IPV6_NETWORK_BITS = 64;

interface Source {
  since: number;
  /** Beginnings of the digests of the keys that were wrong. */
  wrong: Set<string>;
}

/**
 * Tells those who try one key after another to come back later, by where they come from and in this process alone.
 *
 * Different keys are counted, not requests: a client with a key that was revoked tries the same one again and again, and
 * the truth (`401`) helps it more. A good key from the same place works all the same, so that nobody can lock out their
 * neighbours behind one address.
 */
@Injectable()
export class KeyGuesses {
  private readonly sources = new Map<string, Source>();
  private readonly limit: number;

  constructor(config: Config) {
    this.limit = config.http.keyGuessesPerMinute;
  }

  /** A key that came from there was wrong. @throws `429 rate_limited` when it is one more than the source may try */
  note(ip: string, key: string): void {
    if (this.limit === 0) {
      return;
    }
    const { since, wrong } = this.sourceOf(networkOf(ip));
    const digest = sha256(key).toString('base64').slice(0, 12);
    if (wrong.has(digest)) {
      return;
    }
    if (wrong.size < this.limit) {
      wrong.add(digest);
      return;
    }
    throw new AppError('rate_limited', 'Too many wrong API keys came from your address. Try again later.', {
      retryAfterS: Math.max(1, Math.ceil((since + WINDOW_MS - performance.now()) / 1_000)),
    });
  }

  private sourceOf(network: string): Source {
    const now = performance.now();
    const known = this.sources.get(network);
    if (known && now - known.since < WINDOW_MS) {
      return known;
    }
    const source = { since: now, wrong: new Set<string>() };
    this.sources.delete(network);
    this.sources.set(network, source);
    const oldest = this.sources.size > MAX_SOURCES ? this.sources.keys().next().value : undefined;
    if (oldest !== undefined) {
      this.sources.delete(oldest);
    }
    return source;
  }
}

/** The address, or of IPv6 its network: a customer there has more addresses than anybody can try keys. */
function networkOf(ip: string): string {
  if (!ipaddr.isValid(ip)) {
    return ip;
  }
  const address = ipaddr.process(ip);
  return address.kind() === 'ipv6'
    ? address
        .toByteArray()
        .slice(0, IPV6_NETWORK_BITS / 8)
        .join('.')
    : address.toString();
}
