import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { ADMIN_KEY, eventually } from '../support/app.js';
import { audienceCsv, draftWithCsv, getCampaign, startJourney, type Journey } from '../support/journey.js';

/** More than the process has connections. */
const MANY = 13;
const BOUNDARY = 'parley-test';

/** A sender who takes his time over a file. */
class SlowUpload {
  readonly answer: Promise<{ status: number | undefined; body: Record<string, unknown> }>;
  private readonly request: ClientRequest;

  constructor(url: string) {
    this.request = request(url, {
      method: 'POST',
      headers: { 'x-api-key': ADMIN_KEY, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    });
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      this.request.once('response', resolve).once('error', reject);
    });
    this.answer = response.then(async (message) => {
      const chunks = (await message.toArray()) as Buffer[];
      return {
        status: message.statusCode,
        body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
      };
    });
    this.answer.catch(() => undefined);
    this.request.write(
      `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\ncontent-type: text/csv\r\n\r\n`,
    );
  }

  send(text: string): void {
    this.request.write(text);
  }

  end(): void {
    this.request.end(`\r\n--${BOUNDARY}--\r\n`);
  }

  breakOff(): void {
    this.request.destroy();
  }
}

describe('uploads of recipients', () => {
  let journey: Journey;
  /** Uploads whose beginning the server has. */
  let begun = 0;

  const upload = (id: number): SlowUpload => new SlowUpload(`${journey.api.url}/whatsapp/api/campaigns/${id}/csv`);
  const begunAre = (count: number): Promise<number> =>
    eventually(
      () => Promise.resolve(begun),
      (n) => n >= count,
    );

  beforeAll(async () => {
    journey = await startJourney({ worker: false });
    journey.api.app.getHttpServer().on('request', (incoming: IncomingMessage) => {
      if (incoming.url?.endsWith('/csv')) {
        begun += 1;
      }
    });
  });
  beforeEach(() => {
    begun = 0;
  });
  afterAll(() => journey.close());

  it('whose senders are slow hold up nobody, and count when they are complete', async () => {
    const { call } = journey.api;
    const ids = await Promise.all(
      Array.from({ length: MANY }, (_, index) => draftWithCsv(journey, audienceCsv(1, 9_611_000_000 + index))),
    );
    begun = 0;
    const uploads = ids.map(upload);
    uploads.forEach((each) => each.send('phone,name,order_id\n+919612000001,Asha,A-1\n'));
    await begunAre(MANY);
    for (const id of ids) {
      const renamed = await call('PATCH', `/campaigns/${id}`, { body: { name: 'Renamed meanwhile' } });
      expect(renamed.status).toBe(200);
    }
    expect((await call('GET', '/campaigns')).status).toBe(200);
    uploads.forEach((each) => {
      each.send('+919612000002,Bo,A-2\n');
      each.end();
    });
    for (const { answer } of uploads) {
      expect(await answer).toMatchObject({ status: 200, body: { total: 2, accepted: 2 } });
    }
    expect(await getCampaign(journey, ids[0] as number)).toMatchObject({ name: 'Renamed meanwhile', total_count: 2 });
  });

  it('that break off change nothing', async () => {
    const id = await draftWithCsv(journey, audienceCsv(3, 9_613_000_000));
    begun = 0;
    const broken = upload(id);
    broken.send('phone,name,order_id\n+919612000001,Asha,A-1\n');
    await begunAre(1);
    broken.breakOff();
    const whole = upload(id);
    whole.end();
    expect(await whole.answer).toMatchObject({ status: 400, body: { errors: [{ field: 'file' }] } });
    expect(await getCampaign(journey, id)).toMatchObject({ total_count: 3 });
  });

  it('may name the account in the form', async () => {
    const id = await draftWithCsv(journey, audienceCsv(1, 9_614_000_000));
    const form = new FormData();
    form.append('account_id', '987654321');
    form.append('file', new Blob([audienceCsv(2, 9_614_000_000)]), 'a.csv');
    const stranger = await journey.api.call('POST', `/campaigns/${id}/csv`, { body: form });
    expect([stranger.status, stranger.body.code]).toEqual([404, 'account_not_found']);
    form.set('account_id', String(journey.accountId));
    expect((await journey.api.call('POST', `/campaigns/${id}/csv`, { body: form })).status).toBe(200);
  });

  it('of people whom only a user id names leave in peace who opted out', async () => {
    const { call, db } = journey.api;
    const left = await call<{ contact: { id: number } }>('POST', '/contacts', {
      body: { user_id: 'IN.9615000001', name: 'Left', opted_out: true },
    });
    expect(left.status).toBe(201);
    const id = await draftWithCsv(journey, 'user_id,name,order_id\nIN.9615000001,Left,A\nIN.9615000002,Stays,B');
    expect((await call('POST', `/campaigns/${id}/run`)).status).toBe(202);
    expect(
      await db.query('select name, status, skip_reason from campaign_recipients where campaign_id = $1 order by id', [
        id,
      ]),
    ).toEqual([
      { name: 'Left', status: 'skipped', skip_reason: 'opted_out' },
      { name: 'Stays', status: 'pending', skip_reason: null },
    ]);
  });
});
