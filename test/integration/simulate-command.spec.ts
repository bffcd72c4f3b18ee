import type { Output } from '../../src/cli/command.js';
import { COMMANDS, parseCommand } from '../../src/cli/commands.js';
import { GraphDouble } from '../support/graph-double.js';
import { until } from '../support/webhook-receiver.js';

let double: GraphDouble;
const before = process.env.GRAPH_API_BASE_URL;

beforeEach(async () => {
  double = await GraphDouble.start();
  process.env.GRAPH_API_BASE_URL = double.url;
});

afterEach(async () => {
  if (before === undefined) {
    delete process.env.GRAPH_API_BASE_URL;
  } else {
    process.env.GRAPH_API_BASE_URL = before;
  }
  await double.close();
});

function simulate(...args: string[]): Promise<Output> {
  const { command, values, positionals } = parseCommand(['simulate', 'inbound', ...args]);
  return command.run(values, positionals);
}

describe('simulate inbound', () => {
  it.each<[string[], Record<string, unknown>]>([
    [[], { type: 'text', from: '919876500001' }],
    [
      ['--from', '+919810000001', '--text', 'Where is it?', '--json'],
      { from: '919810000001', text: { body: 'Where is it?' } },
    ],
    [['--user-id', 'IN.77'], { from_user_id: 'IN.77' }],
    [
      ['--type', 'image', '--caption', 'Like this', '--fields', '{"mime_type":"image/jpeg","forwarded":true}'],
      { type: 'image', image: { caption: 'Like this', mime_type: 'image/jpeg' }, context: { forwarded: true } },
    ],
    [['--reply-to', 'wamid.x'], { context: { id: 'wamid.x' } }],
  ])('with %j sends what it says', async (args, expected) => {
    const { text } = await simulate(...args);
    await until(() => double.receiver.messages.length === 1);

    expect(double.receiver.messages).toMatchObject([expected]);
    expect(text).toBe(`Sent ${double.receiver.messages[0]?.id} to the webhook.`);
  });

  it.each([
    [['--fields', '[1]'], /--fields must be a JSON object/],
    [['--type', 'hologram'], /type must be one of text, image/],
  ])('with %j says what is wrong', async (args, problem) => {
    await expect(simulate(...args)).rejects.toThrow(problem);
    expect(COMMANDS['simulate inbound']?.usage).toContain('--fields JSON');
  });
});
