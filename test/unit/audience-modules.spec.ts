import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAudiences, loadResolver } from '../../src/campaigns/audience/audience-modules.js';

const SECRET = `whsec_${'A'.repeat(32)}`;

describe('a module of audiences', () => {
  let folder: string;
  let count = 0;

  const moduleOf = (text: string): string => {
    const path = join(folder, `module-${(count += 1)}.mjs`);
    writeFileSync(path, text);
    return path;
  };
  const problemOf = (text: string, allowPrivate = false): Promise<string> =>
    loadAudiences(moduleOf(text), allowPrivate).then(
      () => 'none',
      (error: Error) => error.message,
    );

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'parley-audiences-'));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('gives its audiences by name', async () => {
    const path = moduleOf(`export const audiences = {
      vip: { description: 'VIPs', people() { return []; } },
      crm: { url: 'https://crm.example/people', secret: '${SECRET}' },
    };`);
    expect([...(await loadAudiences(path, false)).keys()]).toEqual(['vip', 'crm']);
  });

  it.each([
    ['that is not there', 'import "./nowhere.mjs";', ['AUDIENCES_MODULE', 'could not be loaded']],
    ['with broken code', 'export const = 1;', ['AUDIENCES_MODULE', 'could not be loaded']],
    ['that exports something else', 'export default {};', ['export an object `audiences`']],
    [
      'with names of our own',
      'export const audiences = { Contacts: { people() {} }, csv: { people() {} } };',
      ['"Contacts"', '"csv"'],
    ],
    [
      'with names that differ in case only',
      'export const audiences = { vip: { people() {} }, VIP: { people() {} } };',
      ['upper and lower case'],
    ],
    ['with a name nobody can write', 'export const audiences = { "a b": { people() {} } };', ['"a b"']],
    [
      'with nothing to ask',
      'export const audiences = { vip: {}, none: null };',
      ['"vip" must have', '"none" must have'],
    ],
    [
      'with two things to ask',
      `export const audiences = { vip: { people() {}, url: 'https://a.example' } };`,
      ['either'],
    ],
    [
      'with a long description',
      `export const audiences = { vip: { people() {}, description: 'x'.repeat(501) } };`,
      ['description'],
    ],
    [
      'with an address without TLS',
      `export const audiences = { vip: { url: 'http://a.example', secret: '${SECRET}' } };`,
      ['https'],
    ],
    [
      'with an address inside',
      `export const audiences = { vip: { url: 'https://10.0.0.1', secret: '${SECRET}' } };`,
      ['public internet'],
    ],
    [
      'with a password in the address',
      `export const audiences = { vip: { url: 'https://a:b@a.example', secret: '${SECRET}' } };`,
      ['password'],
    ],
    [
      'with a short secret',
      `export const audiences = { vip: { url: 'https://a.example', secret: 'whsec_abc' } };`,
      ['secret'],
    ],
    ['with no secret', `export const audiences = { vip: { url: 'https://a.example' } };`, ['secret']],
  ])('%s is refused in clear words', async (_what, text, words) => {
    const problem = await problemOf(text);
    for (const word of words) {
      expect(problem).toContain(word);
    }
  });

  it('says all that is wrong at once, and no secret', async () => {
    const problem = await problemOf(
      `export const audiences = { csv: { people() {} }, a: { url: 'http://x', secret: 'my secret' }, b: 1 };`,
    );
    expect(problem.split('\n')).toHaveLength(4);
    expect(problem).not.toContain('my secret');
  });

  it('may lead into a closed network where that is allowed', async () => {
    expect(
      await problemOf(`export const audiences = { a: { url: 'http://127.0.0.1:1/', secret: '${SECRET}' } };`, true),
    ).toBe('none');
  });

  it('of a resolver has it as its default export', async () => {
    expect(typeof (await loadResolver(moduleOf('export default () => null;'), null, false))).toBe('function');
    await expect(loadResolver(moduleOf('export const a = 1;'), null, false)).rejects.toThrow('default export');
    await expect(loadResolver('http://a.example', SECRET, false)).rejects.toThrow('https');
    expect(await loadResolver('https://a.example/', SECRET, false)).toEqual({
      url: 'https://a.example/',
      secret: SECRET,
    });
  });
});
