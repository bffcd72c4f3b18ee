import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audienceCsv, draftWithCsv, startJourney, WABA_ID, type Journey } from '../support/journey.js';
import { SAMPLES } from './media-graph.js';

interface PreflightBody {
  can_run: boolean;
  problems: { code: string; severity: string; message: string; field?: string }[];
}

let counter = 0;

describe('a preflight of what Meta is certain to refuse', () => {
  let journey: Journey;
  const mediaDir = mkdtempSync(join(tmpdir(), 'parley-media-'));

  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await journey.api.call<T>(method, path, body === undefined ? {} : { body });
    expect([answer.status < 300, answer.body]).toEqual([true, answer.body]);
    return answer.body;
  };
  const atMeta = (name: string, more: object): Promise<unknown> =>
    journey.simulator.call('PUT', `templates/${name}`, {
      waba_id: WABA_ID,
      language: 'en',
      category: 'MARKETING',
      status: 'APPROVED',
      notify: false,
      ...more,
    });
  const synced = async (components: object[]): Promise<number> => {
    const name = `preflight_${(counter += 1)}`;
    await atMeta(name, { components });
    await call('POST', '/templates/sync', {});
    const { templates } = await call<{ templates: { id: number; name: string }[] }>('GET', `/templates?q=${name}`);
    return (templates.find((template) => template.name === name) as { id: number }).id;
  };
  const preflight = (id: number): Promise<PreflightBody> => call('GET', `/campaigns/${id}/preflight`);
  const upload = async (): Promise<number> => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(Buffer.concat([SAMPLES.png, randomBytes(500)]))]), 'a.png');
    return (await call<{ id: number }>('POST', '/media', form)).id;
  };

  beforeAll(async () => {
    journey = await startJourney({
      worker: false,
      env: { MEDIA_DIR: mediaDir },
      simulator: { template_approval_ms: 3_600_000 },
    });
  });
  afterAll(async () => {
    await journey.close();
    rmSync(mediaDir, { recursive: true, force: true });
  });

  it('names a value for everybody that is wrong', async () => {
    const template_id = await synced([
      { type: 'BODY', text: 'Dear friend, a new offer today.' },
      { type: 'LIMITED_TIME_OFFER', limited_time_offer: { text: 'Now', has_expiration: true } },
      { type: 'BUTTONS', buttons: [{ type: 'URL', text: 'Go', url: 'https://example.com/' }] },
    ]);
    const withEnd = (value: string): Promise<number> =>
      draftWithCsv(journey, audienceCsv(3), {
        template_id,
        parameter_mappings: { 'limited_time_offer.expiration': { value } },
      });
    expect(await preflight(await withEnd('2020-01-01'))).toMatchObject({
      can_run: false,
      problems: [
        {
          code: 'parameters_invalid',
          severity: 'error',
          field: 'parameter_mappings',
          message: expect.stringContaining('limited_time_offer.expiration_time_ms must be in the future'),
        },
      ],
    });
    expect(await preflight(await withEnd('2099-01-01'))).toMatchObject({ can_run: true, problems: [] });
  });

  it('warns of values of some people', async () => {
    const csv = (...rows: string[]): string => ['phone,name,order_id', ...rows].join('\n');
    const [broken, tabbed, good] = [
      '+919850000010,Asha,"A\n1"',
      '+919850000011,"Bo\tb",A1',
      '+919850000012,Chitra,A2',
    ] as const;
    const some = await preflight(await draftWithCsv(journey, csv(good, broken, tabbed)));
    expect(some).toMatchObject({
      can_run: true,
      problems: [
        {
          code: 'parameters_invalid',
          severity: 'warning',
          message: expect.stringMatching(/^Of 3 .* 2 .*body_params\.2/),
        },
      ],
    });
    expect(await preflight(await draftWithCsv(journey, csv(broken, tabbed)))).toMatchObject({
      can_run: false,
      problems: [{ code: 'parameters_invalid', severity: 'error' }],
    });
    // Who is skipped for want of a value does not fail.
    expect(await preflight(await draftWithCsv(journey, csv(good, '+919850000013,Dev,')))).toMatchObject({
      can_run: true,
      problems: [{ code: 'variables_missing' }],
    });
  });

  it.each(['header', 'card'])('names a file of a %s that was deleted from the library', async (where) => {
    const name = `preflight_${(counter += 1)}`;
    const files = [await upload(), await upload()] as const;
    const body_text = `See our new chairs today, they are here: ${name}.`;
    const template = await call<{ id: number }>('POST', '/templates', {
      name,
      category: 'MARKETING',
      body_text,
      ...(where === 'header'
        ? { header: { type: 'IMAGE', media_id: files[0] } }
        : {
            carousel: files.map((media_id) => ({
              header: { type: 'IMAGE', media_id },
              body_text: 'A chair for you',
              buttons: [{ type: 'QUICK_REPLY', text: 'Yes' }],
            })),
          }),
    });
    await call('POST', `/templates/${template.id}/push`);
    await atMeta(name, {});
    await call('POST', '/templates/sync', {});
    const id = await draftWithCsv(journey, audienceCsv(3), { template_id: template.id, parameter_mappings: {} });
    expect(await preflight(id)).toMatchObject({ can_run: true, problems: [] });
    await call('DELETE', `/media/${files[0]}`);
    expect(await preflight(id)).toMatchObject({
      can_run: false,
      problems: [
        {
          code: 'template_media_unavailable',
          severity: 'error',
          field: 'template_id',
          message: expect.stringContaining(`no file ${files[0]}`),
        },
      ],
    });
  });
});
