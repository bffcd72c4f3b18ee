import { createServer, type Server, type ServerResponse } from 'node:http';
import { register } from 'prom-client';
import { msSinceAnyRound } from '../common/background-loop.js';
import type { RedisHealth } from '../queues/redis-health.js';
import type { Readiness } from './readiness.js';

/** Some loop of a worker begins a round every second; when none has for so long, in ms, it hangs. */
const HANGS_AFTER_MS = 60_000;

interface Checks {
  readiness: Pick<Readiness, 'database'>;
  redis: Pick<RedisHealth, 'ping'>;
  /** How long no loop began a round, in ms. */
  idleMs?: () => number;
}

/**
 * What orchestrators and Prometheus ask of a worker, which serves nothing else: `/health/live` (its loops go round),
 * `/health/ready` (its database is there), `/metrics`.
 */
export async function serveWorkerHealth(port: number, host: string, checks: Checks): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request.url ?? '/', response, checks).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  // It must not keep a worker alive that has closed everything else.
  server.unref();
  return server;
}

async function answer(path: string, response: ServerResponse, checks: Checks): Promise<void> {
  switch (path.replace(/\?.*$/, '').replace(/(.)\/$/, '$1')) {
    case '/health/live': {
      const isLive = (checks.idleMs ?? msSinceAnyRound)() < HANGS_AFTER_MS;
      return json(response, isLive ? 200 : 503, { status: isLive ? 'ok' : 'hangs' });
    }
    case '/health/ready': {
      const [database, redis] = await Promise.all([checks.readiness.database(), checks.redis.ping()]);
      const isReady = database === 'up';
      return json(response, isReady ? 200 : 503, { status: isReady ? 'ok' : 'unavailable', database, redis });
    }
    case '/metrics':
      response.writeHead(200, { 'content-type': register.contentType }).end(await register.metrics());
      return;
    default:
      return json(response, 404, { status: 'not_found' });
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
