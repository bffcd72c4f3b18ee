import type { CallOptions } from './app.js';
import type { Caller, Journey } from './journey.js';
import type { Simulator } from './simulator.js';

const FIRST_NUMBER_ID = 300_000_000_000_100;
const FIRST_WABA_ID = 200_000_000_000_100;

/** A number of an installation that has several: its calls are for its own account. */
export interface NumberJourney extends Journey<Caller> {
  phoneNumberId: string;
}

/** So many numbers, each with an account of its own and the simulator's templates. */
export async function addNumbers(
  api: Caller,
  simulator: Simulator,
  count: number,
  overrides: Record<string, unknown> = {},
): Promise<NumberJourney[]> {
  const numbers: NumberJourney[] = [];
  for (let index = 0; index < count; index += 1) {
    numbers.push(await addNumber(api, simulator, index, overrides));
  }
  return numbers;
}

async function addNumber(
  api: Caller,
  simulator: Simulator,
  index: number,
  overrides: Record<string, unknown>,
): Promise<NumberJourney> {
  const phoneNumberId = String(FIRST_NUMBER_ID + index);
  const account = await api.call<{ id: number }>('POST', '/accounts', {
    body: {
      name: `Number ${index}`,
      phone_number_id: phoneNumberId,
      waba_id: String(FIRST_WABA_ID + index),
      access_token: `EAAnumber${index}`,
      ...overrides,
    },
  });
  if (account.status !== 201) {
    throw new Error(`no account: ${JSON.stringify(account.body)}`);
  }
  const accountId = account.body.id;
  const own: Caller = {
    call: (method, path, options: CallOptions = {}) => api.call(method, path, { accountId, ...options }),
  };
  const sync = await own.call('POST', '/templates/sync', { body: {} });
  if (sync.status !== 200) {
    throw new Error(`no templates: ${JSON.stringify(sync.body)}`);
  }
  const list = await own.call<{ templates: { id: number; name: string }[] }>('GET', '/templates?limit=200');
  return {
    api: own,
    simulator,
    accountId,
    phoneNumberId,
    templates: Object.fromEntries(list.body.templates.map((template) => [template.name, template.id])),
    close: () => Promise.resolve(),
  };
}
