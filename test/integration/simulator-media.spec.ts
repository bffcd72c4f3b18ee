import { createHash } from 'node:crypto';
import { GraphDouble, type GraphAnswer } from '../support/graph-double.js';

const PNG = Buffer.from('89504e470d0a1a0a0000000d', 'hex');
const KB = 1024;

let double: GraphDouble;

beforeEach(async () => {
  double = await GraphDouble.start();
});

afterEach(() => double.close());

interface Metadata {
  url: string;
  sha256: string;
  file_size: number;
  mime_type: string;
}

async function uploaded(bytes: Buffer = PNG, mime = 'image/png'): Promise<string> {
  const [status, { id }] = await double.upload(bytes, mime);
  expect(status).toBe(200);
  return String(id);
}

async function metadata(id: string): Promise<Metadata> {
  const [status, answer] = await double.graph('GET', id);
  expect(status).toBe(200);
  return answer as unknown as Metadata;
}

/** A picture from a customer, as the webhook shows it. */
async function received(): Promise<{ id: string; url: string; sha256: string }> {
  const { value } = await double.webhook('inbound', { type: 'image', size: 3000 });
  return value.messages?.[0]?.image as { id: string; url: string; sha256: string };
}

function listed(): Promise<{ media: { id: string; source: string; is_expired: boolean; downloads: number }[] }> {
  return double.tell('GET', 'media');
}

function daysFromNow(time: string): number {
  return Math.round((Date.parse(time) - Date.now()) / 86_400_000);
}

describe('downloads', () => {
  it('give the bytes, and are counted', async () => {
    const { id, url } = await received();
    const { status, bytes } = await double.download(url);
    const facts = await metadata(id);

    expect([status, bytes.length, facts.file_size]).toEqual([200, 3000, 3000]);
    expect(facts.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect((await listed()).media).toMatchObject([{ id, source: 'webhook', downloads: 1 }]);
  });

  it('fail as often as asked, and then succeed', async () => {
    const { url } = await received();
    await double.configure({ media: { fail_downloads: 2, not_found_downloads: 1 } });
    const statuses = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      statuses.push((await double.download(url)).status);
    }

    expect(statuses).toEqual([404, 503, 503, 200]);
  });

  it('lead elsewhere: by redirect, or by a URL on another host', async () => {
    const { url } = await received();
    await double.configure({ media: { redirect_to: 'http://169.254.169.254/latest/' } });
    const redirected = await double.download(url);
    await double.configure({ media: { redirect_to: '', url_host: 'evil.example' } });
    const elsewhere = await received();

    expect([redirected.status, redirected.location]).toEqual([302, 'http://169.254.169.254/latest/']);
    expect(elsewhere.url).toMatch(/^https:\/\/evil\.example\/whatsapp_business\//);
    expect((await metadata(elsewhere.id)).url).toMatch(/^https:\/\/evil\.example\//);
  });

  it('trickle when told to', async () => {
    await double.configure({ media: { trickle_bytes_per_s: 10_000 } });
    const { url } = await received();
    const started = performance.now();
    const { bytes } = await double.download(url);

    expect(bytes).toHaveLength(3000);
    expect(performance.now() - started).toBeGreaterThan(200);
  });

  it('of announced hashes that are wrong still give the right bytes', async () => {
    await double.configure({ media: { wrong_sha256: true } });
    const { id, url, sha256 } = await received();
    const { bytes } = await double.download(url);
    const right = createHash('sha256').update(bytes).digest();

    expect(sha256).not.toBe(right.toString('base64'));
    expect((await metadata(id)).sha256).toBe(Buffer.from(sha256, 'base64').toString('hex'));
  });

  it('are 404 once the URL is too old, and a new URL works', async () => {
    await double.configure({ media: { url_ttl_s: 0 } });
    const { id, url } = await received();
    const old = await double.download(url);
    await double.configure({ media: { url_ttl_s: 300 } });
    const fresh = await double.download((await metadata(id)).url);

    expect([old.status, fresh.status]).toEqual([404, 200]);
  });
});

describe('media ids', () => {
  it('live 30 days when uploaded and 7 from a webhook, and are listed', async () => {
    await uploaded();
    await received();
    const { media } = (await listed()) as unknown as { media: { source: string; expires_at: string; size: number }[] };

    expect(media.map(({ source, expires_at, size }) => [source, daysFromNow(expires_at), size])).toEqual([
      ['upload', 30, PNG.length],
      ['webhook', 7, 3000],
    ]);
  });

  it('are unknown once expired: to metadata, to downloads and to sends', async () => {
    const { id, url } = await received();
    await double.tell('POST', 'media/expire', { id });
    const send = double.send({ type: 'image', image: { id } });

    expect((await double.graph('GET', id))[1].error?.code).toBe(100);
    expect((await double.download(url)).status).toBe(404);
    expect((await send)[1].error).toMatchObject({
      code: 100,
      message: "(#100) Param image['id'] is not a valid whatsapp business account media attachment ID",
    });
  });

  it('can expire all at once, or count as expired as long as that is configured', async () => {
    const id = await uploaded();
    await double.configure({ media: { expire_ids: true } });
    const during = (await double.graph('GET', id))[0];
    await double.configure({ media: { expire_ids: false } });
    const after = (await double.graph('GET', id))[0];
    const answer = await double.tell('POST', 'media/expire', { all: true });

    expect([during, after, answer]).toEqual([400, 200, { expired: 1 }]);
    expect((await listed()).media).toMatchObject([{ id, is_expired: true }]);
    expect((await double.control('POST', 'media/expire', { id: '1' }))[0]).toBe(404);
  });

  it('that are unknown are refused or fail afterwards, as configured', async () => {
    const send = (): Promise<[number, GraphAnswer]> => double.send({ type: 'image', image: { id: '42' } });
    await double.configure({ media: { unknown_id_code: 131009 } });
    const refused = await double.codeOf(send());
    await double.configure({ media: { unknown_id_code: 131053 } });
    const [failed] = await double.statusesOf(send(), 1);
    await double.configure({ check_media_ids: false });

    expect(refused).toBe(131009);
    expect(failed?.value.statuses).toMatchObject([{ status: 'failed', errors: [{ code: 131053 }] }]);
    expect(await double.statusesOf(send(), 3)).toHaveLength(3);
  });

  it('are checked in headers too, of interactive messages and of templates', async () => {
    const id = await uploaded();
    const action = { buttons: [{ type: 'reply', reply: { id: 'a', title: 'A' } }] };
    const interactive = (mediaId: string): Promise<[number, GraphAnswer]> =>
      double.send({
        type: 'interactive',
        interactive: {
          type: 'button',
          header: { type: 'image', image: { id: mediaId } },
          body: { text: 'Choose' },
          action,
        },
      });
    await double.tell('PUT', 'templates/picture', {
      status: 'APPROVED',
      components: [
        { type: 'HEADER', format: 'IMAGE' },
        { type: 'BODY', text: 'See above.' },
      ],
    });
    const template = (image: Record<string, string>): Promise<[number, GraphAnswer]> =>
      double.send({
        type: 'template',
        template: {
          name: 'picture',
          language: { code: 'en' },
          components: [{ type: 'header', parameters: [{ type: 'image', image }] }],
        },
      });

    expect((await interactive('42'))[1].error?.message).toContain("interactive['header']['image']['id']");
    expect(await double.codeOf(interactive(id))).toBeUndefined();
    expect((await template({ id: '42' }))[1].error?.message).toContain(
      "template['components'][0]['parameters'][0]['image']['id']",
    );
    expect(await double.codeOf(template({ id }))).toBeUndefined();
    expect(await double.codeOf(template({ link: 'https://example.com/a.png' }))).toBeUndefined();
    expect(await double.codeOf(template({ link: 'example.com/a.png' }))).toBe(100);
  });
});

describe('uploads', () => {
  it.each<[string, number]>([
    ['image/jpeg', 5 * KB * KB],
    ['image/webp', 500 * KB],
    ['audio/aac', 16 * KB * KB],
    ['video/3gpp', 16 * KB * KB],
  ])('of %s are taken up to %i bytes', async (mime, limit) => {
    const [fits] = await double.upload(Buffer.alloc(limit), mime);
    const [status, { error }] = await double.upload(Buffer.alloc(limit + 1), mime);

    expect([fits, status, error?.code]).toEqual([200, 400, 131053]);
  });

  it.each(['image/gif', 'audio/ogg; codecs=opus', 'audio/wav', 'application/zip', 'text/html'])(
    'of %s are refused with the list of what is taken',
    async (mime) => {
      const [status, { error }] = await double.upload(PNG, mime);

      expect([status, error?.code]).toEqual([400, 100]);
      expect(error?.message).toContain('Param file must be a file with one of the following types: audio/aac,');
      expect(error?.message).toContain(`Received file of type '${mime}'`);
    },
  );

  it('go by the type of the file itself', async () => {
    const [status] = await double.upload(PNG, 'application/octet-stream', { type: 'image/png' });

    expect(status).toBe(400);
  });
});

describe('sends of a file', () => {
  it.each<[string, string, Buffer, Record<string, unknown>, boolean]>([
    ['image', 'image/png', PNG, { caption: 'See' }, true],
    ['image', 'image/webp', PNG, {}, false],
    ['video', 'audio/mpeg', PNG, {}, false],
    ['document', 'image/png', PNG, { filename: 'a.png' }, true],
    ['audio', 'audio/mpeg', PNG, {}, true],
    ['audio', 'audio/mpeg', PNG, { voice: true }, false],
    ['audio', 'audio/ogg', PNG, { voice: true }, true],
    ['sticker', 'image/webp', Buffer.alloc(100 * KB), {}, true],
    ['sticker', 'image/webp', Buffer.alloc(100 * KB + 1), {}, false],
  ])('as %s of %s are delivered only where WhatsApp can', async (type, mime, bytes, extras, isDelivered) => {
    const id = await uploaded(bytes, mime);
    const [status] = await double.statusesOf(double.send({ type, [type]: { id, ...extras } }), isDelivered ? 3 : 1);

    expect(status?.value.statuses?.[0]).toMatchObject(
      isDelivered ? { status: 'sent' } : { status: 'failed', errors: [{ code: 131053 }] },
    );
  });

  it('that came from a customer go out again', async () => {
    const { id } = await received();

    expect(await double.statusesOf(double.send({ type: 'image', image: { id } }), 3)).toHaveLength(3);
  });

  it('by link are taken unseen', async () => {
    const link = 'http://127.0.0.1:9/nobody-listens.png';

    expect(await double.statusesOf(double.send({ type: 'image', image: { link } }), 3)).toHaveLength(3);
    expect(await double.codeOf(double.send({ type: 'image', image: { link: 'file:///etc/passwd' } }))).toBe(100);
  });
});

it('settings of media are checked like all others', async () => {
  const [, { problems }] = await double.control('PUT', 'config', {
    media: { url_host: 'a b', redirect_to: 'nowhere', fail_downloads: -1, colour: 'red' },
    bsuid: 'maybe',
  });

  expect(problems).toEqual([
    'media.url_host must be a host or an origin',
    'media.redirect_to must be an http or https URL',
    'media.fail_downloads must be a number not below 0',
    'unknown key media.colour',
    'bsuid must be "off" or "with_phone" or "only"',
  ]);
  expect(await double.tell('GET', 'config')).toMatchObject({ media: { fail_downloads: 0 } });
});
