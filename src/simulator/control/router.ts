/**
 * The control plane below `/__simulate/`. Every call, field and setting is described in docs/simulator.md:
 * config, inbound, echo, history, standby, preference, state-sync, account-event, webhook, verify, people, media, ledger, templates, signup, signups, catalogs, flows, flow-event, flow-completion, numbers.
 */
import type { ServerResponse } from 'node:http';
import { respond, respondJson } from '../graph/respond.js';
import { now } from '../state/clock.js';
import { mergeConfig, visibleConfig } from '../state/config.js';
import { Random } from '../state/random.js';
import { isJson } from '../validation/check.js';
import type { World } from '../world.js';
import { getBlocks, putBlocks } from './blocking-control.js';
import { bodyOf, refuse, type ControlCall, type ControlHandler } from './call.js';
import { getCatalogs, putCatalog } from './catalog-control.js';
import { postFlowExchange, putEncryption } from './encryption-control.js';
import { getFlows, postFlowCompletion, postFlowEvent, putFlow } from './flows-control.js';
import {
  postAccountEvent,
  postEcho,
  postHistory,
  postInbound,
  postPreference,
  postSignup,
  postStandby,
  postStateSync,
  postVerify,
  postWebhook,
} from './events-control.js';
import { ledgerMessages, ledgerSummary } from './ledger-api.js';
import { getMedia, postExpire } from './media-control.js';
import { getNumbers, putNumber } from './numbers-control.js';
import { page } from './page.js';
import { getPeople, putPerson } from './people-control.js';
import { getSignups, postSignups, putSignup } from './signups-control.js';
import { allTemplates, postTemplateEvent, putTemplate } from './templates-control.js';

const ROUTES: Record<string, ControlHandler> = {
  'GET config': ({ world, response }) => respondJson(response, visibleConfig(world.config)),
  'PUT config': putConfig,
  'POST inbound': postInbound,
  'POST echo': postEcho,
  'POST history': postHistory,
  'POST standby': postStandby,
  'POST preference': postPreference,
  'POST state-sync': postStateSync,
  'POST account-event': postAccountEvent,
  'POST webhook': postWebhook,
  'POST verify': postVerify,
  'GET people': getPeople,
  'PUT people/*': putPerson,
  'GET media': getMedia,
  'POST media/expire': postExpire,
  'GET ledger': ({ world, response }) => respondJson(response, ledgerSummary(world)),
  'GET ledger/messages': ({ world, response, query }) => ledgerMessages(world, response, query),
  'GET ledger/reads': ({ world, response }) => respondJson(response, { reads: world.messages.reads }),
  'DELETE ledger': ({ world, response }) => {
    world.clearLedger();
    respondJson(response, { success: true });
  },
  'GET templates': ({ world, response }) => respondJson(response, allTemplates(world)),
  'PUT templates/*': (call) => changeTemplates(call, putTemplate),
  'POST templates/*': (call) => changeTemplates(call, postTemplateEvent),
  'GET catalogs': getCatalogs,
  'PUT catalogs/*': putCatalog,
  'PUT encryption/*': putEncryption,
  'POST flow-exchange': postFlowExchange,
  'GET blocks': getBlocks,
  'PUT blocks': putBlocks,
  'GET signups': getSignups,
  'POST signups': postSignups,
  'PUT signups/*': putSignup,
  'POST signup': postSignup,
  'GET flows': getFlows,
  'PUT flows/*': putFlow,
  'POST flow-event': postFlowEvent,
  'POST flow-completion': postFlowCompletion,
  'GET numbers': getNumbers,
  'PUT numbers/*': putNumber,
};

/** Answers `/` and `/__simulate/…`. No token is asked for: the simulator belongs on a loopback address. */
export async function routeControl(
  world: World,
  response: ServerResponse,
  method: string,
  bytes: Buffer,
  path: string,
  search: string,
): Promise<void> {
  if (path === '/') {
    respond(response, 200, page(world), 'text/plain; charset=utf-8');
    return;
  }
  const [, , group = '', name = ''] = path.split('/');
  const exact = `${method} ${group}${name === '' ? '' : `/${name}`}`;
  const handler = ROUTES[exact] ?? ROUTES[`${method} ${group}/*`];
  if (handler === undefined || (name === '' && exact !== `${method} ${group}`)) {
    refuse(response, [`no such control call: ${method} ${path}`], 404);
    return;
  }
  await handler({ world, response, bytes, query: new URLSearchParams(search), name: decodeURIComponent(name) });
}

function putConfig(call: ControlCall): void {
  const { world, response } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const problems = mergeConfig(world.config, body);
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  if (body.seed !== undefined) {
    world.random = new Random(world.config.seed);
  }
  if (isJson(body.faults) && body.faults.error_windows !== undefined) {
    world.windowsSetAt = now();
  }
  world.delivery.pump();
  respondJson(response, visibleConfig(world.config));
}

function changeTemplates(call: ControlCall, change: typeof putTemplate): void {
  const { world, response, name } = call;
  const body = bodyOf(call);
  if (body === undefined) {
    return;
  }
  const { problems, templates } = change(world, name, body);
  if (problems.length > 0) {
    refuse(response, problems);
    return;
  }
  respondJson(response, { templates });
}
