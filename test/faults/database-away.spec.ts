import type { ChildProcess } from 'node:child_process';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { callApi, eventually } from '../support/app.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import {
  addsUp,
  audienceCsv,
  draftWithCsv,
  getCampaign,
  setUp,
  type CampaignBody,
  type Journey,
} from '../support/journey.js';
import { startProcesses, type Processes } from '../support/processes.js';

const RECIPIENTS = Number(process.env.FAULTS_RECIPIENTS ?? 1_500);
const CUTS = Number(process.env.FAULTS_CUTS ?? 4);

/** A way to the database that can be closed: then connecting is refused, as when PostgreSQL is not running. */
interface Way {
  url: string;
  close(): Promise<void>;
  open(): Promise<void>;
}

async function wayTo(databaseUrl: string): Promise<Way> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let port = 0;
  let server: Server | null = null;
  const relay = (client: Socket): void => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  };
  const open = async (): Promise<void> => {
    const opened = createServer(relay);
    await new Promise<void>((resolve) => opened.listen(port, '127.0.0.1', resolve));
    port = (opened.address() as AddressInfo).port;
    server = opened;
  };
  await open();
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.toString(),
    open,
    close: async () => {
      const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(null)));
      sockets.forEach((socket) => socket.destroy());
      await closed;
    },
  };
}

describe('a database that breaks all connections in the middle of a campaign', () => {
  let processes: Processes;
  let journey: Journey<Processes>;
  let worker: ChildProcess;
  let admin: pg.Client;
  let database: TestDatabase;
  let way: Way;

  /** What a restart of PostgreSQL does to those who are connected. @returns how many were */
  const cut = async (): Promise<number> => {
    const { rowCount } = await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()',
      [new URL(database.url).pathname.slice(1)],
    );
    return rowCount ?? 0;
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    way = await wayTo(database.url);
    processes = await startProcesses({ DATABASE_URL: way.url });
    journey = {
      api: processes,
      simulator: processes.simulator,
      ...(await setUp(processes)),
      close: () => processes.close(),
    };
    worker = await processes.startWorker();
    admin = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL });
    await admin.connect();
    await processes.simulator.configure({
      latency_ms: 20,
      messages_per_second: 1_000,
      webhooks: { sent_ms: 50, delivered_ms: 100, read_ms: 150, retry_first_ms: 200, retry_max_ms: 1_000 },
    });
    await processes.call('PATCH', `/accounts/${journey.accountId}`, { body: { messages_per_second: 300 } });
  });
  afterAll(async () => {
    await admin.end();
    await processes.close();
    await way.close();
    await database.drop();
  });

  /** Works, or says that the database is away: nothing else. */
  const look = async (id: number): Promise<CampaignBody | null> => {
    const answer = await processes.call<CampaignBody & { code: string }>('GET', `/campaigns/${id}`);
    expect([200, 503]).toContain(answer.status);
    if (answer.status === 503) {
      expect(answer.body.code).toBe('unavailable');
      return null;
    }
    expect(addsUp(answer.body)).toBe(true);
    return answer.body;
  };
  const campaignEnds = async (id: number): Promise<void> => {
    await eventually(
      () => look(id),
      (campaign) => campaign?.status === 'completed',
      60_000,
    );
    // What was in doubt and was accepted is settled by its statuses.
    await eventually(
      () => processes.simulator.ledger(),
      ({ webhooks }) => webhooks.waiting === 0 && webhooks.queued === 0,
      30_000,
    );
    await eventually(
      () => getCampaign(journey, id),
      ({ delivered_count, sent_count }) => delivered_count === sent_count,
      30_000,
    );
  };
  /** @returns how many stay in doubt */
  const expectNobodyLostOrTwice = async (id: number): Promise<number> => {
    const campaign = await getCampaign(journey, id);
    const ledger = await processes.simulator.ledger();
    process.stdout.write(
      `${JSON.stringify({ sent: campaign.sent_count, unknown: campaign.unknown_count, accepted: ledger.accepted })}\n`,
    );
    expect(ledger.recipients_messaged_more_than_once).toBe(0);
    expect(campaign).toMatchObject({ total_count: RECIPIENTS, pending_count: 0, failed_count: 0, skipped_count: 0 });
    expect(campaign.sent_count).toBe(ledger.accepted);
    expect(campaign.sent_count + campaign.unknown_count).toBe(RECIPIENTS);
    return campaign.unknown_count;
  };
  const expectAlive = (): void => {
    expect([worker.exitCode, worker.signalCode]).toEqual([null, null]);
  };

  it('repeatedly: nobody is messaged twice, nobody is lost, nobody stays in doubt, and no process dies', async () => {
    const id = await draftWithCsv(journey, audienceCsv(RECIPIENTS));
    await processes.call('POST', `/campaigns/${id}/run`);
    for (let done = 1; done <= CUTS; done += 1) {
      const target = Math.floor((RECIPIENTS * done) / (CUTS + 1));
      await eventually(
        async () => {
          await look(id);
          return processes.simulator.ledger();
        },
        ({ accepted }) => accepted >= target,
        60_000,
      );
      await eventually(cut, (connections) => connections > 0);
      expectAlive();
    }
    await campaignEnds(id);
    expectAlive();
    expect(await expectNobodyLostOrTwice(id)).toBe(0);
  }, 240_000);

  it('and stays away for longer than a lease: it goes on when it is back', async () => {
    await processes.simulator.call('DELETE', 'ledger');
    const id = await draftWithCsv(journey, audienceCsv(RECIPIENTS, 9_860_000_000));
    await processes.call('POST', `/campaigns/${id}/run`);
    await eventually(
      () => processes.simulator.ledger(),
      ({ accepted }) => accepted >= RECIPIENTS / 3,
      60_000,
    );
    await way.close();
    const [away, ready, live] = await Promise.all([
      processes.call<{ code: string }>('GET', `/campaigns/${id}`),
      callApi(processes.url, 'GET', '/health/ready'),
      callApi(processes.url, 'GET', '/health/live'),
    ]);
    expect([away.status, away.body.code, ready.status, live.status]).toEqual([503, 'unavailable', 503, 200]);
    const { accepted } = await processes.simulator.ledger();
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    // What was marked before may still have gone out; at 300 a second more would be two thousand by now.
    expect((await processes.simulator.ledger()).accepted - accepted).toBeLessThan(100);
    expectAlive();
    await way.open();
    await campaignEnds(id);
    expectAlive();
    expect(await expectNobodyLostOrTwice(id)).toBeLessThanOrEqual(20);
  }, 240_000);

  it('while a single send is out: its answer is stored as soon as a connection can be had', async () => {
    // Long enough that whatever is done meanwhile is done before the answer.
    await processes.simulator.configure({ latency_ms: 5_000 });
    const sending = processes.call<{ message: { id: number } }>('POST', '/send-message/?force=true', {
      body: { phone: '+919877000001', message: 'In between' },
    });
    await eventually(
      () => processes.simulator.rows('&to=919877000001'),
      (rows) => rows.length === 1,
    );
    await cut();
    const sent = await sending;
    expect(sent.status).toBe(200);
    const stored = await eventually(
      () => processes.call<{ status: string }>('GET', `/messages/${sent.body.message.id}`),
      ({ status }) => status === 200,
    );
    expect(['sent', 'delivered', 'read']).toContain(stored.body.status);
  }, 60_000);

  it('and stays away while a single send is out: the caller is told not to send it again, and a status settles it', async () => {
    const sending = processes.call<{ code: string; message: { id: number } }>('POST', '/send-message/?force=true', {
      body: { phone: '+919877000002', message: 'In between' },
    });
    await eventually(
      () => processes.simulator.rows('&to=919877000002'),
      (rows) => rows.length === 1,
    );
    await way.close();
    const lost = await sending;
    expect([lost.status, lost.body.code]).toEqual([504, 'graph_outcome_unknown']);
    await way.open();
    await eventually(
      () => processes.call<{ status: string }>('GET', `/messages/${lost.body.message.id}`),
      ({ status, body }) => status === 200 && ['delivered', 'read'].includes(body.status),
      20_000,
    );
  }, 60_000);
});
