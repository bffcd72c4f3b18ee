import { ADMIN_KEY, APP_SECRET, eventually } from '../support/app.js';
import { audienceCsv, campaignIs, draftWithCsv, setUp, type Journey } from '../support/journey.js';
import { listenToOutput, startProcesses, type Processes } from '../support/processes.js';

const TOKEN = 'EAAcanarytokencanarytoken';
const OWN_SECRET = 'canary-app-secret-of-the-account';
const TEXTS = ['canary text of an agent', 'canary text of a customer', 'Person 3'];

describe('the logs of a whole day in a minute', () => {
  let processes: Processes;
  let output = '';

  beforeAll(async () => {
    listenToOutput((text) => {
      output += text;
    });
    processes = await startProcesses({ LOG_LEVEL: 'trace' });
  });
  afterAll(() => processes.close());

  it('hold no secret and no text of a message, at the most talkative level', async () => {
    const journey: Journey<Processes> = {
      api: processes,
      simulator: processes.simulator,
      ...(await setUp(processes, { access_token: TOKEN, app_secret: OWN_SECRET })),
      close: () => processes.close(),
    };
    await processes.simulator.configure({ app_secret: OWN_SECRET });
    await processes.startWorker();
    const account = await processes.call<{ verify_token: string }>('GET', '/accounts/current');
    const issued = await processes.call<{ key: string }>('POST', '/api-keys', { body: { name: 'canary' } });
    await processes.simulator.call('POST', 'inbound', { from: '+919876500001', text: TEXTS[1] });
    await eventually(
      () => processes.call<{ conversations: unknown[] }>('GET', '/chats'),
      ({ body }) => body.conversations.length === 1,
    );
    const sent = await processes.call('POST', '/send-message/', {
      body: { phone: '+919876500001', message: TEXTS[0] },
    });
    await processes.call('POST', '/send-message/', { body: { phone: '+919999000190', message: TEXTS[0] } });
    await processes.call('POST', '/send-message/?force=true', { body: { phone: '+919999000190', message: TEXTS[0] } });
    await processes.call('POST', '/send-message/', {
      body: { phone: 'nonsense', message: TEXTS[0], surprise: TEXTS[0] },
    });
    await processes.call('GET', '/chats', { key: issued.body.key });
    await processes.call('GET', `/chats?api_key=${ADMIN_KEY}`, { key: null });
    const verify = `hub.mode=subscribe&hub.challenge=1&hub.verify_token=${account.body.verify_token}`;
    expect((await fetch(`${processes.url}/whatsapp/webhook/?${verify}`)).status).toBe(200);
    await campaignIs(journey, await runCampaign(journey), 'completed');
    expect(sent.status).toBe(200);
    expect(output).toContain('the API listens');
    const secrets = [TOKEN, OWN_SECRET, APP_SECRET, ADMIN_KEY, issued.body.key, account.body.verify_token];
    expect([...secrets, ...TEXTS].filter((secret) => output.includes(secret))).toEqual([]);
  });
});

async function runCampaign(journey: Journey<Processes>): Promise<number> {
  const id = await draftWithCsv(journey, audienceCsv(20));
  await journey.api.call('POST', `/campaigns/${id}/run`);
  return id;
}
