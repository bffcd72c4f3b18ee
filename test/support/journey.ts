import { eventually, startTestApp, type TestApp } from './app.js';
import { startTestSimulator, type Simulator } from './simulator.js';

export const PHONE_NUMBER_ID = '300000000000001';
export const WABA_ID = '200000000000001';

/** Whatever answers API calls: the application in this process, or processes of their own. */
export interface Caller {
  call: TestApp['call'];
}

/** The whole product with Graph's double behind it, one account, and its templates. */
export interface Journey<Api extends Caller = TestApp> {
  api: Api;
  simulator: Simulator;
  accountId: number;
  templates: Record<string, number>;
  close(): Promise<void>;
}

export async function startJourney(
  options: {
    worker?: boolean;
    simulator?: Record<string, unknown>;
    env?: Record<string, string>;
    account?: Record<string, unknown>;
  } = {},
): Promise<Journey> {
  const simulator = await startTestSimulator(options.simulator);
  const api = await startTestApp({
    worker: options.worker ?? true,
    env: { GRAPH_API_BASE_URL: simulator.url, ...options.env },
  });
  await simulator.configure({ callback_url: `${api.url}/whatsapp/webhook/` });
  return {
    api,
    simulator,
    ...(await setUp(api, options.account)),
    close: async () => {
      await api.close();
      await simulator.close();
    },
  };
}

/** One account and the templates of the simulator. */
export async function setUp(
  api: Caller,
  overrides: Record<string, unknown> = {},
): Promise<{ accountId: number; templates: Record<string, number> }> {
  const account = await api.call<{ id: number }>('POST', '/accounts', {
    body: {
      name: 'Test',
      phone_number_id: PHONE_NUMBER_ID,
      waba_id: WABA_ID,
      access_token: 'EAAtesttoken',
      messages_per_second: 1_000,
      ...overrides,
    },
  });
  if (account.status !== 201) {
    throw new Error(`no account: ${JSON.stringify(account.body)}`);
  }
  const sync = await api.call('POST', '/templates/sync', { body: {} });
  if (sync.status !== 200) {
    throw new Error(`no templates: ${JSON.stringify(sync.body)}`);
  }
  const list = await api.call<{ templates: { id: number; name: string }[] }>('GET', '/templates?limit=200');
  return {
    accountId: account.body.id,
    templates: Object.fromEntries(list.body.templates.map((template) => [template.name, template.id])),
  };
}

export interface CampaignBody {
  id: number;
  status: string;
  status_reason: { code: string } | null;
  total_count: number;
  pending_count: number;
  sent_count: number;
  delivered_count: number;
  read_count: number;
  failed_count: number;
  skipped_count: number;
  unknown_count: number;
}

/** A draft with a file of recipients. */
export async function draftWithCsv(
  journey: Journey<Caller>,
  csv: string,
  body: Record<string, unknown> = {},
): Promise<number> {
  const campaign = await journey.api.call<CampaignBody>('POST', '/campaigns', {
    body: {
      name: 'Test campaign',
      template_id: journey.templates.order_update,
      audience_type: 'csv',
      parameter_mappings: { '1': 'name', '2': 'order_id' },
      ...body,
    },
  });
  if (campaign.status !== 201) {
    throw new Error(`no campaign: ${JSON.stringify(campaign.body)}`);
  }
  const form = new FormData();
  form.append('file', new Blob([csv], { type: 'text/csv' }), 'audience.csv');
  const upload = await journey.api.call('POST', `/campaigns/${campaign.body.id}/csv`, { body: form });
  if (upload.status !== 200) {
    throw new Error(`no upload: ${JSON.stringify(upload.body)}`);
  }
  return campaign.body.id;
}

/** `count` lines of `phone,name,order_id`, from +919810000000 up. */
export function audienceCsv(count: number, first = 9_810_000_000): string {
  const lines = Array.from({ length: count }, (_, index) => `+91${first + index},Person ${index},ORD-${index}`);
  return ['phone,name,order_id', ...lines].join('\n');
}

export function addsUp(campaign: CampaignBody): boolean {
  return (
    campaign.total_count ===
      campaign.pending_count +
        campaign.sent_count +
        campaign.failed_count +
        campaign.skipped_count +
        campaign.unknown_count &&
    campaign.read_count <= campaign.delivered_count &&
    campaign.delivered_count <= campaign.sent_count
  );
}

export async function getCampaign(journey: Journey<Caller>, id: number): Promise<CampaignBody> {
  return (await journey.api.call<CampaignBody>('GET', `/campaigns/${id}`)).body;
}

/** Watches until the campaign stands there; every look must add up. */
export function campaignIs(
  journey: Journey<Caller>,
  id: number,
  status: string,
  timeoutMs = 30_000,
): Promise<CampaignBody> {
  return eventually(
    async () => {
      const campaign = await getCampaign(journey, id);
      if (!addsUp(campaign)) {
        throw new Error(`counts do not add up: ${JSON.stringify(campaign)}`);
      }
      return campaign;
    },
    (campaign) => campaign.status === status,
    timeoutMs,
  );
}
