import { eventually, startTestApp, type TestApp } from '../support/app.js';

describe('the HTTP shell', () => {
  let api: TestApp;

  beforeAll(async () => {
    api = await startTestApp();
  });
  afterAll(() => api.close());

  it('says that it is alive and ready', async () => {
    const live = await fetch(`${api.url}/health/live`);
    expect(live.status).toBe(200);
    // Redis may be late for once.
    const ready = await eventually(
      async () => {
        const answer = await fetch(`${api.url}/health/ready`);
        return { status: answer.status, body: (await answer.json()) as { redis: string } };
      },
      ({ body }) => body.redis === 'up',
    );
    expect(ready).toEqual({ status: 200, body: { status: 'ok', database: 'up', redis: 'up' } });
  });

  it('answers unknown addresses with a problem document', async () => {
    const { status, headers, body } = await api.call('GET', '/nothing-here/');
    expect(status).toBe(404);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(body).toMatchObject({ code: 'not_found', status: 404, request_id: headers.get('x-request-id') });
  });

  it('echoes a sane request id and replaces any other', async () => {
    const sane = await api.call('GET', '/nothing', { headers: { 'x-request-id': 'order-42' } });
    const strange = await api.call('GET', '/nothing', { headers: { 'x-request-id': 'a b' } });
    expect(sane.headers.get('x-request-id')).toBe('order-42');
    expect(strange.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{20}$/);
  });

  it('serves Prometheus metrics', async () => {
    const answer = await fetch(`${api.url}/metrics`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('parley_http_request_seconds_bucket');
  });
});
