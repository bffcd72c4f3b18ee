import { FAIL_LATER_CODES, type Magic } from '../magic-numbers.js';
import type { BusinessNumber } from '../state/registry.js';
import { isJson, type Json } from '../validation/check.js';
import type { CheckedMessage } from '../validation/message.js';
import type { World } from '../world.js';
import type { Addressee } from './addressee.js';
import { GraphError } from './graph-error.js';

const OUTSIDE_WINDOW = 131047;
const UNDELIVERABLE = 131026;
const INVALID_VALUE = 131009;

/** A send on its way through the simulator. */
export interface Arrival {
  readonly at: number;
  readonly number: BusinessNumber;
  readonly isMarketingApi: boolean;
}

/** Meta: how much one person may get from one number. */
export function refuseTooManyToOne(
  world: World,
  { number, at }: Arrival,
  addressee: Addressee,
  message: CheckedMessage,
): void {
  const pair = `${number.id}/${addressee.waId || addressee.userId}`;
  if (world.config.pair_rate && !world.pairs.allows(pair, at)) {
    throw new GraphError(131056);
  }
  if (message.interactiveType === 'call_permission_request' && !world.callPermissions.allows(pair, at)) {
    throw new GraphError(138009);
  }
}

/** The code of the failed status this message must get, 0 for none. */
export function failCodeOf(
  world: World,
  number: BusinessNumber,
  { waId, person, isNobody }: Addressee,
  message: CheckedMessage,
  body: Json,
  magic: Magic | undefined,
): number {
  const { enforce_window, window_refusal, block_us_marketing, unknown_user_id_code } = world.config;
  if (magic?.kind === 'fail_later') {
    return magic.code;
  }
  if (isNobody && (waId !== '' || unknown_user_id_code !== 0)) {
    return waId === '' ? codeOfUnknownId(world) : UNDELIVERABLE;
  }
  if (enforce_window && message.template === undefined && !world.people.hasOpenWindow(number.id, person)) {
    if (window_refusal === 'answer') {
      throw new GraphError(OUTSIDE_WINDOW);
    }
    return OUTSIDE_WINDOW;
  }
  if (message.template?.template.category === 'MARKETING') {
    if (world.people.hasStoppedMarketing(number.portfolioId, person)) {
      return 131050;
    }
    if (block_us_marketing && waId.length === 11 && waId.startsWith('1')) {
      return 131049;
    }
  }
  const hash = body.recipient_identity_key_hash;
  if (hash !== undefined && person !== undefined && person.identityKeyHash !== '' && hash !== person.identityKeyHash) {
    return 137000;
  }
  return message.type === 'reaction' && !canReact(world, body) ? INVALID_VALUE : message.failCode;
}

/** Meta: a reaction to what is no message of the thread is accepted, and fails with 131009. */
function canReact(world: World, { reaction }: Json): boolean {
  const wamid = isJson(reaction) ? String(reaction.message_id) : '';
  const isSend = world.ledger.find(world.wamids.sequenceOf(wamid)) !== undefined;
  return isSend || world.messageOf(wamid) !== undefined || !world.config.check_message_ids;
}

/** A user id that nobody has is refused at once, or accepted and failed afterwards, as its configured code is. */
function codeOfUnknownId({ config }: World): number {
  if (!FAIL_LATER_CODES.has(config.unknown_user_id_code)) {
    throw new GraphError(config.unknown_user_id_code);
  }
  return config.unknown_user_id_code;
}
