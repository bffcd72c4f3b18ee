import { randomUUID } from 'node:crypto';
import type { MessageContent } from '../meta/api/messages.js';

type Json = Record<string, unknown>;

/** A flow as a message carries it: the answer comes back with the token. */
export interface SentFlow {
  token: string;
  /** Meta's id of the flow, or its name; null for the button of a template, which knows its flow itself. */
  metaFlowId: string | null;
  flowName: string | null;
}

/** Meta's own word for no token. */
const NO_TOKEN = 'unused';
/** As the column says; Meta names no limit. */
const MAX_TOKEN = 1_024;

/**
 * The message with a token for each of its flows that has none: the answer names nothing but its token, so each message has
 * its own, which nobody can guess. A token that the caller gave stays.
 */
export function withFlowTokens(content: MessageContent): MessageContent {
  const interactive = objectOf(content.interactive);
  const parameters = interactive?.type === 'flow' ? objectOf(objectOf(interactive.action)?.parameters) : null;
  if (interactive && parameters) {
    return hasToken(parameters)
      ? content
      : {
          ...content,
          interactive: {
            ...interactive,
            action: { ...objectOf(interactive.action), parameters: { ...parameters, flow_token: randomUUID() } },
          },
        };
  }
  const template = objectOf(content.template);
  if (!template || flowButtonsOf(template).every(hasToken)) {
    return content;
  }
  return { ...content, template: { ...template, components: withTokens(template.components) } };
}

/** The flows of a message that is about to be sent. */
export function sentFlowsOf(content: MessageContent): SentFlow[] {
  const interactive = objectOf(content.interactive);
  const parameters = interactive?.type === 'flow' ? objectOf(objectOf(interactive.action)?.parameters) : null;
  const template = objectOf(content.template);
  const carriers = parameters ? [parameters] : template ? flowButtonsOf(template) : [];
  return carriers.flatMap((carrier) => {
    const token = carrier.flow_token;
    return typeof token !== 'string' || !hasToken(carrier) || token.length > MAX_TOKEN
      ? []
      : [{ token, metaFlowId: textOf(carrier.flow_id), flowName: textOf(carrier.flow_name) }];
  });
}

/** What the flow buttons of a template say, also those of its cards. */
function flowButtonsOf(part: Json): Json[] {
  return listOf(part.components).flatMap((component) => {
    if (Array.isArray(component.cards)) {
      return listOf(component.cards).flatMap(flowButtonsOf);
    }
    const action = isFlowButton(component) ? objectOf(listOf(component.parameters)[0]?.action) : null;
    return action ? [action] : [];
  });
}

function withTokens(components: unknown): unknown {
  if (!Array.isArray(components)) {
    return components;
  }
  return (components as unknown[]).map((item) => {
    const component = objectOf(item);
    if (!component) {
      return item;
    }
    if (Array.isArray(component.cards)) {
      const cards = listOf(component.cards).map((card) => ({ ...card, components: withTokens(card.components) }));
      return { ...component, cards };
    }
    const [parameter, ...rest] = listOf(component.parameters);
    const action = isFlowButton(component) ? objectOf(parameter?.action) : null;
    return !action || hasToken(action)
      ? component
      : { ...component, parameters: [{ ...parameter, action: { ...action, flow_token: randomUUID() } }, ...rest] };
  });
}

function isFlowButton({ type, sub_type }: Json): boolean {
  return isWord(type, 'button') && isWord(sub_type, 'flow');
}

function hasToken({ flow_token }: Json): boolean {
  return typeof flow_token === 'string' && flow_token !== '' && flow_token !== NO_TOKEN;
}

/** Meta takes these words in any case. */
function isWord(value: unknown, word: string): boolean {
  return typeof value === 'string' && value.toLowerCase() === word;
}

function objectOf(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter((item): item is Json => objectOf(item) !== null) : [];
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
