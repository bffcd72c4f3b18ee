import { createServer, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { request, type Agent } from 'undici';
import { BlockedTarget, guardedAgent, guardedLookup, targetProblem } from '../../src/common/guarded-agent.js';
import { isPublicAddress } from '../../src/common/public-address.js';

describe('a public address', () => {
  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '100.63.255.255',
    '169.253.255.255',
    '223.255.255.254',
    '2606:4700:4700::1111',
    '2a00:1450:4001:830::200e',
  ])('is %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    '4000::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '5f00::1',
    '',
    'example.com',
  ])('is not %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('an address that somebody gave us', () => {
  it.each([
    'https://example.com/people?x=1',
    'https://example.com:8443/',
    'https://example.com:443/',
    'https://8.8.8.8/',
    'https://[2606:4700:4700::1111]/',
    // Where it leads is found out when it is called.
    'https://localhost/',
  ])('may be %s', (url) => {
    expect(targetProblem(url, { allowPrivate: false })).toBeNull();
  });

  it.each([
    ['http://example.com/', 'https'],
    ['ftp://example.com/', 'https'],
    ['file:///etc/passwd', 'https'],
    ['javascript:alert(1)', 'https'],
    ['example.com', 'URL'],
    ['https://', 'URL'],
    ['https://user:secret@example.com/', 'user or password'],
    ['https://user@example.com/', 'user or password'],
    ['https://example.com:6379/', 'port'],
    ['https://127.0.0.1/', 'public'],
    ['https://127.1/', 'public'],
    ['https://0x7f.1/', 'public'],
    ['https://2130706433/', 'public'],
    ['https://017700000001/', 'public'],
    ['https://１２７.0.0.1/', 'public'],
    ['https://169.254.169.254/latest/meta-data', 'public'],
    ['https://[::1]/', 'public'],
    ['https://[::ffff:7f00:1]/', 'public'],
    ['https://[fd00::1]/', 'public'],
  ])('may not be %s', (url, word) => {
    expect(targetProblem(url, { allowPrivate: false })).toContain(word);
  });

  it('may be of a closed network where that is allowed, but still no other scheme and no password', () => {
    expect(targetProblem('http://127.0.0.1:3000/', { allowPrivate: true })).toBeNull();
    expect(targetProblem('ftp://127.0.0.1/', { allowPrivate: true })).toContain('https');
    expect(targetProblem('http://a:b@127.0.0.1/', { allowPrivate: true })).toContain('password');
  });
});

describe('a guarded connection', () => {
  let server: Server;
  let port: number;
  let seen: string[] = [];
  const agents: Agent[] = [];

  const agentOf = (options: Parameters<typeof guardedAgent>[0]): Agent => {
    const agent = guardedAgent(options);
    agents.push(agent);
    return agent;
  };
  const get = (url: string, dispatcher: Agent): Promise<{ statusCode: number }> => request(url, { dispatcher });

  beforeAll(async () => {
    server = createServer((incoming, response) => {
      seen.push(incoming.url ?? '');
      response.writeHead(incoming.url === '/away' ? 302 : 200, { location: `http://127.0.0.1:${port}/inside` }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });

  beforeEach(() => {
    seen = [];
  });

  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.destroy()));
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    ['loopback', '127.0.0.1', 4],
    ['the metadata of a cloud', '169.254.169.254', 4],
    ['loopback in version 6', '::1', 6],
    ['version 4 inside of version 6', '::ffff:127.0.0.1', 6],
  ])('is not made when the name leads to %s', async (_what, address, family) => {
    const agent = agentOf({ allowPrivate: false, resolve: (_name, callback) => callback(null, [{ address, family }]) });
    await expect(get('https://inside.example/', agent)).rejects.toBeInstanceOf(BlockedTarget);
  });

  it('asks for the name’s addresses anew each time, and refuses it as soon as one leads inside', async () => {
    let asked = 0;
    const agent = agentOf({
      allowPrivate: false,
      connectMs: 200,
      resolve: (_name, callback) => {
        asked += 1;
        callback(null, [
          { address: '93.184.215.14', family: 4 },
          { address: '127.0.0.1', family: 4 },
        ]);
      },
    });
    await expect(get('https://rebound.example/', agent)).rejects.toBeInstanceOf(BlockedTarget);
    await expect(get('https://rebound.example/', agent)).rejects.toBeInstanceOf(BlockedTarget);
    expect(asked).toBe(2);
  });

  it('goes to the very addresses that were looked at', async () => {
    const addresses = [
      { address: '93.184.215.14', family: 4 },
      { address: '2606:2800:21f:cb07:6820:80da:af6b:8b2c', family: 6 },
    ];
    const lookup = guardedLookup((_name, callback) => callback(null, addresses));
    const found = (options: Parameters<LookupFunction>[1]): Promise<unknown[]> =>
      new Promise((resolve) => lookup('example.com', options, (...given) => resolve(given)));
    expect(await found({ all: true })).toEqual([null, addresses]);
    expect(await found({ family: 6 })).toEqual([null, '2606:2800:21f:cb07:6820:80da:af6b:8b2c', 6]);
    expect(await found({})).toEqual([null, '93.184.215.14', 4]);
  });

  it('is not made to an address written in place of a name, nor without TLS, nor to other ports', async () => {
    const agent = agentOf({ allowPrivate: false });
    for (const url of [
      `http://127.0.0.1:${port}/`,
      `https://127.0.0.1:${port}/`,
      'https://127.0.0.1/',
      'https://[::1]/',
    ]) {
      await expect(get(url, agent)).rejects.toBeInstanceOf(BlockedTarget);
    }
    expect(seen).toEqual([]);
  });

  it('is not made to localhost, which the system resolves', async () => {
    await expect(get('https://localhost/', agentOf({ allowPrivate: false }))).rejects.toBeInstanceOf(BlockedTarget);
  });

  it('follows no redirect', async () => {
    const answer = await get(`http://127.0.0.1:${port}/away`, agentOf({ allowPrivate: true }));
    expect(answer.statusCode).toBe(302);
    expect(seen).toEqual(['/away']);
  });

  it('reaches closed networks where that is allowed', async () => {
    expect((await get(`http://127.0.0.1:${port}/here`, agentOf({ allowPrivate: true }))).statusCode).toBe(200);
  });
});
