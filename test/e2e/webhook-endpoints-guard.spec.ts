import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplicationContext } from '@nestjs/common';
import { EndpointSettings } from '../../src/events/endpoints/endpoint-settings.js';
import { Outbox } from '../../src/outbox/outbox.js';
import { eventually, startTestApp, type TestApp } from '../support/app.js';

/** Addresses of our own network, as somebody would write them who wants to get there. */
const INSIDE = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '127.1',
  '0x7f.1',
  '0x7f000001',
  '2130706433',
  '017700000001',
  '１２７.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[::127.0.0.1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:a9fe:a9fe]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::1]',
  '[100::1]',
  '[2001::1]',
  '[2001:db8::1]',
  '[2002:7f00:1::]',
  '[3fff::1]',
  '[4000::1]',
  '[5f00::1]',
  '[fc00::1]',
  '[fd12:3456::1]',
  '[fe80::1]',
  '[ff02::1]',
];

describe('webhook endpoints in a network of our own', () => {
  let api: TestApp;
  let server: Server;
  let port: number;
  let asked = 0;

  beforeAll(async () => {
    api = await startTestApp({ worker: true });
    // One attempt is enough.
    (api.worker as INestApplicationContext).get(EndpointSettings, { strict: false }).scheduleMs = [0, 3_600_000];
    server = createServer((_request, response) => {
      asked += 1;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(async () => {
    await api.close();
    await new Promise((resolve) => server.close(resolve));
  });

  it('cannot be made, however the address is written, nor without TLS or for other ports', async () => {
    const urls = [
      ...INSIDE.map((host) => `https://${host}/hook`),
      `http://example.com/`,
      `https://example.com:${port}/`,
      'https://example.com:6379/',
    ];
    for (const url of urls) {
      const refused = await api.call('POST', '/webhook-endpoints', { body: { url } });
      expect([url, refused.status, refused.body.code]).toEqual([url, 400, 'validation_failed']);
    }
    const { id } = (
      await api.call<{ id: number }>('POST', '/webhook-endpoints', { body: { url: 'https://localhost/' } })
    ).body;
    const moved = await api.call('PATCH', `/webhook-endpoints/${id}`, { body: { url: 'https://127.0.0.1/' } });
    expect(moved.status).toBe(400);
  });

  it('are not called by a name that leads there, and nobody learns why', async () => {
    const created = await api.call<{ id: number }>('POST', '/webhook-endpoints', {
      body: { url: 'https://localhost:8443/' },
    });
    await api.db.transaction((tx) =>
      api.app
        .get(Outbox)
        .append(tx, [{ type: 'campaign.progress', accountId: null, subjectId: 1, payload: { id: 1 } }]),
    );
    const path = `/webhook-endpoints/${created.body.id}`;
    const [failed] = await eventually(
      async () =>
        (await api.call<{ deliveries: { id: number; status: string }[] }>('GET', `${path}/deliveries`)).body.deliveries,
      (list) => list[0]?.status === 'failed',
    );
    const { attempt_log: log } = (await api.call<{ attempt_log: unknown[] }>('GET', `/deliveries/${failed!.id}`)).body;
    expect(log).toEqual([expect.objectContaining({ status: null, error: 'no_answer', ms: null, body: '' })]);

    // A test takes as long for what is blocked as for what does not answer.
    api.app.get(EndpointSettings).unreachableMs = 700;
    const begun = performance.now();
    const tested = await api.call('POST', `${path}/test`, { body: {} });
    expect(tested.body).toMatchObject({ ok: false, status: null, error: 'no_answer', ms: null });
    expect(performance.now() - begun).toBeGreaterThan(650);
    expect(asked).toBe(0);
  });
});
