import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { isPublicAddress } from './public-address.js';

/** Where others may send us without `ALLOW_PRIVATE_NETWORK_TARGETS`. */
const PORTS = ['', '443', '8443'];

export type Resolve = (hostname: string, callback: (error: Error | null, addresses: LookupAddress[]) => void) => void;

export interface GuardOptions {
  /** `ALLOW_PRIVATE_NETWORK_TARGETS`: http, any port and any address. */
  allowPrivate: boolean;
  /** How long a connection may take, in ms. */
  connectMs?: number;
  /** Longest silence of the other side, in ms. */
  silenceMs?: number;
  connections?: number;
  /** Names to addresses, in place of the system's resolver. */
  resolve?: Resolve;
}

/** An address that we do not call. What exactly is wrong with it is for the log, not for whoever gave it. */
export class BlockedTarget extends Error {
  readonly code = 'BLOCKED_TARGET';

  constructor(reason: string) {
    super(`not called: ${reason}`);
    this.name = 'BlockedTarget';
  }
}

/**
 * What is wrong with an address that somebody gave us to call, in words that follow "the address"; null when we may try it.
 * Where its name leads is found out when it is called, each time: names change their addresses.
 */
export function targetProblem(text: string, { allowPrivate }: Pick<GuardOptions, 'allowPrivate'>): string | null {
  if (!URL.canParse(text)) {
    return 'is no URL';
  }
  // The parser has made 127.1, 0x7f.1 and full-width digits into plain addresses already.
  const { protocol, username, password, port, hostname } = new URL(text);
  if (protocol !== 'https:' && !(allowPrivate && protocol === 'http:')) {
    return 'must begin with https://';
  }
  if (username !== '' || password !== '') {
    return 'must not contain a user or password';
  }
  if (!allowPrivate && !PORTS.includes(port)) {
    return 'must use port 443 or 8443';
  }
  return allowPrivate || isReachable(hostname) ? null : 'must be in the public internet';
}

/**
 * Connections to addresses that somebody gave us. Each connection resolves the name itself and is made to the very address
 * that was looked at: checking first and connecting afterwards would let a name change its address in between. Redirects
 * are answers like others, for undici follows none.
 */
export function guardedAgent(options: GuardOptions): Agent {
  const { allowPrivate, connectMs = 3_000, silenceMs = 10_000, connections = 16, resolve = resolveAll } = options;
  const connectTo = buildConnector({
    timeout: connectMs,
    ...(allowPrivate ? {} : { lookup: guardedLookup(resolve) }),
  } as buildConnector.BuildOptions);
  return new Agent({
    connections,
    pipelining: 1,
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 30_000,
    connect: (target, callback) => {
      const { protocol, hostname, port } = target;
      const url = `${protocol}//${isIP(hostname) === 6 ? `[${hostname}]` : hostname}${port ? `:${port}` : ''}/`;
      // An address in place of a name is connected to without any lookup.
      const problem = targetProblem(url, { allowPrivate });
      if (problem) {
        callback(new BlockedTarget(`the address ${problem}`), null);
        return;
      }
      connectTo(target, callback);
    },
  });
}

/** The lookup of such connections: a name of which any address is inside has no address at all. */
export function guardedLookup(resolve: Resolve): LookupFunction {
  return (hostname, { all, family }, callback) => {
    resolve(hostname, (error, addresses) => {
      if (error) {
        callback(error, '');
        return;
      }
      // One address inside is enough to refuse: which of them would be taken is not ours to decide.
      const inside = addresses.find(({ address }) => !isPublicAddress(address));
      const [first] = addresses.filter((candidate) => !family || candidate.family === Number(family));
      if (inside || !first) {
        callback(new BlockedTarget(inside ? 'the name leads into a private network' : 'the name has no address'), '');
      } else if (all) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

const resolveAll: Resolve = (hostname, callback) => {
  systemLookup(hostname, { all: true }, (error, addresses) => callback(error, addresses ?? []));
};

function isReachable(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '');
  return isIP(address) === 0 || isPublicAddress(address);
}
