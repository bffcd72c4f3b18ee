import type { PhoneNumber } from '../../common/phone-number.js';
import type { MessageContent, Recipient, SendResponse } from '../../meta/api/messages.js';
import type { GraphResult } from '../../meta/graph-client.js';
import { buildComponents, renderBody, type Template } from '../../templates/template.js';
import type { ParameterMapping } from '../campaign.entity.js';
import { resolveParameters } from '../parameters.js';
import type { Decision } from './decision.js';

/** A campaign as its messages are made. */
export interface SendingCampaign {
  id: number;
  template: Template;
  parameterMappings: Record<string, ParameterMapping>;
}

/** A claimed recipient whose message is made. */
export interface PreparedRecipient {
  id: number;
  campaignId: number;
  templateId: number;
  contactId: number;
  conversationId: number;
  to: Recipient;
  /** Attempts before this one. */
  attempt: number;
  content: MessageContent;
  messageBody: string;
  templateName: string;
  templateLanguage: string;
}

/** A recipient whose request is out, or about to be. */
export interface Attempt extends PreparedRecipient {
  attemptToken: string;
  /** When marking it was asked for (`performance.now()`): before a pause, or after the campaign was resumed. */
  markedAt: number;
}

/** An attempt that came to an end, waiting to be stored. */
export interface Settled {
  attempt: Attempt;
  answer: GraphResult<SendResponse>;
  decision: Decision;
}

/** The message of one recipient, or why there can be none. */
export function composeMessage(
  campaign: SendingCampaign,
  recipient: { phone: PhoneNumber | null; userId: string | null; name: string; parameters: Record<string, string> },
): { content: MessageContent; messageBody: string } | { error: string } {
  const { template } = campaign;
  const fields = { name: recipient.name, phone: recipient.phone ?? '', ...recipient.parameters };
  const { params, values, missing } = resolveParameters(template, campaign.parameterMappings, fields);
  if (missing.length > 0) {
    return { error: `No value for the template's variable ${missing.join(', ')}` };
  }
  try {
    const components = buildComponents(template, params);
    return {
      content: {
        type: 'template',
        template: {
          name: template.name,
          language: { code: template.language },
          ...(components.length > 0 ? { components } : {}),
        },
      },
      messageBody: renderBody(template, values),
    };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
