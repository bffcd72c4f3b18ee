import { AppError, invalidField } from '../common/app-error.js';
import type { Address } from '../inbox/address.js';
import { interactiveMessage } from '../inbox/outgoing.js';
import type { SendCommand } from '../inbox/sending/send-command.js';
import type { SendInteractiveDto } from '../inbox/sending/interactive.dto.js';
import type { SendFlowDto } from './flow.dto.js';
import { requireMove, sendMode } from './flow-status.js';
import type { Flow } from './flow.entity.js';

const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}/u;

/**
 * A flow as a message: as draft while it is one. It begins with the screen that is named, else with its first, else (of a dynamic
 * one) with what its endpoint says.
 * @throws `flow_blocked`, `flow_deprecated`; `conflict` when Meta has not got it; 400
 */
export function flowMessage(flow: Flow, to: Address, body: SendFlowDto): SendCommand {
  requireMove(flow.status, 'send');
  if (flow.metaFlowId === null) {
    throw new AppError('conflict', 'Meta has not got this flow: upload it first.');
  }
  if (EMOJI.test(body.cta)) {
    throw invalidField('cta', 'has_emoji', 'cta must have no emoji');
  }
  const hasData = body.data !== undefined && Object.keys(body.data).length > 0;
  const screen = body.screen ?? (hasData ? firstScreenOf(flow) : undefined);
  if (hasData && screen === undefined) {
    throw invalidField(
      'screen',
      'required',
      'screen is required with data: the screens of this flow are not known here',
    );
  }
  const asksEndpoint = flow.isDynamic && screen === undefined;
  const { cta, body: text, header, footer, screen: _screen, data, flow_token, ...options } = body;
  const message: SendInteractiveDto = {
    ...options,
    type: 'flow',
    body: text,
    ...(header ? { header } : {}),
    ...(footer ? { footer } : {}),
    flow_id: flow.metaFlowId,
    flow_cta: cta,
    flow_mode: sendMode(flow.status),
    flow_action: asksEndpoint ? 'data_exchange' : 'navigate',
    ...(flow_token === undefined ? {} : { flow_token }),
    ...(screen === undefined ? {} : { flow_screen: screen }),
    ...(hasData ? { flow_data: data as Record<string, unknown> } : {}),
  };
  return interactiveMessage(to, message);
}

function firstScreenOf({ flowJson }: Flow): string | undefined {
  const screens: unknown = flowJson.screens;
  const id = Array.isArray(screens) ? (screens[0] as { id?: unknown } | null)?.id : undefined;
  return typeof id === 'string' && id !== '' ? id : undefined;
}
