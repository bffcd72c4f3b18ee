import { randomBytes } from 'node:crypto';
import { readdir, rm, writeFile, mkdtemp, mkdir } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  Controller,
  Get,
  Module,
  Param,
  Req,
  Res,
  type DynamicModule,
  type INestApplicationContext,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../../src/accounts/account-resolver.js';
import type { Account } from '../../src/accounts/account.js';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import { AppModule } from '../../src/app.module.js';
import { Config } from '../../src/config/config.js';
import { createLogger, NestLogger } from '../../src/config/log.js';
import { Database } from '../../src/database/database.js';
import { IdParam } from '../../src/http/common.dto.js';
import { createApp } from '../../src/http/create-app.js';
import { RequireScope, type ParleyRequest } from '../../src/http/principal.js';
import { MediaDownloader } from '../../src/media/media-downloader.js';
import { MediaFetcher } from '../../src/media/media-fetcher.js';
import { MediaLoop } from '../../src/media/media.worker.module.js';
import { MediaModule } from '../../src/media/media.module.js';
import { MediaService, type InboundFile } from '../../src/media/media.service.js';
import { MediaUploads } from '../../src/media/media-uploads.js';
import { sendMedia } from '../../src/media/serve.js';
import { WorkerModule } from '../../src/worker.module.js';
import { callApi, eventually, testEnvironment, type Answer, type CallOptions } from '../support/app.js';
import { createTestDatabase } from '../support/database.js';
import { MediaGraph, SAMPLES, sha256, sized, type GraphFile } from './media-graph.js';

/** Serves any file as the inbox will: by the id of its row. */
@Controller('api/probe')
class ProbeController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly media: MediaService,
  ) {}

  @Get(':id')
  @RequireScope('inbox:read')
  async get(
    @Req() request: ParleyRequest,
    @Param() { id }: IdParam,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    return sendMedia(reply, await this.media.open(await this.accounts.current(), id, request.headers.range));
  }
}

@Module({})
class ProbeModule {
  static forRoot(app: DynamicModule): DynamicModule {
    return { module: ProbeModule, imports: [app, MediaModule], controllers: [ProbeController] };
  }
}

interface Row {
  id: number;
  state: string;
  error: string | null;
  attempts: number;
  storage_key: string | null;
  mime_type: string;
  file_size: number | null;
  sha256: string | null;
  media_id: string;
  original_filename: string | null;
  waits_s: number | null;
}

interface MediaBody {
  id: number;
  account_id: number;
  media_id: string;
  media_type: string;
  mime_type: string;
  original_filename: string | null;
  file_size: number;
  sha256: string;
  state: string;
  media_id_expires_at: string;
  uploaded_at: string;
  code: string;
  detail: string;
}

interface Raw {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

const KEY = 'test-admin-key-0123456789abcdef';
const MB = 1024 * 1024;

describe('media', () => {
  let graph: MediaGraph;
  let folder: string;
  let base: string;
  let db: Database;
  let media: MediaService;
  let account: Account;
  let other: number;
  let app: Awaited<ReturnType<typeof createApp>>;
  let moduleOfWorker: DynamicModule;
  const workers: INestApplicationContext[] = [];
  const closing: Promise<void>[] = [];
  let close: () => Promise<void>;
  let call: <T = MediaBody>(method: string, path: string, options?: CallOptions) => Promise<Answer<T>>;

  beforeAll(async () => {
    graph = await MediaGraph.start();
    folder = await mkdtemp(join(tmpdir(), 'parley-media-'));
    const database = await createTestDatabase();
    const config = Config.fromEnvironment(
      testEnvironment(database.url, { GRAPH_API_BASE_URL: `${graph.url}/graph`, MEDIA_DIR: folder }),
    );
    const logger = createLogger(config.logLevel, 'test');
    app = await createApp(ProbeModule.forRoot(AppModule.forRoot(config, logger)), config, logger);
    await app.listen({ port: 0, host: '127.0.0.1' });
    moduleOfWorker = WorkerModule.forRoot(config, logger);
    base = `${(await app.getUrl()).replace('[::1]', '127.0.0.1')}/whatsapp/api`;
    call = (method, path, options) => callApi(base, method, path, options);
    db = app.get(Database);
    media = app.get(MediaService, { strict: false });
    const create = async (phone_number_id: string): Promise<number> => {
      const body = { name: 'x', access_token: 'EAAtest', phone_number_id };
      return (await call<{ id: number }>('POST', '/accounts', { body })).body.id;
    };
    const id = await create('300000000000001');
    other = await create('300000000000002');
    account = (await app.get(AccountsService, { strict: false }).find(id)) as Account;
    close = async () => {
      await Promise.all(closing);
      await app.close();
      await database.drop();
      await graph.close();
      await rm(folder, { recursive: true });
    };
  });
  afterAll(() => close());
  beforeEach(() => graph.reset());
  afterEach(async () => {
    await stopWorkers();
    // What a test left waiting is not the next one's.
    await db.query(`update media set state = 'failed', next_attempt_at = null where state = 'pending'`);
  });

  async function startWorker(): Promise<INestApplicationContext> {
    const worker = await NestFactory.createApplicationContext(moduleOfWorker, {
      logger: new NestLogger(createLogger('silent', 'test')),
      abortOnError: false,
    });
    workers.push(worker);
    return worker;
  }

  /** A worker that begins nothing by itself: {@link attempt} says when. */
  async function startIdleWorker(): Promise<INestApplicationContext> {
    const worker = await startWorker();
    await worker.get(MediaLoop, { strict: false }).beforeApplicationShutdown();
    return worker;
  }

  /** As a worker that is told to end stops, without waiting for its queues and connections to close. */
  async function stopWorkers(): Promise<void> {
    await Promise.all(
      workers.splice(0).map(async (worker) => {
        await worker.get(MediaLoop, { strict: false }).beforeApplicationShutdown();
        await worker.get(MediaFetcher, { strict: false }).beforeApplicationShutdown();
        closing.push(worker.close());
      }),
    );
  }

  /** What no row of a kept file names. */
  async function orphans(): Promise<string[]> {
    const rows = await db.query<{ storage_key: string }>(`select storage_key from media where state = 'stored'`);
    const known = new Set(rows.map((kept) => kept.storage_key?.split('/').pop()));
    return (await keptFiles()).filter((name) => !known.has(name));
  }

  function inbound(mediaId: string, more: Partial<InboundFile> = {}): InboundFile {
    return {
      mediaId,
      mediaType: 'image',
      mimeType: 'image/png',
      sha256: null,
      filename: null,
      receivedAt: new Date(),
      ...more,
    };
  }

  async function announce(...files: InboundFile[]): Promise<number[]> {
    return db.transaction((tx) => media.announce(tx, account.id, files));
  }

  /** A file of a customer's, announced. */
  async function received(bytes: Buffer, more: Partial<InboundFile> = {}): Promise<{ id: number; mediaId: string }> {
    const mediaId = graph.add(bytes, more.mimeType ?? 'image/png');
    const [id] = await announce(inbound(mediaId, more));
    return { id: id as number, mediaId };
  }

  async function row(id: number): Promise<Row> {
    const [found] = await db.query<Row>(
      `select *, extract(epoch from next_attempt_at - now())::float8 as waits_s from media where id = $1`,
      [id],
    );
    return found as Row;
  }

  function settled(id: number, state = 'stored', timeoutMs?: number): Promise<Row> {
    return eventually(
      () => row(id),
      (seen) => seen.state === state,
      timeoutMs,
    );
  }

  /** Brings the next attempt forward, as if time had passed; who is at it now goes on. */
  async function hurry(id: number): Promise<void> {
    await db.query(
      `update media set next_attempt_at = now()
       where id = $1 and next_attempt_at is not null and (storage_key is null or state <> 'pending')`,
      [id],
    );
  }

  /** As if its fetcher had not said for long that it lives. */
  async function endLease(id: number): Promise<void> {
    await db.query('update media set next_attempt_at = now() where id = $1', [id]);
  }

  /** One attempt at the only file that waits, and none after it: what it left is there to be looked at. */
  async function attempt(id: number, by: INestApplicationContext = app): Promise<Row> {
    await hurry(id);
    await new Promise<void>((resolve, reject) => {
      const begun = by.get(MediaFetcher, { strict: false }).begin(resolve);
      begun.then((count) => expect(count).toBe(1)).catch(reject);
    });
    return row(id);
  }

  async function keptFiles(): Promise<string[]> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  }

  function get(path: string, headers: Record<string, string> = {}): Promise<Raw> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        base + path,
        { headers: { 'x-api-key': KEY, 'x-account-id': String(account.id), ...headers } },
        (response) => {
          response
            .toArray()
            .then((parts) =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                body: Buffer.concat(parts as Buffer[]),
              }),
            )
            .catch(reject);
        },
      );
      request.on('error', reject).end();
    });
  }

  function problem(raw: Raw): { code: string; detail: string } {
    return JSON.parse(raw.body.toString('utf8')) as { code: string; detail: string };
  }

  function form(bytes: Buffer, filename: string, type = ''): FormData {
    const data = new FormData();
    data.append('file', new Blob([new Uint8Array(bytes)], { type }), filename);
    return data;
  }

  function upload(
    bytes: Buffer,
    filename: string,
    type?: string,
    options: CallOptions = {},
  ): Promise<Answer<MediaBody>> {
    return call('POST', '/media', { accountId: account.id, body: form(bytes, filename, type), ...options });
  }

  /** An image nobody has seen before. */
  function picture(size = 200): Buffer {
    return Buffer.concat([SAMPLES.png, randomBytes(size)]);
  }

  /** A server that is none of Meta's. */
  async function stranger(): Promise<{ url: string; seen: IncomingHttpHeaders[]; close: () => Promise<void> }> {
    const seen: IncomingHttpHeaders[] = [];
    const server: Server = createServer((request, response) => {
      seen.push(request.headers);
      response.end(SAMPLES.png);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      seen,
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  }

  describe('a file that a customer sent', () => {
    it('is fetched with the token of its account, checked, kept, and served', async () => {
      const bytes = picture();
      const announced = Buffer.from(sha256(bytes), 'hex').toString('base64');
      const { id, mediaId } = await received(bytes, { sha256: announced, filename: 'Foto.png' });
      expect(await row(id)).toMatchObject({ state: 'pending', attempts: 0 });
      await startWorker();
      expect(await settled(id)).toMatchObject({
        mime_type: 'image/png',
        file_size: bytes.length,
        sha256: sha256(bytes),
        attempts: 1,
        waits_s: null,
        error: null,
      });
      expect(graph.requests.map(({ method, path, token }) => [method, path, token])).toEqual([
        ['GET', `/graph/v23.0/${mediaId}`, 'Bearer EAAtest'],
        ['GET', `/download/${mediaId}`, 'Bearer EAAtest'],
      ]);
      const served = await get(`/probe/${id}`);
      expect(served.status).toBe(200);
      expect(served.body.equals(bytes)).toBe(true);
      expect(served.headers).toMatchObject({
        'content-type': 'image/png',
        'content-length': String(bytes.length),
        'content-disposition': `inline; filename="Foto.png"; filename*=UTF-8''Foto.png`,
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'",
        'cache-control': 'private, max-age=86400, immutable',
        etag: `"${sha256(bytes)}"`,
      });
    });

    it('is believed in hex too, and without a hash', async () => {
      const [a, b] = [picture(), picture()];
      graph.sha256Of = (file) => (file.sha256 === sha256(b) ? undefined : file.sha256);
      const first = await received(a, { sha256: sha256(a) });
      const second = await received(b);
      await startWorker();
      await Promise.all([settled(first.id), settled(second.id)]);
    });

    it('is one file however often it is announced', async () => {
      const mediaId = graph.add(picture(), 'image/png');
      const twin = graph.add(picture(), 'image/png');
      const [a, b, c] = await announce(inbound(mediaId), inbound(twin), inbound(mediaId));
      expect([a === c, a === b]).toEqual([true, false]);
      const again = await Promise.all(Array.from({ length: 5 }, () => announce(inbound(twin), inbound(mediaId))));
      expect(again).toEqual(Array.from({ length: 5 }, () => [b, a]));
      const [foreign] = await db.transaction((tx) => media.announce(tx, other, [inbound(mediaId)]));
      expect(foreign).not.toBe(a);
      await startWorker();
      await Promise.all([a, b, foreign].map((id) => settled(id as number)));
      expect([graph.downloads(mediaId), graph.downloads(twin)]).toEqual([2, 1]);
    });

    it('is fetched once by two workers', async () => {
      const files = await Promise.all(Array.from({ length: 30 }, () => received(picture())));
      await Promise.all([startWorker(), startWorker()]);
      await Promise.all(files.map(({ id }) => settled(id)));
      expect(files.map(({ mediaId }) => graph.downloads(mediaId))).toEqual(files.map(() => 1));
    });

    it('is asked for again when the host is busy', async () => {
      graph.faults.push({ status: 503 }, { status: 503 });
      const { id } = await received(picture());
      const first = await attempt(id);
      expect(first).toMatchObject({ state: 'pending', error: expect.stringContaining('503') as string });
      expect(first.waits_s).toBeLessThan(2.5);
      expect(await attempt(id)).toMatchObject({ state: 'pending', attempts: 2 });
      await hurry(id);
      await startWorker();
      expect(await settled(id)).toMatchObject({ attempts: 3, error: null });
      expect(graph.downloads()).toBe(3);
    });

    it('is asked for at a new address when the first has expired', async () => {
      graph.faults.push({ status: 404 });
      const { id, mediaId } = await received(picture());
      await startWorker();
      expect(await settled(id)).toMatchObject({ attempts: 1 });
      expect(graph.requests.map(({ path }) => path)).toEqual([
        `/graph/v23.0/${mediaId}`,
        `/download/${mediaId}`,
        `/graph/v23.0/${mediaId}`,
        `/download/${mediaId}`,
      ]);
    });

    it('is not kept when its bytes are not those that were announced', async () => {
      const bytes = picture();
      for (const [announced, graphs] of [
        [sha256(Buffer.from('other')), undefined],
        [sha256(bytes), sha256(Buffer.from('other'))],
      ]) {
        graph.reset();
        graph.sha256Of = () => graphs;
        const { id, mediaId } = await received(bytes, { sha256: announced ?? null });
        expect(await attempt(id)).toMatchObject({ state: 'pending' });
        expect(await attempt(id)).toMatchObject({
          state: 'failed',
          error: expect.stringContaining('sha256 differs') as string,
          attempts: 2,
          storage_key: null,
        });
        expect(graph.downloads(mediaId)).toBe(2);
        expect(problem(await get(`/probe/${id}`))).toMatchObject({ code: 'media_fetch_failed' });
      }
      expect(await orphans()).toEqual([]);
    });

    it('is kept when only the first try was spoilt on the way', async () => {
      const bytes = picture();
      const mediaId = graph.add(bytes, 'image/png');
      graph.faults.push({ cutAfter: 0 });
      graph.sha256Of = (file) => (graph.downloads(mediaId) < 2 ? sha256(Buffer.from('x')) : file.sha256);
      const [id] = (await announce(inbound(mediaId))) as [number];
      expect(await attempt(id)).toMatchObject({ state: 'pending' });
      expect(await attempt(id)).toMatchObject({ state: 'pending' });
      expect(await attempt(id)).toMatchObject({ state: 'stored', attempts: 3 });
    });

    it('is not asked for on a host that is not known as one of Meta’s, and no token goes there', async () => {
      const foreign = await stranger();
      graph.host = foreign.url;
      const { id } = await received(picture());
      await startWorker();
      expect(await settled(id, 'failed')).toMatchObject({
        error: `Meta's address is not on a host of Meta's that is known: ${new URL(foreign.url).host}.`,
        storage_key: null,
      });
      for (const url of [
        'https://lookaside.fbsbx.com.evil.example',
        'https://x@lookaside.fbsbx.com',
        'file:///etc',
        '',
      ]) {
        graph.host = url;
        const file = await received(picture());
        expect(await settled(file.id, 'failed')).toMatchObject({
          error: expect.stringContaining('not on a host') as string,
        });
      }
      expect(foreign.seen).toEqual([]);
      await foreign.close();
    });

    it('is not followed to where it is redirected', async () => {
      const foreign = await stranger();
      graph.faults.push({ status: 302, location: `${foreign.url}/x` });
      const { id } = await received(picture());
      expect(await attempt(id)).toMatchObject({
        state: 'pending',
        error: expect.stringContaining('302') as string,
      });
      expect(foreign.seen).toEqual([]);
      await foreign.close();
    });

    it('is given up for good when Meta no longer keeps it, after one question', async () => {
      const receivedAt = new Date(Date.now() - 7 * 24 * 3_600_000 - 1_000);
      const { id, mediaId } = await received(picture(), { receivedAt });
      graph.files.delete(mediaId);
      await startWorker();
      expect(await settled(id, 'failed')).toMatchObject({
        error: expect.stringContaining('7 days') as string,
        attempts: 1,
      });
      expect(graph.requests).toHaveLength(1);
      await db.query(`update media set updated_at = now() - interval '1 minute' where id = $1`, [id]);
      const answer = await get(`/probe/${id}`);
      expect([answer.status, problem(answer).code]).toEqual([410, 'media_gone']);
      expect(graph.requests).toHaveLength(1);
    });

    it('is fetched when Meta has it, however old its message calls itself', async () => {
      const { id } = await received(picture(), { receivedAt: new Date('2026-01-01') });
      await startWorker();
      await settled(id);
    });

    it('is given up when it is larger than Meta says files can be', async () => {
      const large: GraphFile = { mimeType: 'video/mp4', size: 100 * MB + 1, sha256: 'x', bytes: () => [] };
      const [id] = (await announce(inbound(graph.addFile(large)))) as [number];
      await startWorker();
      expect(await settled(id, 'failed')).toMatchObject({ error: expect.stringContaining('100 MB') as string });
      expect(graph.downloads()).toBe(0);
    });

    it('waits while the token of its account does not work, and uses up no attempt', async () => {
      graph.answers.push(() => ({ status: 401, body: { error: { code: 190, message: 'expired' } } }));
      const { id } = await received(picture());
      await startWorker();
      const waiting = await eventually(
        () => row(id),
        (seen) => seen.error !== null,
      );
      expect(waiting).toMatchObject({ state: 'pending', attempts: 0, storage_key: null });
      expect(waiting.waits_s).toBeGreaterThan(400);
      await hurry(id);
      await settled(id);
    });

    it('waits while the store does not work, and comes when it does again', async () => {
      const blocked = join(folder, String(account.id));
      await rm(blocked, { recursive: true, force: true });
      // A file where the folder of the account has to be.
      await writeFile(blocked, '');
      const { id } = await received(picture());
      await startWorker();
      const waiting = await eventually(
        () => row(id),
        (seen) => seen.error !== null,
      );
      expect(waiting).toMatchObject({ state: 'pending', attempts: 0, error: 'The media folder does not work.' });
      const rejected = await upload(picture(), 'a.png');
      expect([rejected.status, rejected.body.code]).toEqual([503, 'media_storage_failed']);
      expect(rejected.headers.get('retry-after')).toBe('30');
      expect(JSON.stringify(rejected.body)).not.toContain(folder);
      await rm(blocked);
      await stopWorkers();
      await startWorker();
      await hurry(id);
      await settled(id);
    });

    it('is asked for again when Meta does not say where it is', async () => {
      graph.answers.push(() => ({ status: 200, body: { id: '1' } }));
      const { id } = await received(picture());
      expect(await attempt(id)).toMatchObject({ state: 'pending', error: 'Meta did not say where the file is.' });
      await hurry(id);
      await startWorker();
      await settled(id);
    });

    it('is cut off when it trickles', async () => {
      const worker = await startIdleWorker();
      worker.get(MediaDownloader, { strict: false }).patience = { graceMs: 300, minBytesPerS: 2_000 };
      graph.faults.push({ trickle: { chunk: 10, everyMs: 50 } });
      const { id } = await received(picture(5_000));
      expect(await attempt(id, worker)).toMatchObject({ state: 'pending', error: 'The download was too slow.' });
      await hurry(id);
      await startWorker();
      await settled(id);
    });

    it('is asked for again when the connection breaks in the middle', async () => {
      const chunks = Array.from({ length: 10 }, () => randomBytes(50_000));
      const bytes = Buffer.concat([SAMPLES.mp4, ...chunks]);
      const file = {
        mimeType: 'video/mp4',
        size: bytes.length,
        sha256: sha256(bytes),
        bytes: () => [SAMPLES.mp4, ...chunks],
      };
      graph.faults.push({ cutAfter: 200_000 });
      const [id] = (await announce(inbound(graph.addFile(file), { mediaType: 'video' }))) as [number];
      expect(await attempt(id)).toMatchObject({ state: 'pending' });
      expect(await orphans()).toEqual([]);
      await hurry(id);
      await startWorker();
      expect(await settled(id)).toMatchObject({ mime_type: 'video/mp4', file_size: bytes.length });
    });

    it('is fetched by another when its fetcher hangs, who then does no harm', async () => {
      let letGo: () => void = () => undefined;
      graph.faults.push({ hang: new Promise((resolve) => (letGo = resolve)) });
      const bytes = picture();
      const { id, mediaId } = await received(bytes);
      // Its process is as good as dead: it does not come to saying that it lives.
      const dead = media.open(account, id).catch((error: unknown) => error);
      const claimed = await eventually(
        () => row(id),
        () => graph.downloads(mediaId) === 1,
      );
      await startWorker();
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      expect(graph.downloads(mediaId)).toBe(1);
      await endLease(id);
      const stored = await settled(id);
      expect(graph.downloads(mediaId)).toBe(2);
      expect(stored.storage_key).not.toBe(claimed.storage_key);
      letGo();
      await dead;
      expect(await row(id)).toMatchObject({ state: 'stored', storage_key: stored.storage_key });
      const names = await keptFiles();
      expect(names).toContain(stored.storage_key?.split('/').pop());
      expect(names).not.toContain(claimed.storage_key?.split('/').pop());
      expect((await get(`/probe/${id}`)).body.equals(bytes)).toBe(true);
    });

    it('is let go by a worker that is stopped, for the next', async () => {
      graph.faults.push({ hang: new Promise(() => undefined) });
      const { id, mediaId } = await received(picture());
      await startWorker();
      await eventually(
        async () => graph.downloads(mediaId),
        (count) => count === 1,
      );
      await stopWorkers();
      expect(await row(id)).toMatchObject({ state: 'pending', storage_key: null, attempts: 0 });
      await startWorker();
      await settled(id);
    });

    it('tells who waits for it in the transaction that keeps it, and once when it is given up', async () => {
      const told: unknown[] = [];
      const worker = await startIdleWorker();
      let shallFail = true;
      worker.get(MediaService, { strict: false }).onSettled(async (tx, files) => {
        if (files.some((file) => file.state === 'stored') && shallFail) {
          shallFail = false;
          throw new Error('cannot take it');
        }
        const [seen] = await tx.query<{ state: string }>('select state from media where id = $1', [files[0]?.id]);
        told.push(...files, seen?.state);
      });
      const { id } = await received(picture());
      expect(await attempt(id, worker)).toMatchObject({
        state: 'pending',
        error: 'The file could not be taken over.',
      });
      expect(await attempt(id, worker)).toMatchObject({ state: 'stored' });
      expect(told).toEqual([{ id, accountId: account.id, state: 'stored' }, 'stored']);
      const [lostId] = (await announce(inbound('404', { receivedAt: new Date(0) }))) as [number];
      expect(await attempt(lostId, worker)).toMatchObject({ state: 'failed' });
      expect(told.slice(2)).toEqual([{ id: lostId, accountId: account.id, state: 'failed' }, 'failed']);
    });

    it('leaves no bytes when it is removed while it is being fetched', async () => {
      let letGo: () => void = () => undefined;
      graph.faults.push({ hang: new Promise((resolve) => (letGo = resolve)) });
      const { id, mediaId } = await received(picture());
      await startWorker();
      await eventually(
        async () => graph.downloads(mediaId),
        (count) => count === 1,
      );
      await db.transaction((tx) => media.remove(tx, [id]));
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      // Its row waits for the fetcher, who may still write.
      expect(await row(id)).toMatchObject({ state: 'deleted', storage_key: expect.any(String) as string });
      letGo();
      await eventually(orphans, (names) => names.length === 0);
      await endLease(id);
      await eventually(
        () => row(id),
        (seen) => seen === undefined,
      );
      await eventually(orphans, (names) => names.length === 0);
    });

    it('vanishes with its bytes when it is removed', async () => {
      const { id } = await received(picture());
      const pending = await received(picture());
      await startWorker();
      const { storage_key } = await settled(id);
      await settled(pending.id);
      await db.transaction((tx) => media.remove(tx, [id]));
      await eventually(
        async () => [await row(id), await keptFiles()] as const,
        ([seen, names]) => seen === undefined && !names.includes(storage_key?.split('/').pop() ?? ''),
      );
      expect((await get(`/probe/${id}`)).status).toBe(404);
      expect(await row(pending.id)).toMatchObject({ state: 'stored' });
    });
  });

  describe('opening a file', () => {
    it('fetches it when no worker has come to it yet, and keeps it', async () => {
      const bytes = picture();
      const { id, mediaId } = await received(bytes);
      for (let time = 0; time < 3; time += 1) {
        expect((await get(`/probe/${id}`)).body.equals(bytes)).toBe(true);
      }
      expect(graph.downloads(mediaId)).toBe(1);
      expect(await row(id)).toMatchObject({ state: 'stored', attempts: 0 });
    });

    it('says to come again while somebody fetches it', async () => {
      let letGo: () => void = () => undefined;
      graph.faults.push({ hang: new Promise((resolve) => (letGo = resolve)) });
      const { id, mediaId } = await received(picture());
      const first = get(`/probe/${id}`);
      await eventually(
        async () => graph.downloads(mediaId),
        (count) => count === 1,
      );
      const second = await get(`/probe/${id}`);
      expect([second.status, problem(second).code, second.headers['retry-after']]).toEqual([
        409,
        'media_not_ready',
        '2',
      ]);
      letGo();
      expect((await first).status).toBe(200);
    });

    it('says why Meta does not give it, and tries again later', async () => {
      graph.faults.push({ status: 503 });
      const { id } = await received(picture());
      const refused = await get(`/probe/${id}`);
      expect([refused.status, problem(refused)]).toEqual([
        502,
        expect.objectContaining({ code: 'media_fetch_failed', detail: "Meta's media host answered HTTP 503." }),
      ]);
      expect(await row(id)).toMatchObject({ state: 'pending', attempts: 0 });
      expect((await get(`/probe/${id}`)).status).toBe(200);
    });

    it('tries once more what was given up, but not for everyone who looks', async () => {
      const { id } = await received(picture());
      await db.query(`update media set state = 'failed', error = 'gone wrong', next_attempt_at = null where id = $1`, [
        id,
      ]);
      const answer = await get(`/probe/${id}`);
      expect([answer.status, problem(answer).detail]).toEqual([502, 'gone wrong']);
      expect(graph.requests).toEqual([]);
      await db.query(`update media set updated_at = now() - interval '1 minute' where id = $1`, [id]);
      expect((await get(`/probe/${id}`)).status).toBe(200);
    });

    it.each([
      ['an SVG with a script', SAMPLES.svg, 'image/svg+xml', 'a.svg'],
      ['an SVG that calls itself a PNG', SAMPLES.xmlSvg, 'image/png', 'a.png'],
      ['a page that calls itself a video', SAMPLES.html, 'video/mp4', 'a.mp4'],
    ])('gives %s as bytes to save, never as something to show', async (_what, bytes, mimeType, filename) => {
      const { id } = await received(bytes, { mimeType, filename, mediaType: 'document' });
      const served = await get(`/probe/${id}`);
      expect(served.body.equals(bytes)).toBe(true);
      expect(served.headers).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename="${filename}"; filename*=UTF-8''${filename}`,
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'",
      });
    });

    it('shows a type by the bytes, and saves a PDF', async () => {
      const cases: [Buffer, string, string, string, string][] = [
        [SAMPLES.jpeg, 'image/png', 'inline', 'image/jpeg', 'image.jpg'],
        [SAMPLES.opus, 'audio/ogg; codecs=opus', 'inline', 'audio/ogg; codecs=opus', 'image.ogg'],
        [SAMPLES.pdf, 'application/pdf', 'attachment', 'application/pdf', 'image'],
        [SAMPLES.text, 'text/plain', 'attachment', 'text/plain', 'image'],
      ];
      for (const [bytes, mimeType, disposition, type, name] of cases) {
        const { id } = await received(Buffer.concat([bytes, Buffer.from(String(Math.random()))]), { mimeType });
        const { headers } = await get(`/probe/${id}`);
        expect([headers['content-disposition'], headers['content-type']]).toEqual([
          `${disposition}; filename="${name}"; filename*=UTF-8''${name}`,
          type,
        ]);
        expect(headers.vary).toContain('X-API-Key');
      }
    });

    it('has a harmless name in header and folder, whatever the customer called it', async () => {
      const filename = `../../etc/"cron"\r\nSet-Cookie: a=b\u202e 🎉.pdf`;
      const { id } = await received(SAMPLES.pdf, { filename, mimeType: 'application/pdf', mediaType: 'document' });
      const { headers } = await get(`/probe/${id}`);
      expect(headers['set-cookie']).toBeUndefined();
      expect(headers['content-disposition']).toBe(
        `attachment; filename="_cron_Set-Cookie: a=b __.pdf"; ` +
          `filename*=UTF-8''%22cron%22Set-Cookie%3A%20a%3Db%20%F0%9F%8E%89.pdf`,
      );
      expect(await row(id)).toMatchObject({
        storage_key: expect.stringMatching(/^\d+\/[0-9a-f]{2}\/[0-9a-f-]{36}$/) as string,
      });
    });

    it('is refused to another account as if it were not there', async () => {
      const { id } = await received(picture());
      const [foreign, missing] = [
        await get(`/probe/${id}`, { 'x-account-id': String(other) }),
        await get('/probe/999999'),
      ];
      expect([foreign.status, missing.status]).toEqual([404, 404]);
      expect(problem(foreign).detail).toBe(problem(missing).detail);
      expect(graph.requests).toEqual([]);
    });
  });

  describe('parts and caches', () => {
    let id: number;
    let bytes: Buffer;
    beforeAll(async () => {
      bytes = Buffer.concat([SAMPLES.mp4, randomBytes(100_000)]);
      id = (await received(bytes, { mimeType: 'video/mp4', mediaType: 'video' })).id;
      await get(`/probe/${id}`);
    });

    it.each([
      ['bytes=0-99', 0, 100],
      ['bytes=100-', 100, undefined],
      ['bytes=-500', -500, undefined],
      ['bytes=99999-200000', 99_999, undefined],
    ])('answers %s with that part', async (range, start, end) => {
      const part = await get(`/probe/${id}`, { range });
      const expected = bytes.subarray(start, end);
      const first = start < 0 ? bytes.length + start : start;
      expect(part.status).toBe(206);
      expect(part.body.equals(expected)).toBe(true);
      expect(part.headers).toMatchObject({
        'content-range': `bytes ${first}-${first + expected.length - 1}/${bytes.length}`,
        'content-length': String(expected.length),
        'accept-ranges': 'bytes',
        'content-type': 'video/mp4',
      });
    });

    it('answers 416 to a part behind the end', async () => {
      const answer = await get(`/probe/${id}`, { range: 'bytes=200000-' });
      expect([answer.status, answer.headers['content-range'], problem(answer).code]).toEqual([
        416,
        `bytes */${bytes.length}`,
        'range_not_satisfiable',
      ]);
    });

    it.each(['bytes=0-1,5-9', 'bytes=9-1', 'lines=1-2', 'bytes=x'])('gives all of it for %s', async (range) => {
      const answer = await get(`/probe/${id}`, { range });
      expect([answer.status, answer.body.length]).toEqual([200, bytes.length]);
    });

    it('answers 304 without the bytes to who has them', async () => {
      const etag = `"${sha256(bytes)}"`;
      for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const answer = await get(`/probe/${id}`, { 'if-none-match': header });
        expect([answer.status, answer.body.length, answer.headers.etag]).toEqual([304, 0, etag]);
      }
      expect((await get(`/probe/${id}`, { 'if-none-match': '"x"' })).status).toBe(200);
    });

    it('tells of the file without giving it, to who asks with HEAD', async () => {
      const answer = await fetch(`${base}/probe/${id}`, {
        method: 'HEAD',
        headers: { 'x-api-key': KEY, 'x-account-id': String(account.id) },
      });
      expect([answer.status, answer.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
    });

    it('gives the part only of the file that is meant', async () => {
      const range = 'bytes=0-9';
      expect((await get(`/probe/${id}`, { range, 'if-range': `"${sha256(bytes)}"` })).status).toBe(206);
      expect((await get(`/probe/${id}`, { range, 'if-range': '"another"' })).body.length).toBe(bytes.length);
      expect((await get(`/probe/${id}`, { range: 'bytes=900000-', 'if-range': '"another"' })).status).toBe(200);
    });
  });

  describe('the library', () => {
    it('keeps a file and gives it to Meta', async () => {
      const bytes = picture();
      const { status, body } = await upload(bytes, 'Speisekarte "neu".png', 'image/png');
      expect(status).toBe(201);
      expect(body).toEqual({
        id: expect.any(Number) as number,
        account_id: account.id,
        media_id: graph.uploads[0]?.id,
        media_id_expires_at: expect.stringMatching(/Z$/) as string,
        media_type: 'image',
        mime_type: 'image/png',
        // As browsers write a quote in a form.
        original_filename: 'Speisekarte %22neu%22.png',
        file_size: bytes.length,
        sha256: sha256(bytes),
        state: 'stored',
        uploaded_at: expect.stringMatching(/Z$/) as string,
      });
      const days = (Date.parse(body.media_id_expires_at) - Date.now()) / 86_400_000;
      expect(days).toBeGreaterThan(28);
      expect(days).toBeLessThan(30);
      expect(graph.uploads).toEqual([
        {
          id: body.media_id,
          fields: { messaging_product: 'whatsapp', type: 'image/png' },
          filename: 'Speisekarte %22neu%22.png',
          contentType: 'image/png',
          size: bytes.length,
          sha256: sha256(bytes),
        },
      ]);
      expect((await call('GET', `/media/${body.id}`)).body).toEqual(body);
      const content = await get(`/media/${body.id}/content`);
      expect(content.body.equals(bytes)).toBe(true);
      expect(content.headers['content-type']).toBe('image/png');
    });

    it('has the same bytes once per account, also of two uploads at once', async () => {
      const bytes = picture();
      const first = await upload(bytes, 'a.png');
      const second = await upload(bytes, 'b.png');
      expect([first.status, second.status]).toEqual([201, 200]);
      expect(second.body).toEqual(first.body);
      expect(graph.uploads).toHaveLength(1);
      const elsewhere = await upload(bytes, 'a.png', undefined, { accountId: other });
      expect(elsewhere.status).toBe(201);
      expect(elsewhere.body.id).not.toBe(first.body.id);

      const twin = picture();
      const answers = await Promise.all(Array.from({ length: 6 }, () => upload(twin, 'twin.png')));
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
      expect(new Set(answers.map(({ body }) => body.media_id)).size).toBe(1);
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    });

    it('takes .m4a, under whatever name it comes, as audio/mp4', async () => {
      for (const [sample, name, type] of [
        [SAMPLES.m4a, 'voice.m4a', 'audio/x-m4a'],
        [SAMPLES.m4a, 'voice', 'audio/m4a'],
        [SAMPLES.mp4, 'VOICE.M4A', 'application/octet-stream'],
      ] as const) {
        const { status, body } = await upload(Buffer.concat([sample, randomBytes(50)]), name, type);
        expect([status, body.media_type, body.mime_type]).toEqual([201, 'audio', 'audio/mp4']);
        expect(graph.uploads.at(-1)?.fields.type).toBe('audio/mp4');
      }
    });

    it.each([
      ['threegp', 'a.3gp', 'video', 'video/3gpp'],
      ['mp3', 'a.mp3', 'audio', 'audio/mpeg'],
      ['amr', 'a.amr', 'audio', 'audio/amr'],
      ['opus', 'a.ogg', 'audio', 'audio/ogg; codecs=opus'],
      ['webp', 'a.webp', 'sticker', 'image/webp'],
      ['pdf', 'a.pdf', 'document', 'application/pdf'],
      ['text', 'a.txt', 'document', 'text/plain'],
      ['csv', 'a.csv', 'document', 'text/plain'],
      ['zip', 'a.docx', 'document', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
      ['cfb', 'a.ppt', 'document', 'application/vnd.ms-powerpoint'],
    ] as const)('takes %s', async (sample, name, mediaType, mimeType) => {
      const { status, body } = await upload(SAMPLES[sample], name, name === 'a.csv' ? 'text/csv' : '');
      expect([status, body.media_type, body.mime_type]).toEqual([201, mediaType, mimeType]);
      // Meta refuses parameters.
      expect(graph.uploads[0]?.fields.type).toBe(mimeType.split(';')[0]);
      expect(graph.uploads[0]?.contentType).toBe(mimeType.split(';')[0]);
    });

    it.each([
      ['an SVG', SAMPLES.svg, 'a.svg', 'image/svg+xml', 'application/octet-stream'],
      ['a page that calls itself a picture', SAMPLES.html, 'a.png', 'image/png', 'application/octet-stream'],
      ['an archive', SAMPLES.zip, 'a.zip', 'application/zip', 'application/zip'],
      ['an OGG that is not Opus', SAMPLES.vorbis, 'a.ogg', 'audio/ogg', 'audio/ogg'],
      ['a GIF', Buffer.from('GIF89a\x01\0\x01\0'), 'a.gif', 'image/gif', 'image/gif'],
    ])('refuses %s before Meta is asked', async (_what, bytes, name, type, found) => {
      const { status, body } = await upload(bytes, name, type);
      expect([status, body.code]).toEqual([415, 'unsupported_media_type']);
      expect(body.detail).toContain(`By its content the file is ${found}, which Meta does not take.`);
      expect(graph.requests).toEqual([]);
    });

    it.each([
      ['image', SAMPLES.jpeg, 5 * MB, 'An image may have at most 5 MB.'],
      ['video', SAMPLES.mp4, 16 * MB, 'A video may have at most 16 MB.'],
      ['audio', SAMPLES.mp3, 16 * MB, 'An audio file may have at most 16 MB.'],
      ['sticker', SAMPLES.webp, 100 * 1024, 'A sticker that does not move may have at most 100 KB.'],
      ['sticker', SAMPLES.animatedWebp, 500 * 1024, 'An animated sticker may have at most 500 KB.'],
    ])('has a limit for a file that is sent as %s', async (mediaType, sample, limit, detail) => {
      const before = (await keptFiles()).length;
      const tooLarge = await upload(sized(sample, limit + 1), 'a');
      expect([tooLarge.status, tooLarge.body.code, tooLarge.body.detail]).toEqual([413, 'payload_too_large', detail]);
      expect(graph.requests).toEqual([]);
      expect((await keptFiles()).length).toBe(before);
      const largest = await upload(sized(sample, limit), 'a');
      expect([largest.status, largest.body.media_type, largest.body.file_size]).toEqual([201, mediaType, limit]);
    });

    it('refuses a document of more than 100 MB', async () => {
      const { status, body } = await upload(sized(SAMPLES.pdf, 100 * MB + 1), 'a.pdf');
      expect([status, body.code, graph.uploads.length]).toEqual([413, 'payload_too_large', 0]);
    });

    it('says what is wrong with a request', async () => {
      const empty = await upload(Buffer.alloc(0), 'a.png');
      expect([empty.status, empty.body]).toEqual([
        400,
        expect.objectContaining({ code: 'validation_failed', detail: 'The file is empty.' }),
      ]);
      const none = new FormData();
      none.append('other', new Blob([new Uint8Array(SAMPLES.png)]), 'a.png');
      expect((await call('POST', '/media', { body: none })).status).toBe(400);
      expect((await call('POST', '/media', { body: new FormData() })).status).toBe(400);
      expect((await call('POST', '/media', { body: {} })).status).toBe(415);
      const type = 'multipart/form-data; boundary=x';
      for (const body of [
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n\x89PNG',
        `--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n${'a'.repeat(200_000)}`,
        '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc\r\n--x--',
        '--y--',
        '',
      ]) {
        const broken = await call('POST', '/media', { body, headers: { 'content-type': type } });
        expect([broken.status, broken.body.code]).toEqual([
          400,
          expect.stringMatching(/bad_request|validation_failed/),
        ]);
      }
      const key = (await call<{ key: string }>('POST', '/api-keys', { body: { name: 'r', scopes: ['inbox:read'] } }))
        .body.key;
      expect((await upload(SAMPLES.png, 'a.png', '', { key })).status).toBe(403);
    });

    it('keeps nothing when Meta refuses the file', async () => {
      const bytes = picture();
      for (const [answer, status, kind] of [
        [{ status: 400, body: { error: { code: 131053, message: 'bad file' } } }, 422, 'recipient'],
        [{ status: 401, body: { error: { code: 190, message: 'bad token' } } }, 502, 'account'],
        [{ status: 500, body: 'oops' }, 502, 'transient'],
        [{ status: 200, body: {} }, 502, 'transient'],
      ] as const) {
        graph.uploadAnswer = () => answer;
        const refused = await upload(bytes, 'a.png');
        expect([refused.status, refused.body]).toEqual([
          status,
          expect.objectContaining({ code: 'graph_error', graph: expect.objectContaining({ kind }) as object }),
        ]);
      }
      graph.uploadAnswer = null;
      graph.breaksUploads = true;
      const cut = await upload(sized(SAMPLES.jpeg, 4 * MB), 'a.jpg');
      expect([cut.status, cut.body]).toEqual([
        502,
        expect.objectContaining({
          code: 'graph_error',
          graph: expect.objectContaining({ kind: 'transient' }) as object,
        }),
      ]);
      graph.breaksUploads = false;
      await startWorker();
      await eventually(orphans, (names) => names.length === 0);
      expect((await upload(bytes, 'a.png')).status).toBe(201);
    });

    it('clears away what a process left that died before Meta answered', async () => {
      await mkdir(join(folder, `${account.id}/ab`), { recursive: true });
      const key = `${account.id}/ab/abababab-0000-4000-8000-000000000000`;
      await writeFile(join(folder, key), 'bytes');
      await writeFile(join(folder, `${key}.part`), 'half');
      // As an upload leaves it: a row to delete, until it is confirmed.
      const [left] = await db.query<{ id: number }>(
        `insert into media (account_id, origin, state, media_type, storage_key, next_attempt_at)
         values ($1, 'library', 'deleted', 'image', $2, now()) returning id`,
        [account.id, key],
      );
      await startWorker();
      await eventually(keptFiles, (names) => !names.some((name) => name.startsWith('abababab')));
      await eventually(
        async () => row(left?.id as number),
        (seen) => seen === undefined,
      );
    });

    it('lists its files, the newest first, by name and kind', async () => {
      const names = ['Preise 100%.pdf', 'preise_alt.pdf', 'Logo.png'];
      const ids: number[] = [];
      for (const name of names) {
        const bytes = Buffer.concat([name.endsWith('.pdf') ? SAMPLES.pdf : SAMPLES.png, randomBytes(50)]);
        ids.unshift((await upload(bytes, name)).body.id);
      }
      const list = async (query: string): Promise<number[]> => {
        const { body } = await call<{ media: MediaBody[] }>('GET', `/media?${query}`);
        return body.media.map(({ id }) => id);
      };
      expect((await list('limit=3')).slice(0, 3)).toEqual(ids);
      expect(await list('q=preise')).toEqual(ids.slice(1));
      expect(await list('q=100%25')).toEqual(ids.slice(2));
      expect(await list('q=preise&media_type=image')).toEqual([]);
      expect((await list('media_type=image'))[0]).toBe(ids[0]);
      const page = await call<{ media: MediaBody[]; next_cursor: string }>('GET', '/media?limit=2');
      expect(await list(`limit=1&cursor=${page.body.next_cursor}`)).toEqual(ids.slice(2));
      expect((await call('GET', '/media?cursor=x')).body.code).toBe('bad_cursor');
      expect((await call('GET', '/media?media_type=gif')).status).toBe(400);
    });

    it('shows no file that a customer sent', async () => {
      const { id } = await received(picture());
      await get(`/probe/${id}`);
      for (const path of [`/media/${id}`, `/media/${id}/content`]) {
        expect((await call('GET', path)).status).toBe(404);
      }
      expect((await call('DELETE', `/media/${id}`)).status).toBe(404);
      const { body } = await call<{ media: MediaBody[] }>('GET', '/media?limit=200');
      expect(body.media.map((file) => file.id)).not.toContain(id);
    });

    it('belongs to its account', async () => {
      const { body } = await upload(picture(), 'a.png');
      for (const [method, path] of [
        ['GET', `/media/${body.id}`],
        ['GET', `/media/${body.id}/content`],
        ['DELETE', `/media/${body.id}`],
      ] as const) {
        const [foreign, missing] = [
          await call(method, path, { accountId: other }),
          await call(method, path.replace(String(body.id), '999999'), { accountId: other }),
        ];
        expect([foreign.status, missing.status]).toEqual([404, 404]);
        expect(foreign.body.detail).toBe(missing.body.detail);
      }
      const { body: list } = await call<{ media: MediaBody[] }>('GET', '/media?limit=200', { accountId: other });
      expect(list.media.map((file) => file.id)).not.toContain(body.id);
      expect((await call('GET', `/media/${body.id}`)).status).toBe(200);
    });

    it('deletes a file here, its bytes, and Meta’s copy', async () => {
      const bytes = picture();
      const { body } = await upload(bytes, 'a.png');
      const { storage_key } = await row(body.id);
      expect((await call('DELETE', `/media/${body.id}`)).status).toBe(204);
      for (const path of ['', '/content']) {
        expect((await call('GET', `/media/${body.id}${path}`)).status).toBe(404);
      }
      expect((await call('DELETE', `/media/${body.id}`)).status).toBe(404);
      await startWorker();
      await eventually(keptFiles, (names) => !names.includes(storage_key?.split('/').pop() ?? ''));
      await eventually(
        async () => graph.deleted,
        (ids) => ids.includes(body.media_id),
      );
      const again = await upload(bytes, 'a.png');
      expect([again.status, again.body.id === body.id]).toEqual([201, false]);
    });
  });

  describe('a file for a send', () => {
    const expire = async (id: number): Promise<void> => {
      await db.query(`update media set media_id_expires_at = now() - interval '1 hour' where id = $1`, [id]);
    };

    it('has the id that Meta gave it', async () => {
      const { body } = await upload(picture(), 'a.png');
      expect(await media.forSend(account, body.media_id, 'image')).toEqual({
        fileId: body.id,
        mediaId: body.media_id,
        mediaType: 'image',
        mimeType: 'image/png',
        filename: 'a.png',
      });
      await expect(media.forSend(account, body.media_id, 'video')).rejects.toMatchObject({ code: 'validation_failed' });
    });

    it('passes through when it is not ours, or another account’s', async () => {
      const { body } = await upload(picture(), 'a.png', '', { accountId: other });
      for (const mediaId of ['123', body.media_id]) {
        expect(await media.forSend(account, mediaId, 'video')).toEqual({
          fileId: null,
          mediaId,
          mediaType: 'video',
          mimeType: '',
          filename: null,
        });
      }
    });

    it('is given to Meta again when its id has expired, once for all who ask at once', async () => {
      const bytes = picture();
      const { body } = await upload(bytes, 'a.png');
      await expire(body.id);
      // All have found that it has expired before the first of them does something about it.
      const uploads = app.get(MediaUploads, { strict: false });
      const { renew } = uploads;
      let arrived = 0;
      let open!: () => void;
      const isOpen = new Promise<void>((resolve) => (open = resolve));
      uploads.renew = async (...file) => {
        arrived += 1;
        if (arrived === 8) {
          open();
        }
        await isOpen;
        return renew.apply(uploads, file);
      };
      const sent = await Promise.all(
        Array.from({ length: 8 }, () => media.forSend(account, body.media_id, 'image')),
      ).finally(() => {
        uploads.renew = renew;
      });
      expect(graph.uploads).toHaveLength(2);
      const renewed = graph.uploads[1];
      expect(renewed).toMatchObject({ sha256: sha256(bytes), size: bytes.length, filename: 'a.png' });
      expect(sent.map(({ fileId, mediaId }) => [fileId, mediaId])).toEqual(sent.map(() => [body.id, renewed?.id]));
      const after = await call('GET', `/media/${body.id}`);
      expect(after.body).toMatchObject({ media_id: renewed?.id });
      expect(Date.parse(after.body.media_id_expires_at)).toBeGreaterThan(Date.now());
      // Who has noted the old id still reaches the file.
      expect(await media.forSend(account, body.media_id, 'image')).toMatchObject({ mediaId: renewed?.id });
      expect((await upload(bytes, 'a.png')).body.id).toBe(body.id);
      expect(graph.uploads).toHaveLength(2);
    });

    it('has one id in the end when two processes renew it at once', async () => {
      const worker = await startWorker();
      const { body } = await upload(picture(), 'a.png');
      await expire(body.id);
      const other = worker.get(MediaService, { strict: false });
      const [a, b] = await Promise.all([
        media.forSend(account, body.media_id, 'image'),
        other.forSend(account, body.media_id, 'image'),
      ]);
      expect(a?.mediaId).toBe(b?.mediaId);
      const stored = (await row(body.id)).media_id;
      expect(stored).toBe(a?.mediaId);
      const superfluous = graph.uploads.slice(1).filter(({ id }) => id !== stored);
      expect(graph.deleted).toEqual(superfluous.map(({ id }) => id));
    });

    it('is renewed on demand when Meta says that it does not know the id', async () => {
      const { body } = await upload(picture(), 'a.png');
      const renewed = await media.renew(account, body.media_id);
      expect(renewed).toMatchObject({ fileId: body.id, mediaId: graph.uploads[1]?.id });
      expect(await media.renew(account, body.media_id)).toEqual(renewed);
      expect(graph.uploads).toHaveLength(2);
      expect(await media.renew(account, 'unknown')).toBeNull();
    });

    it('says what Meta says when it cannot be renewed, and keeps the old id', async () => {
      const { body } = await upload(picture(), 'a.png');
      await expire(body.id);
      graph.uploadAnswer = () => ({ status: 400, body: { error: { code: 190, message: 'bad token' } } });
      await expect(media.forSend(account, body.media_id, 'image')).rejects.toMatchObject({ code: 'graph_error' });
      expect((await row(body.id)).media_id).toBe(body.media_id);
    });

    it('is kept when it comes with a send, apart from the library', async () => {
      const file = {
        stream: (await import('node:stream')).Readable.from([SAMPLES.pdf]),
        filename: 'Angebot.pdf',
        mimeType: 'x',
      };
      const sent = await media.upload(account, file, { origin: 'outbound', mediaType: 'document' });
      expect(sent).toMatchObject({ mediaId: graph.uploads[0]?.id, mediaType: 'document', filename: 'Angebot.pdf' });
      expect((await get(`/probe/${sent.fileId}`)).body.equals(SAMPLES.pdf)).toBe(true);
      expect((await call('GET', `/media/${sent.fileId}`)).status).toBe(404);
    });

    it('is refused when it is to be sent as something else', async () => {
      const { Readable } = await import('node:stream');
      const file = { stream: Readable.from([SAMPLES.pdf]), filename: 'a.pdf', mimeType: 'image/png' };
      await expect(media.upload(account, file, { origin: 'outbound', mediaType: 'image' })).rejects.toMatchObject({
        code: 'unsupported_media_type',
        message: 'By its content the file is application/pdf, which is sent as document, not as image.',
      });
    });
  });

  describe('large files', () => {
    /** Bytes that are made while they are sent. */
    function large(sample: Buffer, size: number, seed: number): GraphFile {
      const chunk = Buffer.alloc(65_536, seed);
      const first = sized(sample, 65_536);
      const count = size / 65_536;
      return {
        mimeType: 'video/mp4',
        size,
        sha256: '',
        bytes: function* () {
          for (let index = 0; index < count; index += 1) {
            yield index === 0 ? first : chunk;
          }
        },
      };
    }

    /** Whether buffers in use ever took as much as `bytes` while the work ran; what is garbage does not count. */
    async function takesMemory(bytes: number, work: () => Promise<unknown>): Promise<boolean> {
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as () => void;
      const used = (): number => process.memoryUsage().arrayBuffers;
      collect();
      const before = used();
      const isTaken = (): boolean => {
        collect();
        return used() - before > bytes;
      };
      let hasTaken = false;
      let isOver = false;
      const watch = async (): Promise<void> => {
        while (!isOver) {
          if (used() - before > bytes && isTaken()) {
            // What was collected is counted off a little later.
            await new Promise((resolve) => setTimeout(resolve, 50));
            hasTaken ||= isTaken();
          }
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      };
      await Promise.all([watch(), work().finally(() => (isOver = true))]);
      return hasTaken;
    }

    it('go in without being in memory: eight videos of 16 MB at once', async () => {
      graph.sha256Of = () => undefined;
      const files = Array.from({ length: 8 }, (_, index) => graph.addFile(large(SAMPLES.mp4, 16 * MB, index + 1)));
      const hasTaken = await takesMemory(48 * MB, async () => {
        const ids = await announce(...files.map((mediaId) => inbound(mediaId, { mediaType: 'video' })));
        await startWorker();
        await Promise.all(ids.map((id) => settled(id, 'stored', 40_000)));
      });
      expect(hasTaken).toBe(false);
    });

    it('go out to Meta and to a browser without being in memory: a document of 96 MB', async () => {
      const file = large(SAMPLES.pdf, 96 * MB, 77);
      const boundary = 'abc';
      const send = (): Promise<number> =>
        new Promise((resolve, reject) => {
          const request = httpRequest(
            `${base}/media`,
            {
              method: 'POST',
              headers: { 'x-api-key': KEY, 'content-type': `multipart/form-data; boundary=${boundary}` },
            },
            (response) => {
              response.resume().on('end', () => resolve(response.statusCode ?? 0));
            },
          ).on('error', reject);
          void (async () => {
            request.write(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n`);
            for (const chunk of file.bytes()) {
              if (!request.write(chunk)) {
                await new Promise((resolve) => request.once('drain', resolve));
              }
            }
            request.end(`\r\n--${boundary}--\r\n`);
          })();
        });
      expect(await takesMemory(48 * MB, async () => expect(await send()).toBe(201))).toBe(false);
      expect(graph.uploads[0]).toMatchObject({ size: 96 * MB });
      const [stored] = await db.query<{ id: number }>(
        `select id from media where file_size = $1 and origin = 'library' order by id desc limit 1`,
        [96 * MB],
      );
      const hasTaken = await takesMemory(
        48 * MB,
        () =>
          new Promise((resolve, reject) => {
            httpRequest(`${base}/media/${stored?.id}/content`, { headers: { 'x-api-key': KEY } }, (response) => {
              response.on('data', () => undefined).on('end', resolve as () => void);
            })
              .on('error', reject)
              .end();
          }),
      );
      expect(hasTaken).toBe(false);
    });
  });
});
