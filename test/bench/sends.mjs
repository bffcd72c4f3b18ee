/**
 * How many single messages go through the API, and how long each takes: CALLERS at a time, each a template to somebody new.
 *
 *   npm run build
 *   TEST_DATABASE_URL=postgres://… TEST_REDIS_URL=redis://… node test/bench/sends.mjs
 *
 * CALLERS (64), SECONDS (20, after ten to warm up), LATENCY_MS (50, of Graph), STATUSES (0: Meta sends none), KEYS (0: without an
 * Idempotency-Key) and DIST change what the names say. The caller is on the same machine and takes its share of it.
 */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { Pool } from 'undici';
import { at, KEY, print, startProduct } from './product.mjs';

const CALLERS = Number(process.env.CALLERS ?? 64);
const SECONDS = Number(process.env.SECONDS ?? 20);
const HAS_KEYS = process.env.KEYS !== '0';
const WARM_UP_S = 10;
const FIRST_PHONE = 9_000_000_000;

const product = await startProduct({
  rate: 1_000,
  latencyMs: Number(process.env.LATENCY_MS ?? 50),
  hasStatuses: process.env.STATUSES !== '0',
});
try {
  const { origin, pathname } = new URL(product.apiUrl);
  const pool = new Pool(origin, { connections: CALLERS });
  let sent = 0;
  const send = async () => {
    const begun = performance.now();
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: `${pathname}/send-template`,
      headers: {
        'content-type': 'application/json',
        'x-api-key': KEY,
        ...(HAS_KEYS && { 'idempotency-key': randomUUID() }),
      },
      body: JSON.stringify({
        phone: `+91${FIRST_PHONE + (sent += 1)}`,
        template_name: 'order_update',
        language: 'en',
        body_params: ['Asha', 'ORD-1042'],
      }),
    });
    const text = await body.text();
    if (statusCode !== 200) {
      throw new Error(`${statusCode} ${text}`);
    }
    return performance.now() - begun;
  };
  const during = async (seconds) => {
    const took = [];
    const until = performance.now() + seconds * 1_000;
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        while (performance.now() < until) {
          took.push(await send());
        }
      }),
    );
    return took.sort((a, b) => a - b);
  };

  await during(WARM_UP_S);
  const before = product.cpuS();
  const begun = performance.now();
  const took = await during(SECONDS);
  const seconds = (performance.now() - begun) / 1_000;
  const cpu = product.cpuS();
  const ledger = await product.simulate('GET', 'ledger');
  print(`${CALLERS} callers`, {
    per_s: took.length / seconds,
    p50_ms: at(took, 0.5),
    p99_ms: at(took, 0.99),
    longest_ms: took.at(-1),
    api_cpu_ms_per_message: ((cpu.api - before.api) * 1_000) / took.length,
    worker_cpu_ms_per_message: ((cpu.worker - before.worker) * 1_000) / took.length,
    sent,
    accepted: ledger.accepted,
    twice: ledger.recipients_messaged_more_than_once,
    ...(await product.footprint()),
  });
  await pool.close();
} finally {
  await product.close();
}
