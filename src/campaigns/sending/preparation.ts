import type { MessageContent, Recipient, SendResponse } from '../../meta/api/messages.js';
import type { GraphResult } from '../../meta/graph-client.js';
import { TemplateParameterError } from '../../templates/template-parameter-error.js';
import type { KnownMedia } from '../../templates/template-send-header.js';
import { compileSend } from '../../templates/template-send.js';
import { compileBody, type Template } from '../../templates/template.js';
import type { ParameterMapping } from '../campaign.entity.js';
import { compileParameters } from '../parameter-plan.js';
import type { MappedRecipient } from '../recipient-fields.js';
import type { Decision } from './decision.js';

/** A campaign as its messages are made. */
export interface SendingCampaign {
  id: number;
  template: Template;
  parameterMappings: Record<string, ParameterMapping>;
  /** Of a variable without a value: skip the person, or take the default. */
  missingVariables: 'skip' | 'default';
  defaultValue: string;
  /** The files of its headers, as Meta calls them now. */
  media?: KnownMedia;
}

/** A recipient whose message is made. */
export interface PreparedRecipient {
  id: number;
  campaignId: number;
  templateId: number;
  variantId: number | null;
  contactId: number;
  conversationId: number;
  to: Recipient;
  /** Attempts before this one. */
  attempt: number;
  content: MessageContent;
  messageBody: string;
  templateName: string;
  templateLanguage: string;
  /** Of its campaign: nothing goes out any more then. */
  expiresAt: Date | null;
}

/** A recipient whose request is out, or about to be. */
export interface Attempt extends PreparedRecipient {
  attemptToken: string;
  /** Its message's row, once it is marked. */
  messageId?: number;
  /** When marking it was asked for (`performance.now()`): before a pause, or after the campaign was resumed. */
  markedAt: number;
}

/** An attempt that came to an end, waiting to be stored. */
export interface Settled {
  attempt: Attempt;
  answer: GraphResult<SendResponse>;
  decision: Decision;
}

/** The message of one recipient, or why there can be none: it is skipped, for lack of a value, or it fails. */
export type ComposedMessage =
  { content: MessageContent; messageBody: string } | { skip?: 'missing_variable'; error: string };

type Compose = (recipient: MappedRecipient) => ComposedMessage;

/** What is worked out once for all recipients of a campaign that are prepared together. */
const composers = new WeakMap<SendingCampaign, Compose>();

export function composeMessage(campaign: SendingCampaign, recipient: MappedRecipient): ComposedMessage {
  const known = composers.get(campaign);
  if (known) {
    return known(recipient);
  }
  const compose = compileMessage(campaign);
  composers.set(campaign, compose);
  return compose(recipient);
}

function compileMessage(campaign: SendingCampaign): Compose {
  const { template, parameterMappings, missingVariables, defaultValue, media } = campaign;
  const fallback = missingVariables === 'default' ? defaultValue : '';
  const resolve = compileParameters(template, parameterMappings, fallback);
  const build = compileSend(template, media);
  const render = compileBody(template);
  const language = { code: template.language };
  return (recipient) => {
    if (recipient.phone === null && template.category === 'AUTHENTICATION') {
      return { error: 'Authentication templates go to phone numbers only, not to user ids' };
    }
    const { params, missing } = resolve(recipient);
    if (missing.length > 0) {
      return lacking(missing.join(', '));
    }
    try {
      const components = build(params);
      return {
        content: {
          type: 'template',
          template: { name: template.name, language, ...(components.length > 0 && { components }) },
        },
        messageBody: render(params.body),
      };
    } catch (error) {
      if (!(error instanceof TemplateParameterError)) {
        throw error;
      }
      return error.reason === 'missing' ? lacking(error.field) : { error: error.message };
    }
  };
}

function lacking(variables: string): ComposedMessage {
  return { skip: 'missing_variable', error: `No value for the template's variable ${variables}` };
}
