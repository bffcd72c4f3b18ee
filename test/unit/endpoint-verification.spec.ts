import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';

type Check = (secret: string, headers: Record<string, string>, body: string) => Promise<boolean>;

const GUIDE = readFileSync(join(process.cwd(), 'docs/events.md'), 'utf8');
const exampleIn = (language: string): string =>
  new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(GUIDE)?.[1] ?? '';

const SECRET = `whsec_${Buffer.alloc(32, 'parley').toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(32, 'other').toString('base64')}`;
const BODY = '{"id":"1042","data":{"message_body":"Grüße, 你好"}}';

const run = (command: string, args: string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(stderr);
  }
  return stdout.trim();
};
const inNode: Check = async (...given) => {
  const call = `\nconsole.log(isGenuine(...${JSON.stringify(given)}));`;
  return run(process.execPath, ['--input-type=module', '-e', exampleIn('js') + call]) === 'true';
};
const inPython: Check = async (...given) => {
  const call = `\nimport json, sys\nsecret, headers, body = json.loads(sys.argv[1])\nprint(is_genuine(secret, headers, body.encode()))`;
  return run('python3', ['-c', exampleIn('python') + call, JSON.stringify(given)]) === 'True';
};
/** Not every machine has Python; the others check what they have. */
const LANGUAGES: [string, Check][] =
  spawnSync('python3', ['--version']).status === 0
    ? [
        ['Node', inNode],
        ['Python', inPython],
      ]
    : [['Node', inNode]];

describe.each(LANGUAGES)('the example for %s', (_language, isGenuine) => {
  const signed = (secrets: string[], at = new Date()): Record<string, string> => ({
    'webhook-id': 'evt_1042',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign('evt_1042', at, BODY)).join(' '),
  });

  it('takes what is genuine, by either secret while one replaces the other', async () => {
    expect(await isGenuine(SECRET, signed([SECRET]), BODY)).toBe(true);
    expect(await isGenuine(SECRET, signed([OTHER, SECRET]), BODY)).toBe(true);
  });

  it('takes nothing else', async () => {
    expect(await isGenuine(SECRET, signed([OTHER]), BODY)).toBe(false);
    expect(await isGenuine(SECRET, signed([SECRET]), `${BODY} `)).toBe(false);
    expect(await isGenuine(SECRET, signed([SECRET], new Date(Date.now() - 600_000)), BODY)).toBe(false);
    expect(await isGenuine(SECRET, { ...signed([SECRET]), 'webhook-id': 'evt_1043' }, BODY)).toBe(false);
    expect(await isGenuine(SECRET, {}, BODY)).toBe(false);
  });
});
