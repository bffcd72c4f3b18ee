import { respondJson } from '../graph/respond.js';
import { mergeConfig } from '../state/config.js';
import { displayNumber, type BusinessNumber, type NumberChanges } from '../state/registry.js';
import type { Json } from '../validation/check.js';
import { bodyOf, refuse, type ControlCall } from './call.js';

const NUMBER_KEYS = [
  'waba_id',
  'portfolio_id',
  'display_phone_number',
  'country_code',
  'verified_name',
  'quality_rating',
  'status',
  'messages_per_second',
];

/** `GET /__simulate/numbers`. */
export function getNumbers({ world, response }: ControlCall): void {
  respondJson(response, { numbers: [...world.registry.numbers.values()].map(numberFacts) });
}

/** `PUT /__simulate/numbers/{id}`. */
export function putNumber(call: ControlCall): void {
  const { world, response, name } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const problems = Object.keys(body)
    .filter((key) => !NUMBER_KEYS.includes(key))
    .map((key) => `unknown key ${key}`);
  const { messages_per_second: perSecond, ...changes } = body;
  const wrong = Object.keys(changes).filter((key) => typeof changes[key] !== 'string');
  problems.push(...wrong.map((key) => `${key} must be a string`));
  if (problems.length === 0 && perSecond !== undefined) {
    problems.push(...mergeConfig(world.config, { numbers: { [name]: { messages_per_second: perSecond } } }));
  }
  if (!/^\d{1,20}$/.test(name)) {
    problems.push('the phone number id must be digits');
  }
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  respondJson(response, numberFacts(world.registry.setNumber(name, changes as NumberChanges)));
}

function numberFacts(number: BusinessNumber): Json {
  return {
    id: number.id,
    waba_id: number.wabaId,
    portfolio_id: number.portfolioId,
    display_phone_number: displayNumber(number),
    country_code: number.countryCode,
    verified_name: number.verifiedName,
    quality_rating: number.qualityRating,
    status: number.status,
  };
}
