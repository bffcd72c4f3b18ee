import { startJourney, type Journey } from '../support/journey.js';

interface SendBody {
  result: unknown;
  message: { id: number; status: string };
}

describe('a send whose process died before its answer was kept', () => {
  let journey: Journey;

  beforeAll(async () => {
    journey = await startJourney();
  });
  afterAll(() => journey.close());

  /** The key's row is let go after a while; what is left is the message. */
  const forgetAnswer = (): Promise<unknown> => journey.api.db.queryDynamic('delete from idempotency_keys');

  const send = (phone: string, key: string): ReturnType<typeof journey.api.call<SendBody>> =>
    journey.api.call<SendBody>('POST', '/send-template/', {
      body: { phone, template_name: 'order_update', body_params: ['Asha', 'ORD-1'] },
      headers: { 'idempotency-key': key },
    });

  it('is not sent again: the message that was stored before Meta was asked decides', async () => {
    const first = await send('+919876500001', 'key-1');
    await forgetAnswer();
    const second = await send('+919876500001', 'key-1');
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body).toMatchObject({ result: null, message: { id: first.body.message.id } });
    expect((await journey.simulator.ledger()).accepted).toBe(1);
  });

  it('tells that the outcome is not known while it is not', async () => {
    await journey.simulator.call('DELETE', 'ledger');
    // Its statuses would say what became of it.
    await journey.simulator.configure({ webhooks: { enabled: false } });
    const first = await send('+919999000503', 'key-2');
    await forgetAnswer();
    await journey.api.db
      .queryDynamic(`update messages set status = 'unknown', sent_at = null, delivered_at = null, read_at = null
      where idempotency_key = 'key-2'`);
    const second = await send('+919999000503', 'key-2');
    expect([first.status, second.status]).toEqual([504, 504]);
    expect(second.body).toMatchObject({ code: 'graph_outcome_unknown', message: { id: first.body.message.id } });
    expect((await journey.simulator.ledger()).accepted).toBe(1);
  });

  it('may use the key again after its time', async () => {
    await journey.simulator.call('DELETE', 'ledger');
    await send('+919876500003', 'key-3');
    await forgetAnswer();
    await journey.api.db.queryDynamic(
      `update messages set created_at = now() - interval '8 days' where idempotency_key = 'key-3'`,
    );
    const second = await send('+919876500003', 'key-3');
    expect(second.body.result).not.toBeNull();
    expect((await journey.simulator.ledger()).accepted).toBe(2);
  });
});
