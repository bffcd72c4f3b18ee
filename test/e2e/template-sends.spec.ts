import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type Answer } from '../support/app.js';
import { startRecordedJourney, type RecordedJourney } from '../support/graph-recorder.js';
import { WABA_ID } from '../support/journey.js';
import { SAMPLES } from './media-graph.js';

interface MessageBody {
  id: number;
  status: string;
  message_id: string | null;
  message_body: string;
  error: object | null;
}
interface SendBody {
  status: string;
  message: MessageBody;
  errors?: { field: string; code: string }[];
}

const DAY = 86_400_000;
let counter = 0;
let nextPhone = 9_870_000_000;

describe('templates as they are sent', () => {
  let journey: RecordedJourney;
  const mediaDir = mkdtempSync(join(tmpdir(), 'parley-media-'));

  const call = <T>(method: string, path: string, body?: unknown): Promise<Answer<T>> =>
    journey.api.call<T>(method, path, body === undefined ? {} : { body });
  const send = (body: object): Promise<Answer<SendBody>> =>
    call<SendBody>('POST', '/send-template/', { phone: `+91${(nextPhone += 1)}`, language: 'en', ...body });
  const atMeta = (name: string, more: object): Promise<unknown> =>
    journey.simulator.call('PUT', `templates/${name}`, {
      waba_id: WABA_ID,
      language: 'en',
      status: 'APPROVED',
      notify: false,
      ...more,
    });
  const sync = (): Promise<unknown> => call('POST', '/templates/sync', {});
  const newName = (): string => `sent_${(counter += 1)}`;
  const draft = async (body: object): Promise<number> => {
    const answer = await call<{ id: number }>('POST', '/templates', { category: 'MARKETING', ...body });
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body.id;
  };
  const upload = async (): Promise<number> => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(Buffer.concat([SAMPLES.png, randomBytes(500)]))]), 'a.png');
    return (await call<{ id: number }>('POST', '/media', form)).body.id;
  };
  const mediaIdOf = async (id: number): Promise<string> =>
    (await call<{ media_id: string }>('GET', `/media/${id}`)).body.media_id;
  const getMessage = async (id: number): Promise<MessageBody> =>
    (await call<MessageBody>('GET', `/messages/${id}`)).body;

  beforeAll(async () => {
    journey = await startRecordedJourney({
      env: { MEDIA_DIR: mediaDir },
      simulator: { template_approval_ms: 3_600_000 },
    });
  });
  afterAll(async () => {
    await journey.close();
    rmSync(mediaDir, { recursive: true, force: true });
  });

  describe('where only a draft of the name is known here', () => {
    const ours = {
      body_text: 'Hi {{1}}, your parcel {{2}} is with us and waits for you.',
      examples: { body: ['A', 'B'] },
    };
    const metas = { components: [{ type: 'BODY', text: 'Dear {{1}}, welcome to us today.' }] };

    it('Meta says which values there must be', async () => {
      const name = newName();
      await atMeta(name, metas);
      await draft({ name, ...ours, header: { type: 'IMAGE', media_id: await upload() } });
      const { status, body } = await send({ template_name: name, body_params: ['Asha'] });
      expect([status, body.status]).toEqual([200, 'sent']);
      expect(journey.recorder.sent.at(-1)).toMatchObject({
        template: { name, components: [{ type: 'body', parameters: [{ type: 'text', text: 'Asha' }] }] },
      });
      expect(body.message.message_body).toBe('Hi Asha, your parcel {{2}} is with us and waits for you.');
    });

    it('and where Meta has deleted one, and got another since', async () => {
      const name = newName();
      await atMeta(name, { components: [{ type: 'BODY', text: ours.body_text }] });
      await sync();
      await journey.api.db.query(`update templates set status = 'DELETED' where name = $1`, [name]);
      await atMeta(name, metas);
      expect((await send({ template_name: name, body_params: ['Asha'] })).status).toBe(200);
    });
  });

  describe('with files on their cards, which Meta has forgotten', () => {
    const carousel = async (): Promise<{ name: string; files: number[] }> => {
      const name = newName();
      const files = [await upload(), await upload()];
      const id = await draft({
        name,
        body_text: `See our new chairs today, they are here: ${name}.`,
        carousel: files.map((media_id) => ({
          header: { type: 'IMAGE', media_id },
          body_text: 'A chair for you',
          buttons: [{ type: 'QUICK_REPLY', text: 'Yes' }],
        })),
      });
      expect((await call('POST', `/templates/${id}/push`)).status).toBe(200);
      await atMeta(name, {});
      await sync();
      return { name, files };
    };
    const shownIn = (message: unknown): unknown[] =>
      (
        message as { template: { components: { cards: { components: { parameters: object[] }[] }[] }[] } }
      ).template.components
        .flatMap(({ cards }) => cards)
        .map((card) => (card.components[0]?.parameters[0] as { image: { id: string } }).image.id);
    const forgotten = async (files: number[]): Promise<string[]> => {
      const ids = await Promise.all(files.map(mediaIdOf));
      for (const id of ids) {
        await journey.simulator.call('POST', 'media/expire', { id });
      }
      return ids;
    };
    const scheduled = async (name: string): Promise<number> => {
      const { status, body } = await send({
        template_name: name,
        send_at: new Date(Date.now() + DAY).toISOString(),
      });
      expect([status, body.status]).toEqual([202, 'scheduled']);
      return body.message.id;
    };
    const goesOut = async (id: number): Promise<void> => {
      await journey.api.db.query(`update messages set due_at = now() - interval '1 ms' where id = $1`, [id]);
      const message = await eventually(
        () => getMessage(id),
        ({ status }) => !['scheduled', 'pending'].includes(status),
      );
      expect([message.message_id, message.error]).toEqual([expect.any(String), null]);
    };

    it('goes out at its time with the files given to Meta again', async () => {
      const { name, files } = await carousel();
      const id = await scheduled(name);
      const before = await forgotten(files);
      await journey.api.db.query(`update media set media_id_expires_at = now() - interval '1 day' where id = any($1)`, [
        files,
      ]);
      const asked = journey.recorder.sent.length;
      await goesOut(id);
      // Not only once Meta has refused the old ones: it may take a message and fail it later.
      expect(journey.recorder.sent).toHaveLength(asked + 1);
      const now = await Promise.all(files.map(mediaIdOf));
      expect(shownIn(journey.recorder.sent.at(-1))).toEqual(now);
      expect(now.filter((each) => before.includes(each))).toEqual([]);
    });

    it('also when Meta forgets them before their time, or somebody else had them renewed', async () => {
      const { name, files } = await carousel();
      const [first, second] = [await scheduled(name), await scheduled(name)];
      await forgotten(files);
      await goesOut(first);
      await goesOut(second);
      expect(shownIn(journey.recorder.sent.at(-1))).toEqual(await Promise.all(files.map(mediaIdOf)));
    });

    it('goes out now', async () => {
      const { name, files } = await carousel();
      expect((await send({ template_name: name })).status).toBe(200);
      await forgotten(files);
      const { status, body } = await send({ template_name: name });
      expect([status, body.status]).toEqual([200, 'sent']);
      expect(shownIn(journey.recorder.sent.at(-1))).toEqual(await Promise.all(files.map(mediaIdOf)));
    });
  });

  it('an offer must last until its message is sent', async () => {
    const name = newName();
    await atMeta(name, {
      category: 'MARKETING',
      components: [
        { type: 'BODY', text: 'Dear friend, a new offer today.' },
        { type: 'LIMITED_TIME_OFFER', limited_time_offer: { text: 'Now', has_expiration: true } },
        { type: 'BUTTONS', buttons: [{ type: 'URL', text: 'Go', url: 'https://example.com/' }] },
      ],
    });
    await sync();
    const until = (ms: number): Promise<Answer<SendBody>> =>
      send({
        template_name: name,
        limited_time_offer: { expiration_time_ms: Date.now() + ms },
        send_at: new Date(Date.now() + DAY).toISOString(),
      });
    const early = await until(DAY / 2);
    expect([early.status, early.body.errors]).toEqual([
      400,
      [expect.objectContaining({ field: 'limited_time_offer.expiration_time_ms', code: 'before_send_at' })],
    ]);
    expect((await until(2 * DAY)).status).toBe(202);
  });
});
