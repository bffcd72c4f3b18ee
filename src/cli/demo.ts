import type { INestApplicationContext } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import type { PhoneNumber } from '../common/phone-number.js';
import { Secret } from '../common/secret.js';
import { PeopleService } from '../contacts/people.service.js';
import { Database } from '../database/database.js';
import { TemplateSync } from '../templates/template-sync.js';
import { TemplatesService } from '../templates/templates.service.js';

export interface Demo {
  account: { id: number; name: string; phone_number_id: string; display_phone_number: string };
  template: { id: number; name: string; language: string };
  contacts: number;
  created: boolean;
}

/** Any ids will do: the simulator knows every number it is asked about. */
const PHONE_NUMBER_ID = '100000000000001';
const WABA_ID = '200000000000001';
const TEMPLATE = { name: 'order_update', language: 'en' };
const PEOPLE = [
  { phone: '+919876500001', name: 'Asha Rao' },
  { phone: '+919876500002', name: 'Vikram Shah' },
  { phone: '+919876500003', name: 'Meera Iyer' },
  { phone: '+12025550147', name: 'Alex Doe' },
  { phone: '+4915123456789', name: 'Jonas Weber' },
];

/** What a newcomer tries things with. Made once: a second call finds it. */
export async function makeDemo(app: INestApplicationContext): Promise<Demo> {
  const accounts = app.get(AccountsService);
  const database = app.get(Database);
  const known = await accounts.findByPhoneNumberId(PHONE_NUMBER_ID);
  if (!known) {
    await accounts.create({
      name: 'Demo',
      phoneNumberId: PHONE_NUMBER_ID,
      wabaId: WABA_ID,
      accessToken: new Secret('demo-access-token'),
      messagesPerSecond: 1_000,
    });
  }
  const account = (await accounts.findByPhoneNumberId(PHONE_NUMBER_ID)) as Account;
  const templates = app.get(TemplatesService);
  if (!(await templates.findByName(database, account.id, TEMPLATE.name, TEMPLATE.language))) {
    await app.get(TemplateSync).run(account);
  }
  const template = await templates.findByName(database, account.id, TEMPLATE.name, TEMPLATE.language);
  if (!template) {
    throw new Error(`The simulator has no template ${TEMPLATE.name}`);
  }
  await database.transaction((tx) =>
    app.get(PeopleService).ensure(
      tx,
      account,
      PEOPLE.map(({ phone, name }) => ({ phone: phone as PhoneNumber, name })),
    ),
  );
  return {
    account: {
      id: account.id,
      name: account.name,
      phone_number_id: PHONE_NUMBER_ID,
      display_phone_number: account.displayPhoneNumber ?? '',
    },
    template: { id: template.id, ...TEMPLATE },
    contacts: PEOPLE.length,
    created: !known,
  };
}
