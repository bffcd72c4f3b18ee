import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from '@20minutes/s3rver';
import { MediaService } from '../../src/media/media.service.js';
import { eventually } from '../support/app.js';
import { startJourney, type Journey } from '../support/journey.js';
import { SAMPLES } from './media-graph.js';

const KEYS = { S3_ACCESS_KEY_ID: 'S3RVER', S3_SECRET_ACCESS_KEY: 'S3RVER', S3_BUCKET: 'media' };
const FROM = '919810000001';

interface Message {
  id: number;
  direction: string;
  media_file: string | null;
  media_state: string | null;
  media_mime_type: string | null;
  media_size: number | null;
}

/** The whole way, from Meta's webhook to the bytes, with the files in a bucket. */
describe('the way of a file', () => {
  let folder: string;
  let s3: S3rver;
  let journey: Journey;
  let sent = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parley-s3-'));
    s3 = new S3rver({
      port: 0,
      address: '127.0.0.1',
      silent: true,
      directory: folder,
      configureBuckets: [{ name: 'media' }],
    });
    const { port } = await s3.run();
    journey = await startJourney({ env: { ...KEYS, S3_ENDPOINT: `http://127.0.0.1:${port}` } });
  });
  afterAll(async () => {
    await journey.close();
    await s3.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => configure({ fail_downloads: 0, wrong_sha256: false, url_host: '', redirect_to: '' }));

  function configure(media: Record<string, unknown>): Promise<void> {
    return journey.simulator.configure({ media });
  }

  async function messages(): Promise<Message[]> {
    const { body } = await journey.api.call<{ messages?: Message[] }>('GET', `/chats/${FROM}/messages`);
    return body.messages ?? [];
  }

  /** A message with a file from a customer, once the inbox has it. */
  async function received(content: Record<string, unknown>): Promise<Message> {
    await journey.simulator.call('POST', 'inbound', { from: FROM, ...content });
    sent += 1;
    const list = await eventually(messages, (seen) => seen.length >= sent);
    return list[0] as Message;
  }

  function fileIs(id: number, state: string): Promise<Message> {
    return eventually(
      async () => (await journey.api.call<Message>('GET', `/messages/${id}`)).body,
      (seen) => seen.media_state === state,
      30_000,
    );
  }

  async function download(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${journey.api.url}/whatsapp/api${path}`, {
      headers: { 'x-api-key': 'test-admin-key-0123456789abcdef', ...headers },
    });
  }

  async function keptFiles(): Promise<string[]> {
    const entries = await readdir(join(folder, 'media'), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  }

  it('goes from a customer through the bucket to an agent', async () => {
    const { id } = await received({ type: 'video', size: 16 * 1024 * 1024 });
    const message = await fileIs(id, 'stored');
    expect(message).toMatchObject({ media_mime_type: 'video/mp4', media_size: 16 * 1024 * 1024 });
    const whole = await download(`/messages/${id}/media`);
    expect([whole.status, whole.headers.get('content-type')]).toEqual([200, 'video/mp4']);
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(bytes.length).toBe(16 * 1024 * 1024);
    const part = await download(`/messages/${id}/media`, { range: 'bytes=1000000-1000099' });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(1_000_000, 1_000_100))).toBe(true);
  });

  it('survives a host that is busy twice', async () => {
    await configure({ fail_downloads: 2 });
    const { id } = await received({ type: 'image' });
    await fileIs(id, 'stored');
  });

  it('ends where the bytes are others than announced', async () => {
    const before = (await keptFiles()).length;
    await configure({ wrong_sha256: true });
    const { id } = await received({ type: 'image' });
    await fileIs(id, 'failed');
    expect((await keptFiles()).length).toBe(before);
    expect((await download(`/messages/${id}/media`)).status).toBe(502);
  });

  it('does not lead the token to strangers', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const stranger = createServer((request, response) => {
      seen.push(request.headers);
      response.end();
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    const { port } = stranger.address() as AddressInfo;
    await configure({ url_host: `127.0.0.1:${port}` });
    const { id } = await received({ type: 'image' });
    await fileIs(id, 'failed');
    await configure({ url_host: '', redirect_to: `http://127.0.0.1:${port}/` });
    const redirected = await received({ type: 'image' });
    const answer = await eventually(
      () => download(`/messages/${redirected.id}/media`),
      (response) => response.status === 502,
    );
    expect(((await answer.json()) as { detail: string }).detail).toContain('302');
    expect(seen).toEqual([]);
    await new Promise((resolve) => stranger.close(resolve));
  });

  it('gives a script that is called a picture to nobody’s browser', async () => {
    const { id } = await received({
      type: 'document',
      mime_type: 'image/svg+xml',
      filename: '../../"x".svg',
      bytes_base64: SAMPLES.svg.toString('base64'),
    });
    await fileIs(id, 'stored');
    const served = await download(`/messages/${id}/media`);
    expect(Object.fromEntries(served.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="_x_.svg"; filename*=UTF-8''%22x%22.svg`,
      'x-content-type-options': 'nosniff',
    });
  });

  it('goes from the library to Meta, and again when Meta has forgotten it', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(SAMPLES.png)]), 'a.png');
    const upload = await journey.api.call<{ id: number; media_id: string }>('POST', '/media', { body: form });
    expect(upload.status).toBe(201);
    const content = await download(`/media/${upload.body.id}/content`);
    expect(Buffer.from(await content.arrayBuffer()).equals(SAMPLES.png)).toBe(true);
    await journey.simulator.call('POST', 'media/expire', { id: upload.body.media_id });
    const send = await journey.api.call<{ result: { messages: unknown[] } }>('POST', '/send-media/', {
      body: { phone: FROM, type: 'image', media_id: upload.body.media_id },
    });
    expect([send.status, send.body.result.messages.length]).toEqual([200, 1]);
    const renewed = await journey.api.call<{ media_id: string }>('GET', `/media/${upload.body.id}`);
    expect(renewed.body.media_id).not.toBe(upload.body.media_id);
    const { body: atMeta } = await fetch(`${journey.simulator.url}/__simulate/media`).then(async (response) => ({
      body: (await response.json()) as { media: { id: string; is_expired: boolean }[] },
    }));
    expect(atMeta.media.find(({ id }) => id === renewed.body.media_id)).toMatchObject({ is_expired: false });
  });

  it('ends with the file of the library, and with the person whose it is', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(SAMPLES.pdf)]), 'a.pdf');
    const { body } = await journey.api.call<{ id: number; media_id: string }>('POST', '/media', { body: form });
    const names = await keptFiles();
    expect((await journey.api.call('DELETE', `/media/${body.id}`)).status).toBe(204);
    await eventually(keptFiles, (left) => left.length < names.length);
    const media = journey.api.app.get(MediaService, { strict: false });
    const rows = await journey.api.db.query<{ id: number }>(`select id from media where origin = 'inbound'`);
    await journey.api.db.transaction((tx) =>
      media.remove(
        tx,
        rows.map((row) => row.id),
      ),
    );
    const message = (await messages()).find(({ direction }) => direction === 'inbound');
    await eventually(
      () => download(`/messages/${message?.id}/media`),
      (response) => response.status === 410,
    );
    await eventually(
      async () =>
        journey.api.db.query(
          `select 1 from media where origin = 'inbound' and (storage_key is not null or sha256 is not null)`,
        ),
      (left) => left.length === 0,
    );
  });
});
