import { createHmac } from 'node:crypto';
import type { QueryRunner } from 'typeorm';
import { APP_SECRET } from '../support/app.js';
import { startJourney, type Journey } from '../support/journey.js';

/** Of a process. */
const CONNECTIONS = 12;

describe('a process whose connections are all in use', () => {
  let journey: Journey;
  let runners: QueryRunner[] = [];

  beforeAll(async () => {
    journey = await startJourney({ worker: false });
  });
  afterEach(async () => {
    await Promise.all(runners.map((runner) => runner.release()));
    runners = [];
  });
  afterAll(() => journey.close());

  it('says to callers and to Meta that they may try again', async () => {
    const { db, call, url } = journey.api;
    runners = Array.from({ length: CONNECTIONS }, () => db.manager.connection.createQueryRunner());
    await Promise.all(runners.map((runner) => runner.connect()));
    const body = JSON.stringify({ object: 'whatsapp_business_account', entry: [] });
    const signature = createHmac('sha256', APP_SECRET).update(body).digest('hex');
    const [list, created, webhook] = await Promise.all([
      call('GET', '/campaigns'),
      call('POST', '/contacts', { body: { phone: '+919616000001' }, headers: { 'idempotency-key': 'pool-full-1' } }),
      fetch(`${url}/whatsapp/webhook/`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${signature}` },
        body,
      }),
    ]);
    for (const { status, headers } of [list, created, webhook]) {
      expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    }
    expect([list.body.code, created.body.code]).toEqual(['unavailable', 'unavailable']);
    await Promise.all(runners.map((runner) => runner.release()));
    runners = [];
    const again = await call('POST', '/contacts', {
      body: { phone: '+919616000001' },
      headers: { 'idempotency-key': 'pool-full-1' },
    });
    expect(again.status).toBe(201);
  });
});
