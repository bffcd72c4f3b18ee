import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { counter } from '../../src/common/metrics.js';
import { serveWorkerHealth } from '../../src/http/worker-health.js';

describe('a worker that is asked how it is', () => {
  let server: Server;
  let database: 'up' | 'down' = 'up';
  let idleMs = 1_000;

  const ask = async (path: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
    return { status: answer.status, text: await answer.text() };
  };

  beforeAll(async () => {
    server = await serveWorkerHealth(0, '127.0.0.1', {
      readiness: { database: () => Promise.resolve(database) },
      redis: { ping: () => Promise.resolve('down') },
      idleMs: () => idleMs,
    });
  });
  afterAll(() => server.close());

  it('lives while any of its loops goes round', async () => {
    expect(await ask('/health/live')).toEqual({ status: 200, text: '{"status":"ok"}' });
    idleMs = 61_000;
    expect(await ask('/health/live')).toEqual({ status: 503, text: '{"status":"hangs"}' });
  });

  it('is ready while its database is there, with Redis or without', async () => {
    expect(await ask('/health/ready/')).toEqual({
      status: 200,
      text: '{"status":"ok","database":"up","redis":"down"}',
    });
    database = 'down';
    expect(await ask('/health/ready')).toMatchObject({ status: 503 });
  });

  it('has metrics, and nothing else', async () => {
    counter('parley_test_of_the_worker_total', 'Made by a test').inc();
    expect((await ask('/metrics')).text).toContain('parley_test_of_the_worker_total 1');
    expect((await ask('/whatsapp/api/accounts')).status).toBe(404);
  });
});
