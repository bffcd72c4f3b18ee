import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import type { Secret } from '../common/secret.js';

/**
 * Where Meta keeps files, beside Graph itself. Source: Meta's reference of the media node ("url"), and every webhook with
 * a file; both name this host alone. Add one only when Meta's documentation does: our callers' tokens go there.
 */
const MEDIA_ORIGINS = ['https://lookaside.fbsbx.com'];

/** Longest silence of the other side, in ms. */
const SILENCE_MS = 15_000;

/** What came of opening a file at Meta. */
export type GraphDownload =
  /** The stream must be read to its end or destroyed. */
  | { outcome: 'opened'; stream: Readable; size: number | null }
  /** Some other status than 200. */
  | { outcome: 'refused'; httpStatus: number }
  | { outcome: 'unreachable'; reason: string }
  /** The address is none of Meta's: nothing was asked there. */
  | { outcome: 'foreign'; host: string };

/** Opens files at Meta. */
export class GraphDownloads {
  private readonly agent = new Agent({
    connections: 32,
    pipelining: 1,
    connect: { timeout: 3_000 },
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
    keepAliveTimeout: 4_000,
  });
  private readonly origins: ReadonlySet<string>;

  /** @param graphOrigin of `GRAPH_API_BASE_URL`: a simulator serves the files itself */
  constructor(graphOrigin: string) {
    this.origins = new Set([...MEDIA_ORIGINS, graphOrigin]);
  }

  /** Asks once. The token goes to the hosts above only, and redirects are answers like others: they are not followed. */
  async open(token: Secret, url: string, signal: AbortSignal): Promise<GraphDownload> {
    const target = URL.canParse(url) ? new URL(url) : null;
    if (!target || !this.origins.has(target.origin) || target.username !== '' || target.password !== '') {
      return { outcome: 'foreign', host: target?.host ?? 'no address' };
    }
    try {
      const { statusCode, headers, body } = await request(target, {
        dispatcher: this.agent,
        signal,
        // Meta's reference of the download lists a User-Agent, and undici sends none by itself.
        headers: { authorization: `Bearer ${token.reveal()}`, 'user-agent': 'Parley', accept: '*/*' },
      });
      if (statusCode !== 200) {
        await body.dump({ limit: 64 * 1024 }).catch(() => undefined);
        return { outcome: 'refused', httpStatus: statusCode };
      }
      const size = Number(headers['content-length'] ?? Number.NaN);
      return { outcome: 'opened', stream: body, size: Number.isSafeInteger(size) ? size : null };
    } catch (error) {
      return { outcome: 'unreachable', reason: nameOf(error) };
    }
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }
}

/** What a failed connection is called: a code of Node's or undici's, else the name of the error. */
export function nameOf(error: unknown): string {
  const { code, cause, name } = error as { code?: unknown; cause?: { code?: unknown }; name?: string };
  return (
    ([code, cause?.code, name].find((candidate) => typeof candidate === 'string') as string | undefined) ?? 'unknown'
  );
}
