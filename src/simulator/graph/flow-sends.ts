import { now } from '../state/clock.js';
import type { StoredFlow } from '../state/flows.js';
import type { BusinessNumber } from '../state/registry.js';
import { isJson, type Json } from '../validation/check.js';
import type { World } from '../world.js';
import { GraphError, invalid } from './graph-error.js';

const HOUR_MS = 60 * 60 * 1000;
/** Meta: what a throttled flow may still send in an hour. */
const MAX_THROTTLED = 10;

/** Meta: flows that do not exist, are blocked, throttled, or opened in the wrong mode are refused. */
export function refuseFlow(world: World, number: BusinessNumber, body: Json): void {
  const parameters = parametersOf(body);
  if (parameters === undefined || !world.config.check_flow_ids) {
    return;
  }
  const flow = findFlow(world, number, parameters);
  if (flow === undefined) {
    throw invalid('Flow with specified ID does not exist, or does not belong to the WhatsApp Business Account');
  }
  if (flow.status === 'BLOCKED') {
    throw new GraphError(132068);
  }
  if (flow.status === 'DEPRECATED') {
    throw invalid('The Flow is in an invalid state: DEPRECATED');
  }
  const mode = String(parameters.mode ?? 'published');
  if ((mode === 'draft') !== (flow.status === 'DRAFT')) {
    throw invalid(`The mode ${mode} does not go with a Flow that is ${flow.status}`);
  }
  if (flow.status === 'THROTTLED') {
    flow.sentAt = flow.sentAt.filter((at) => at > now() - HOUR_MS);
    if (flow.sentAt.length >= MAX_THROTTLED) {
      throw new GraphError(132069);
    }
    flow.sentAt.push(now());
  }
}

/** The token that the answer to this message must bring; undefined when it opens no flow. */
export function flowTokenOf(body: Json): string | undefined {
  const parameters = parametersOf(body);
  if (parameters !== undefined) {
    return String(parameters.flow_token ?? 'unused');
  }
  const components = isJson(body.template) && Array.isArray(body.template.components) ? body.template.components : [];
  const button = components.filter(isJson).find(({ sub_type }) => String(sub_type).toLowerCase() === 'flow');
  const parameter: unknown = Array.isArray(button?.parameters) ? button.parameters[0] : undefined;
  const action = isJson(parameter) && isJson(parameter.action) ? parameter.action : undefined;
  return action === undefined ? undefined : String(action.flow_token ?? 'unused');
}

function parametersOf({ interactive }: Json): Json | undefined {
  const isFlow = isJson(interactive) && interactive.type === 'flow' && isJson(interactive.action);
  return isFlow && isJson(interactive.action) && isJson(interactive.action.parameters)
    ? interactive.action.parameters
    : undefined;
}

/** Of the number's WABA; where that is only a guess, any. */
function findFlow({ flows }: World, number: BusinessNumber, { flow_id, flow_name }: Json): StoredFlow | undefined {
  const found =
    flow_id === undefined
      ? (flows.findByName(number.wabaId, String(flow_name)) ??
        (number.isLinked ? undefined : flows.all().find(({ name }) => name === flow_name)))
      : flows.find(String(flow_id));
  return found !== undefined && number.isLinked && found.wabaId !== number.wabaId ? undefined : found;
}
