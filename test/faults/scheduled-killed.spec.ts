import type { ChildProcess } from 'node:child_process';
import pg from 'pg';
import { eventually } from '../support/app.js';
import { setUp } from '../support/journey.js';
import { kill, startProcesses, type Processes } from '../support/processes.js';

const SENDS = 300;
const KILLS = 4;
/** How many one process has in flight. */
const IN_FLIGHT = 32;

describe('a worker that is killed while it sends what was scheduled', () => {
  let processes: Processes;
  let db: pg.Client;

  beforeAll(async () => {
    processes = await startProcesses();
    await setUp(processes);
    // No webhooks: nothing but the answers tells what became of a message.
    await processes.simulator.configure({ latency_ms: 150, webhooks: { enabled: false } });
    db = new pg.Client({ connectionString: processes.database.url });
    await db.connect();
  });
  afterAll(async () => {
    await db.end();
    await processes.close();
  });

  it('leaves nobody messaged twice, and what is in doubt is told', async () => {
    const sendAt = new Date(Date.now() + 600_000).toISOString();
    for (let index = 0; index < SENDS; index += 1) {
      const { status } = await processes.call('POST', '/send-template', {
        body: {
          phone: `+9198600${String(index).padStart(5, '0')}`,
          template_name: 'order_update',
          body_params: ['Asha', String(index)],
          send_at: sendAt,
        },
      });
      expect(status).toBe(202);
    }
    let worker: ChildProcess = await processes.startWorker();
    let lastKill = new Date();
    await db.query('update messages set due_at = now()');
    for (let killed = 1; killed <= KILLS; killed += 1) {
      const target = Math.floor((SENDS * killed) / (KILLS + 1));
      await eventually(
        () => processes.simulator.ledger(),
        (ledger) => ledger.accepted >= target,
        60_000,
      );
      await kill(worker);
      lastKill = (await db.query<{ now: Date }>('select now()')).rows[0]!.now;
      worker = await processes.startWorker();
    }
    const counts = async (): Promise<Record<string, number>> => {
      const { rows } = await db.query<{ status: string; count: number }>(
        'select status, count(*)::int as count from messages group by status',
      );
      return Object.fromEntries(rows.map((row) => [row.status, row.count]));
    };
    await eventually(counts, ({ scheduled = 0 }) => scheduled === 0, 60_000);
    // A minute later, for those that a dead one had: what the last one has out is answered.
    await db.query(`update messages set awaiting_since = awaiting_since - interval '61 s' where awaiting_since <= $1`, [
      lastKill,
    ]);
    const seen = await eventually(counts, ({ pending = 0 }) => pending === 0, 30_000);
    const ledger = await processes.simulator.ledger();
    process.stdout.write(`${JSON.stringify({ ...seen, accepted: ledger.accepted })}\n`);
    expect(ledger.recipients_messaged_more_than_once).toBe(0);
    expect((seen.sent ?? 0) + (seen.unknown ?? 0)).toBe(SENDS);
    expect(seen.unknown ?? 0).toBeLessThanOrEqual(KILLS * IN_FLIGHT);
    expect(seen.sent).toBeLessThanOrEqual(ledger.accepted);
    expect(ledger.accepted).toBeLessThanOrEqual(SENDS);
  }, 240_000);
});
