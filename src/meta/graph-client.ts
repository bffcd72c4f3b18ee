import type { Readable } from 'node:stream';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Pool } from 'undici';
import type { Secret } from '../common/secret.js';
import { counter, histogram } from '../common/metrics.js';
import { Config } from '../config/config.js';
import { ambiguous, failureOf, notSent, type GraphFailure } from './graph-error.js';
import { GraphDownloads, type GraphDownload } from './graph-downloads.js';
import { formBody, type GraphForm } from './graph-form.js';
import { uploadBody, type GraphUpload } from './graph-upload.js';

/** Whose credentials a call uses. */
export interface GraphAccount {
  phoneNumberId: string;
  wabaId: string | null;
  accessToken: Secret;
}

export interface GraphRequest {
  method: 'GET' | 'POST' | 'DELETE';
  /** Below the version, such as `123/messages`. */
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  /** `application/x-www-form-urlencoded` instead of a JSON body, where Meta documents nothing else. */
  params?: Record<string, string>;
  /** A file to send instead of a body; its stream is read once and destroyed. */
  form?: GraphForm;
  /** The bytes of a resumable upload instead of a body. */
  upload?: GraphUpload;
  /** Uploads ask for another word before the token. */
  authorization?: 'Bearer' | 'OAuth';
  /** How it is counted in the metrics. */
  label: string;
}

/** A refusal's `body` is what came with it: some say there what was done all the same. */
export type GraphResult<T> = { ok: true; body: T } | { ok: false; failure: GraphFailure; body?: unknown };

const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** Meta looks at a file before it answers, and a large one takes its time to get there. */
const FORM_ANSWER_MS = 60_000;
const FORM_DEADLINE_MS = 300_000;
/** Errors that come before a request was written: the call provably never left. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The other side is not whom we took it for: no request was written to it. */
const TLS_FAILURE = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

const calls = counter('parley_graph_calls_total', 'Calls of the Graph API', ['label', 'outcome']);
const seconds = histogram(
  'parley_graph_seconds',
  'Time of a Graph call',
  [0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ['label'],
);

/** One keep-alive pool to Graph, one way to call it, no retries: what to do with a failure is the caller's to decide. */
@Injectable()
export class GraphClient implements OnApplicationShutdown {
  private readonly pool: Pool;
  private readonly downloads: GraphDownloads;
  private readonly prefix: string;

  constructor(config: Config) {
    const base = new URL(config.graph.baseUrl);
    this.prefix = `${base.pathname.replace(/\/$/, '')}/${config.graph.version}/`;
    this.pool = new Pool(base.origin, {
      connections: 256,
      pipelining: 1,
      connect: { timeout: 3_000 },
      headersTimeout: 10_000,
      bodyTimeout: 10_000,
      // Shorter than what load balancers keep idle connections for: a request written into a closing one is ambiguous.
      keepAliveTimeout: 4_000,
      keepAliveMaxTimeout: 30_000,
    });
    this.downloads = new GraphDownloads(base.origin);
  }

  /** Calls Graph once. Answers a value for every outcome; throws only for bugs. */
  async call<T>(account: GraphAccount, request: GraphRequest): Promise<GraphResult<T>> {
    const startedAt = performance.now();
    const result = await this.attempt<T>(account, request);
    seconds.observe({ label: request.label }, (performance.now() - startedAt) / 1_000);
    calls.inc({ label: request.label, outcome: result.ok ? 'ok' : result.failure.kind });
    return result;
  }

  /**
   * Opens what a URL of Meta's points to. The token goes to Meta's own hosts and to Graph, and nowhere else; redirects are
   * not followed.
   */
  download(account: GraphAccount, url: string, signal: AbortSignal): Promise<GraphDownload> {
    return this.downloads.open(account.accessToken, url, signal);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.pool.destroy(), this.downloads.close()]);
  }

  private async attempt<T>(account: GraphAccount, request: GraphRequest): Promise<GraphResult<T>> {
    const content = contentOf(request);
    try {
      const answer = await this.pool.request({
        method: request.method,
        path: this.prefix + request.path,
        query: request.query,
        headers: {
          authorization: `${request.authorization ?? (request.upload ? 'OAuth' : 'Bearer')} ${account.accessToken.reveal()}`,
          accept: 'application/json',
          ...content.headers,
        },
        body: content.body,
        ...(request.form || request.upload
          ? { headersTimeout: FORM_ANSWER_MS, signal: AbortSignal.timeout(FORM_DEADLINE_MS) }
          : {}),
      });
      const body = parse(await readText(answer.body));
      if (answer.statusCode >= 200 && answer.statusCode < 300 && body !== undefined && !hasError(body)) {
        return { ok: true, body: body as T };
      }
      return { ok: false, failure: failureOf(answer.statusCode, body), body };
    } catch (error) {
      const unreadable = content.readError();
      if (unreadable) {
        // Our own file failed under the upload: Meta has nothing to do with it.
        throw unreadable;
      }
      return { ok: false, failure: failureOfException(error) };
    }
  }
}

interface Content {
  headers: Record<string, string>;
  body: string | Readable | null;
  /** Why the file could not be read to its end, if that is what happened. */
  readError: () => unknown;
}

function contentOf({ body, params, form, upload }: GraphRequest): Content {
  if (form) {
    return formBody(form);
  }
  if (upload) {
    return uploadBody(upload);
  }
  if (params) {
    return {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(params).toString(),
      readError: () => null,
    };
  }
  return body === undefined
    ? { headers: {}, body: null, readError: () => null }
    : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), readError: () => null };
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > MAX_BODY_BYTES) {
      throw new Error('The answer is too large');
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function hasError(body: unknown): boolean {
  return (
    typeof (body as { error?: unknown } | null)?.error === 'object' && (body as { error?: unknown }).error !== null
  );
}

function failureOfException(error: unknown): GraphFailure {
  const { code, message, cause } = error as { code?: string; message?: string; cause?: { code?: string } };
  const reason = code ?? cause?.code ?? '';
  if (NOT_SENT.has(reason) || TLS_FAILURE.test(reason)) {
    return notSent(`Meta could not be reached (${reason}).`);
  }
  return ambiguous(`The connection to Meta failed before an answer came (${reason || message || 'unknown'}).`);
}
