import type { Agent } from 'undici';
import { batchesOfEndpoint } from '../../src/campaigns/audience/audience-endpoint.js';
import { START, type PeopleBatch, type Position } from '../../src/campaigns/audience/audience-source.js';
import { guardedAgent } from '../../src/common/guarded-agent.js';
import { answerJson, AudienceServer } from '../support/audience-server.js';

const CONTEXT = {
  account: { id: 3, name: 'Shop', phone_number_id: '300' },
  campaign: { id: 9, name: 'Sale', audience_type: 'crm', audience_filters: { city: 'Delhi' } },
};
const PATIENCE = { answerMs: 10_000, retryAfterMs: [1, 1] };

describe('an audience endpoint', () => {
  let server: AudienceServer;
  let agent: Agent;

  const read = async (from: Position = START, patience = PATIENCE): Promise<(PeopleBatch | null)[]> => {
    const found: (PeopleBatch | null)[] = [];
    const calls = { agent, patience };
    for await (const batch of batchesOfEndpoint({ url: server.url, secret: server.secret }, CONTEXT, from, calls)) {
      found.push(batch);
    }
    return found;
  };

  beforeEach(async () => {
    server = await new AudienceServer().start();
    agent = guardedAgent({ allowPrivate: true });
  });

  afterEach(async () => {
    await agent.destroy();
    await server.stop();
  });

  it('is asked page by page, each question signed, until it has no further one', async () => {
    server.answering = ({ cursor }, response) =>
      answerJson(
        response,
        cursor ? { recipients: [{ phone: '3' }] } : { recipients: [{ phone: '1' }, { phone: '2' }], next_cursor: 'b' },
      );
    expect(await read()).toEqual([
      { people: [{ phone: '1' }, { phone: '2' }], index: 0, next: { index: 2, cursor: 'b' } },
      { people: [{ phone: '3' }], index: 2, next: null },
    ]);
    expect(server.questions).toMatchObject([
      {
        audience: 'crm',
        filters: { city: 'Delhi' },
        account_id: 3,
        campaign_id: 9,
        cursor: null,
        limit: 5_000,
        isSigned: true,
      },
      { cursor: 'b', isSigned: true },
    ]);
    const [first, second] = server.questions.map(({ headers }) => headers['webhook-id']);
    expect(first).not.toBe(second);
  });

  it('goes on where it stopped', async () => {
    server.answering = (_question, response) => answerJson(response, { recipients: [{}], next_cursor: null });
    expect(await read({ index: 7, cursor: 'x' })).toEqual([{ people: [{}], index: 7, next: null }]);
    expect(server.questions).toMatchObject([{ cursor: 'x' }]);
  });

  it.each([500, 503, 429, 408])('that answers %d is asked again, with the same id', async (status) => {
    server.answering = (_question, response, count) =>
      count < 3 ? answerJson(response, {}, status) : answerJson(response, { recipients: [{}] });
    expect(await read()).toHaveLength(1);
    expect(new Set(server.questions.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(server.questions).toHaveLength(3);
  });

  it('is asked three times at most here, and then has failed', async () => {
    server.answering = (_question, response) => answerJson(response, {}, 500);
    await expect(read()).rejects.toThrow('answered 500');
    expect(server.questions).toHaveLength(3);
  });

  it.each([400, 401, 404, 410, 302])('that answers %d has failed at once', async (status) => {
    server.answering = (_question, response) =>
      void response.writeHead(status, { location: `${server.url}/elsewhere` }).end('{}');
    await expect(read()).rejects.toThrow(`answered ${status}`);
    expect(server.questions).toHaveLength(1);
  });

  it.each<[string, unknown, string]>([
    ['no list', { people: [] }, 'recipients'],
    ['too many at once', { recipients: new Array(5_001).fill({}) }, 'at most 5000'],
    ['a cursor that is none', { recipients: [], next_cursor: 5 }, 'next_cursor'],
    ['a cursor that is too long', { recipients: [], next_cursor: 'x'.repeat(1_001) }, 'next_cursor'],
    ['more than can be held', { recipients: [], next_cursor: null, ballast: 'x'.repeat(17 * 1024 * 1024) }, '16 MB'],
  ])('that answers %s has failed', async (_what, body, words) => {
    server.answering = (_question, response) => answerJson(response, body);
    await expect(read()).rejects.toThrow(words);
    expect(server.questions).toHaveLength(1);
  });

  it('that answers no JSON has failed', async () => {
    server.answering = (_question, response) => void response.end('<html>');
    await expect(read()).rejects.toThrow('no JSON');
  });

  it('whose cursor leads to the same page, or to empty pages without end, has failed', async () => {
    server.answering = (_question, response) => answerJson(response, { recipients: [{}], next_cursor: 'same' });
    await expect(read()).rejects.toThrow('gets nowhere');
    server.answering = (_question, response, count) =>
      answerJson(response, { recipients: [], next_cursor: `c${count}` });
    await expect(read()).rejects.toThrow('gets nowhere');
  });

  it.each([2, 3, 100])('whose cursors go round %d pages has failed after a few rounds', async (length) => {
    const at = (cursor: string | null): number => (cursor === null ? -5 : Number(cursor));
    // A few pages lead into the circle.
    server.answering = ({ cursor }, response) =>
      answerJson(response, {
        recipients: [{}],
        next_cursor: String(at(cursor) === length - 1 ? 0 : at(cursor) + 1),
      });
    await expect(read()).rejects.toThrow('gets nowhere');
    expect(server.questions.length).toBeLessThan(5 + 4 * length);
    // Another worker takes over in the middle of it.
    const before = server.questions.length;
    await expect(read({ index: 7, cursor: '1' })).rejects.toThrow('gets nowhere');
    expect(server.questions.length - before).toBeLessThan(4 * length);
  });

  it('that has many pages is read to its end', async () => {
    server.answering = ({ cursor }, response) =>
      answerJson(response, { recipients: [{}], next_cursor: cursor === '300' ? null : String(Number(cursor) + 1) });
    expect(await read()).toHaveLength(301);
  });

  it('that keeps silent is not waited for', async () => {
    server.answering = () => undefined;
    const startedAt = performance.now();
    await expect(read(START, { ...PATIENCE, answerMs: 300 })).rejects.toThrow('did not answer');
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('in a closed network is not asked, nor asked again, unless that is allowed', async () => {
    await agent.destroy();
    agent = guardedAgent({ allowPrivate: false });
    await expect(read()).rejects.toThrow('did not answer');
    expect(server.questions).toHaveLength(0);
  });

  it.each([
    ['204', (): [number, string] => [204, '']],
    ['null', (): [number, string] => [200, 'null']],
    ['no recipients', (): [number, string] => [200, '{"recipients":null}']],
  ])('says with %s that the campaign is none of its business', async (_what, answer) => {
    server.answering = (_question, response) => {
      const [status, text] = answer();
      response.writeHead(status).end(text);
    };
    expect(await read()).toEqual([null]);
    await expect(read({ index: 5, cursor: 'c' })).rejects.toThrow('further page');
  });
});
