import { Injectable } from '@nestjs/common';
import type { Account } from '../../accounts/account.js';
import { AppError, invalidField, invalidFields } from '../../common/app-error.js';
import type { Address } from '../../inbox/address.js';
import { SendTemplateDto } from '../../inbox/send.dto.js';
import { SendService, type Sent } from '../../inbox/send.service.js';
import { templateMessage } from '../../inbox/sending/template-message.js';
import { APPROVED } from '../../templates/template-status.js';
import type { Visibility } from '../audience/campaign-audience.js';
import type { MappedRecipient } from '../recipient-fields.js';
import type { CampaignTemplate } from './preflight-messages.js';
import type { TestCampaignDto } from './preflight.dto.js';
import { PreflightService } from './preflight.service.js';

const MOST_FIELDS = 100;

/** One message of a campaign to somebody who wants to see it. */
@Injectable()
export class CampaignTest {
  constructor(
    private readonly preflight: PreflightService,
    private readonly sender: SendService,
  ) {}

  /**
   * Sends the campaign's template as a single message: it is in the inbox, and none of the campaign's.
   * @throws `template_not_approved`; `400` naming what it lacks; whatever a single send throws
   */
  async send(
    account: Account,
    visible: Visibility,
    id: number,
    request: { to: Address; body: TestCampaignDto; idempotencyKey: string | undefined },
  ): Promise<Sent> {
    const { to, body, idempotencyKey } = request;
    const given = readFields(body.parameters ?? {});
    const { messages, sample } = await this.preflight.sampleOf(account, visible, id);
    const message = chosen(messages, body.variant_id);
    const { template } = message;
    if (template.status !== APPROVED) {
      throw new AppError(
        'template_not_approved',
        `The template ${template.name} is ${template.status}; Meta sends only approved ones.`,
      );
    }
    const recipient: MappedRecipient = {
      phone: 'phone' in to ? to.phone : null,
      userId: 'userId' in to ? to.userId : null,
      name: given.name ?? sample?.name ?? '',
      parameters: { ...sample?.parameters, ...given },
      contact: sample?.contact ?? {},
    };
    const { params, missing } = message.fill(recipient);
    if (missing.length > 0) {
      throw invalidFields(
        missing.map((key) => ({
          field: `parameters.${message.fieldOf(key)}`,
          code: 'missing_variable',
          message: `parameters: there is no value for the template's variable ${key}`,
        })),
      );
    }
    const send = Object.assign(new SendTemplateDto(), {
      template_name: template.name,
      language: template.language,
      ...(params.body && { body_params: params.body }),
      ...(params.header && { header_params: params.header }),
      ...(params.buttons && { buttons: params.buttons }),
      ...(params.cards && { cards: params.cards }),
      ...(params.limited_time_offer && { limited_time_offer: params.limited_time_offer }),
      ...(body.sent_by !== undefined && { sent_by: body.sent_by }),
    });
    const prepared = await this.sender.prepareTemplate(account, send);
    return this.sender.send(account, { ...templateMessage(to, send, prepared), idempotencyKey });
  }
}

function chosen(messages: readonly CampaignTemplate[], variantId: number | undefined): CampaignTemplate {
  const message = messages.find((each) => variantId === undefined || each.variantId === variantId);
  if (message) {
    return message;
  }
  throw variantId === undefined
    ? invalidField('template_id', 'required', 'Choose a template before testing the campaign.')
    : invalidField('variant_id', 'not_found', 'variant_id is no variant of the campaign');
}

/** Columns are in lower case, as those of a file. */
function readFields(given: Record<string, unknown>): Record<string, string> {
  const entries = Object.entries(given);
  if (entries.length > MOST_FIELDS) {
    throw invalidField('parameters', 'too_many', `parameters may have ${MOST_FIELDS} fields`);
  }
  return Object.fromEntries(
    entries.map(([field, value]) => {
      if (!['string', 'number', 'boolean'].includes(typeof value)) {
        throw invalidField(`parameters.${field}`, 'not_text', `parameters.${field} must be a text or a number`);
      }
      return [field.toLowerCase(), String(value)];
    }),
  );
}
