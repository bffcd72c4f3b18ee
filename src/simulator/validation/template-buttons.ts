import { GraphError, invalid } from '../graph/graph-error.js';
import type { PartShape } from '../state/template-model.js';
import { objectAt, objectsAt, optionalObjectAt, textAt, type Json } from './check.js';

/** Which kinds of defined buttons a `sub_type` may fill. Meta: the OTP button is stored as URL. */
const FILLS: Record<string, readonly string[]> = {
  quick_reply: ['QUICK_REPLY'],
  url: ['URL', 'OTP'],
  copy_code: ['COPY_CODE'],
  flow: ['FLOW'],
  catalog: ['CATALOG'],
  mpm: ['MPM', 'MULTI_PRODUCT'],
  voice_call: ['VOICE_CALL'],
  order_details: ['ORDER_DETAILS'],
};
const MAX_COUPON = 20;
const MAX_PAYLOAD = 128;
const MAX_URL = 2000;

/** Checks one button component of a template send and answers the position of the button it fills. */
export function checkButton(component: Json, shape: PartShape): number {
  const subType = textAt(component, 'sub_type', 'button: sub_type', 40).toLowerCase();
  const index = Number(component.index);
  if (component.index === undefined || component.index === '' || !Number.isInteger(index)) {
    throw invalid('button: index must be the position of a button');
  }
  const defined = shape.buttons[index];
  if (defined === undefined) {
    throw new GraphError(132018, `button: the template has no button at index ${index}`);
  }
  if (!Object.hasOwn(FILLS, subType) || !FILLS[subType]?.includes(defined.type)) {
    throw new GraphError(132012, `button at index ${index}: expected ${defined.type}, received ${subType}`);
  }
  const [parameter] = objectsAt(component, 'parameters', `button at index ${index}: parameters`, 1, 1);
  checkParameter(parameter as Json, subType, index, defined.hasVariable || defined.type === 'OTP');
  return index;
}

function checkParameter(parameter: Json, subType: string, index: number, hasVariable: boolean): void {
  const path = `button at index ${index}`;
  const type = textAt(parameter, 'type', `${path}: type`, 40);
  const expected = { quick_reply: 'payload', url: 'text', copy_code: 'coupon_code' }[subType] ?? 'action';
  if (type !== expected) {
    throw new GraphError(132012, `${path}: expected a parameter of type ${expected}, received ${type}`);
  }
  switch (subType) {
    case 'quick_reply':
      textAt(parameter, 'payload', `${path}: payload`, MAX_PAYLOAD);
      return;
    case 'url':
      if (!hasVariable) {
        throw new GraphError(132018, `${path}: its URL has no variable`);
      }
      textAt(parameter, 'text', `${path}: text`, MAX_URL);
      return;
    case 'copy_code':
      textAt(parameter, 'coupon_code', `${path}: coupon_code`, MAX_COUPON);
      return;
    case 'mpm':
      objectsAt(objectAt(parameter, 'action', `${path}: action`), 'sections', `${path}: sections`, 1, 10);
      return;
    default:
      optionalObjectAt(parameter, 'action', `${path}: action`);
  }
}
