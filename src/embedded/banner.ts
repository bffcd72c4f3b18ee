/** What `cli demo --json` answers. */
export interface Demo {
  readonly account: { id: number; name: string; phone_number_id: string; display_phone_number: string };
  readonly template: { id: number; name: string; language: string };
  readonly contacts: number;
  readonly created: boolean;
}

export interface BannerFacts {
  /** Where the API answers on this machine, without a trailing slash. */
  readonly url: string;
  readonly urlPrefix: string;
  readonly simulatorUrl: string | null;
  readonly demo: Demo | null;
  /** The generated key when it is to be shown, which happens once; else why it is not. */
  readonly apiKey: { readonly shown: string } | { readonly note: string };
  readonly seconds: number;
}

const DEMO_PHONE = '+919876500001';

/** The lines that tell a newcomer what runs, how to get in, and what to try. */
export function banner(facts: BannerFacts): string {
  const base = `${facts.url}/${facts.urlPrefix}/api`;
  const rows: [string, string][] = [
    ['API docs', `${facts.url}/docs`],
    ['API', base],
  ];
  if (facts.simulatorUrl) {
    rows.push(['Graph simulator', `${facts.simulatorUrl} (stands in for Meta; nothing leaves this machine)`]);
  }
  if (facts.demo) {
    const { account, template, contacts } = facts.demo;
    rows.push([
      'Demo account',
      `${account.id}: ${account.name}, ${account.display_phone_number}, ${contacts} contacts`,
    ]);
    rows.push(['Demo template', `${template.name} (${template.language})`]);
  }
  if ('note' in facts.apiKey) {
    rows.push(['API key', facts.apiKey.note]);
  }

  const key =
    'shown' in facts.apiKey
      ? ['', 'Your API key, shown only this once:', `  export PARLEY_API_KEY=${facts.apiKey.shown}`]
      : [];
  return [
    '',
    `Parley is ready (${facts.seconds.toFixed(1)} s).`,
    ...rows.map(([name, value]) => `  ${name.padEnd(16)} ${value}`),
    ...key,
    ...(facts.demo ? ['', 'Try, in another terminal:', ...examples(base).map((line) => `  ${line}`)] : []),
    '',
  ].join('\n');
}

/** The inbound message comes first: it opens the 24 hours in which free text may be sent. */
function examples(base: string): string[] {
  const auth = '-H "X-API-Key: $PARLEY_API_KEY"';
  return [
    `npm run cli -- simulate inbound --from ${DEMO_PHONE} --text "Hello"`,
    `curl ${base}/send-message/ ${auth} -H "Content-Type: application/json" -d '{"phone":"${DEMO_PHONE}","message":"Hello from Parley"}'`,
    `curl ${base}/chats/ ${auth}`,
  ];
}
