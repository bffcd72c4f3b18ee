import type { Fields } from '../fields.js';
import { isJson, type Json } from '../validation/check.js';
import type { Occasion } from './occasion.js';

/** Makes what stands around the content of a message: `context`, `referral`, `group_id`. */
export type MakeContext = (occasion: Occasion) => Json;

const AD: Json = {
  source_url: 'https://fb.me/simulated-ad',
  source_id: '120000000000000042',
  source_type: 'ad',
  body: 'Two teas for the price of one',
  headline: 'Talk to us',
  media_type: 'image',
  image_url: 'https://scontent.xx.fbcdn.net/v/simulated-ad.jpg',
  ctwa_clid: 'Aff-simulated-click-id',
  welcome_message: { text: 'Welcome! Which tea do you like?' },
};
const POST: Json = {
  source_url: 'https://fb.me/simulated-post',
  source_id: '120000000000000043',
  source_type: 'post',
  body: 'Our new teas have arrived',
  headline: 'Our page',
  media_type: 'image',
  image_url: 'https://scontent.xx.fbcdn.net/v/simulated-post.jpg',
};
const PRODUCT: Json = { catalog_id: '500000000000009', product_retailer_id: 'TEA-250' };
/** Types whose `reply_to` is their subject, not a quote. */
const WITHOUT_QUOTE = ['reaction', 'edit', 'revoke'];

/** Reads the fields that go with any type of message. Meta: README §C.4. */
export function readContext(fields: Fields): MakeContext {
  const quoted = WITHOUT_QUOTE.includes(String(fields.value('type'))) ? undefined : fields.text('reply_to');
  const marks = {
    ...(fields.flag('forwarded') === true ? { forwarded: true } : {}),
    ...(fields.flag('frequently_forwarded') === true ? { frequently_forwarded: true } : {}),
  };
  const product = readProduct(fields);
  const referral = readReferral(fields);
  const groupId = fields.text('group_id');
  return (occasion) => {
    const context = {
      ...(quoted === undefined ? {} : { ...authorOf(occasion, quoted), id: quoted }),
      ...(product === undefined ? {} : { from: occasion.number.digits, referred_product: product }),
      ...marks,
    };
    return {
      ...(Object.keys(context).length === 0 ? {} : { context }),
      ...(referral === undefined ? {} : { referral }),
      ...(groupId === undefined ? {} : { group_id: groupId }),
    };
  };
}

/** Who wrote the message that is answered: the business, unless the customer quotes their own. */
function authorOf({ world, number, shown }: Occasion, wamid: string): Json {
  if (world.messageOf(wamid)?.isFromCustomer !== true) {
    return { from: number.digits };
  }
  return shown.waId === '' ? {} : { from: shown.waId };
}

function readProduct(fields: Fields): Json | undefined {
  const given = fields.value('referred_product');
  if (given === undefined || given === false) {
    return undefined;
  }
  if (given !== true && !isJson(given)) {
    fields.problem('referred_product must be true or an object');
    return undefined;
  }
  return given === true ? PRODUCT : { ...PRODUCT, ...given };
}

function readReferral(fields: Fields): Json | undefined {
  const given = fields.value('referral');
  if (given === undefined) {
    return undefined;
  }
  if (given === 'ad' || given === 'post') {
    return given === 'ad' ? AD : POST;
  }
  if (!isJson(given)) {
    fields.problem('referral must be "ad", "post" or an object');
    return undefined;
  }
  const merged = { ...(given.source_type === 'post' ? POST : AD), ...given };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
}
