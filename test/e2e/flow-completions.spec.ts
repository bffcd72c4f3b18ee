import { eventually } from '../support/app.js';
import { startJourney, WABA_ID, type Journey } from '../support/journey.js';

interface Flow {
  id: number;
  name: string;
  meta_flow_id: string;
  sent_count: number;
  completion_count: number;
  completion_rate: number | null;
}

interface FlowResponse {
  flow_id: number | null;
  message_id: string;
  phone_number: string;
  matched_by: string;
  response_data: { serial: string };
}

const SECOND_NUMBER = '300000000000002';
const COMPLETIONS = 500;

/** Five hundred people complete three flows of two accounts, and Meta tells of each three times, in any order. */
describe('completions of flows', () => {
  let journey: Journey;

  beforeAll(async () => {
    journey = await startJourney();
  });
  afterAll(() => journey.close());

  it('are each matched to the right flow, once', async () => {
    const { api, simulator } = journey;
    // Two numbers of one WABA: what Meta tells of its flows is told to both accounts.
    const other = await api.call<{ id: number }>('POST', '/accounts', {
      body: { name: 'Second', phone_number_id: SECOND_NUMBER, waba_id: WABA_ID, access_token: 'EAAsecond' },
    });
    await simulator.call('PUT', `numbers/${SECOND_NUMBER}`, { waba_id: WABA_ID });
    const accounts = [journey.accountId, other.body.id] as const;
    const call = <T>(
      accountId: number,
      method: string,
      path: string,
      body?: unknown,
    ): Promise<{ status: number; body: T }> =>
      api.call<T>(method, path, { accountId, ...(body === undefined ? {} : { body }) });
    for (const starter of ['feedback', 'lead_generation', 'appointment']) {
      const { body } = await call<Flow>(accounts[0], 'POST', '/flows', { name: starter, starter });
      await call(accounts[0], 'POST', `/flows/${body.id}/publish`);
    }
    await call(accounts[1], 'POST', '/flows/sync');
    const flowsOf = async (accountId: number): Promise<Flow[]> =>
      (await call<{ flows: Flow[] }>(accountId, 'GET', '/flows')).body.flows;
    const flows = [await flowsOf(accounts[0]), await flowsOf(accounts[1])] as const;
    expect(flows.map((list) => list.length)).toEqual([3, 3]);

    // The same person may get the same flow from both accounts.
    const expected = new Map<string, { accountId: number; flowId: number; phone: string }>();
    const completions: object[] = [];
    const sendOne = async (index: number): Promise<void> => {
      const which = index % 2;
      const accountId = accounts[which] as number;
      const flow = (flows[which] as Flow[])[index % 3] as Flow;
      const phone = `+91960${String(Math.floor(index / 2)).padStart(7, '0')}`;
      const sent = await call<{ message: { message_id: string } }>(
        accountId,
        'POST',
        `/flows/${flow.id}/send?force=true`,
        {
          phone,
          cta: 'Open',
          body: 'Please',
        },
      );
      expect(sent.status).toBe(200);
      expected.set(String(index), { accountId, flowId: flow.id, phone });
      completions.push({ wamid: sent.body.message.message_id, response: { serial: String(index) } });
    };
    for (let from = 0; from < COMPLETIONS; from += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, index) => sendOne(from + index)));
    }

    const startedAt = Date.now();
    const { wamids } = await simulator.call<{ wamids: string[] }>('POST', 'flow-completion', {
      completions,
      times: 3,
      shuffle: true,
      per_post: 2,
    });
    expect(new Set(wamids).size).toBe(COMPLETIONS);
    const count = async (): Promise<number> =>
      (await api.db.query<{ n: number }>('select count(*)::int as n from flow_responses'))[0]?.n ?? 0;
    await eventually(count, (seen) => seen === COMPLETIONS, 60_000);
    await eventually(
      async () => ({
        waiting: (await simulator.ledger()).webhooks.queued,
        open: (await api.call<{ webhook_logs: unknown[] }>('GET', '/webhook-logs?processed=false')).body.webhook_logs
          .length,
      }),
      ({ waiting, open }) => waiting === 0 && open === 0,
      60_000,
    );
    const seconds = (Date.now() - startedAt) / 1_000;
    if (process.env.SHOW_FIGURES) {
      process.stdout.write(`${COMPLETIONS} completions, each 3 times, shuffled: ${seconds.toFixed(1)} s\n`);
    }
    expect(await count()).toBe(COMPLETIONS);

    const seen = new Map<string, FlowResponse & { accountId: number }>();
    for (const [which, accountId] of accounts.entries()) {
      for (const flow of flows[which] as Flow[]) {
        let cursor: string | null = null;
        do {
          const query: string = cursor === null ? '' : `&cursor=${cursor}`;
          const page: { responses: FlowResponse[]; next_cursor: string | null } = (
            await call<{ responses: FlowResponse[]; next_cursor: string | null }>(
              accountId,
              'GET',
              `/flows/${flow.id}/responses?limit=200${query}`,
            )
          ).body;
          page.responses.forEach((response) => seen.set(response.response_data.serial, { ...response, accountId }));
          cursor = page.next_cursor;
        } while (cursor !== null);
      }
    }
    expect(seen.size).toBe(COMPLETIONS);
    const wrong = [...seen].filter(([serial, { accountId, flow_id, phone_number, matched_by }]) => {
      const right = expected.get(serial);
      return (
        right?.accountId !== accountId ||
        right.flowId !== flow_id ||
        right.phone !== phone_number ||
        matched_by !== 'token'
      );
    });
    expect(wrong).toEqual([]);

    for (const [which, accountId] of accounts.entries()) {
      const rates = (await flowsOf(accountId)).map(({ id, sent_count, completion_count, completion_rate }) => {
        const sent = [...expected.values()].filter(({ flowId }) => flowId === id).length;
        return [sent_count === sent, completion_count === sent, completion_rate];
      });
      expect([which, rates]).toEqual([
        which,
        [
          [true, true, 1],
          [true, true, 1],
          [true, true, 1],
        ],
      ]);
    }
    const told = await api.db.query<{ n: number; subjects: number }>(
      `select count(*)::int as n, count(distinct subject_id)::int as subjects from outbox_events where type = 'flow.completed'`,
    );
    expect(told).toEqual([{ n: COMPLETIONS, subjects: COMPLETIONS }]);
  }, 150_000);
});
