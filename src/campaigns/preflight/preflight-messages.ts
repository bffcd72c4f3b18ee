import type { CampaignWithVariants } from '../campaigns.service.js';
import { compileParameters, fieldsOf, type ResolvedParameters } from '../parameter-plan.js';
import { mappingOf, mediaOfCampaign, type Mappings } from '../parameters.js';
import type { MappedRecipient } from '../recipient-fields.js';
import { composeMessage, type SendingCampaign } from '../sending/preparation.js';
import { previewTemplate, type TemplatePreview } from '../../templates/template-preview.js';
import type { MediaReference } from '../../templates/template-send-header.js';
import type { TemplatesService } from '../../templates/templates.service.js';
import type { PreflightMessage } from './preflight-audience.js';

/** A template with what Meta says of it. */
export type ReadTemplate = Awaited<ReturnType<TemplatesService['read']>>;

/** A template of a campaign, with what fills it. */
export interface CampaignTemplate extends PreflightMessage {
  template: ReadTemplate;
  mappings: Mappings;
  /** Where the campaign names it, for problems. */
  path: { template: string; mappings: string };
  fields: string[];
  /** The files that it shows to everybody. */
  files: MediaReference[];
  /** Why sending would fail this recipient, whatever the files; null: it would not, or it skips them. */
  failureOf(recipient: MappedRecipient): string | null;
  /** Its values, with what stands in for those that are missing. */
  fill(recipient: MappedRecipient): ResolvedParameters;
  preview(recipient: MappedRecipient): TemplatePreview;
  /** The field that a variable is taken from. */
  fieldOf(key: string): string;
}

/** The templates that go out, each to its share; once a trial has its winner, that one alone. */
export function templatesOf(
  { campaign, variants }: CampaignWithVariants,
  templates: ReadonlyMap<number, ReadTemplate>,
): CampaignTemplate[] {
  const { template_id, parameter_mappings, winner_variant_id } = campaign;
  if (variants.length === 0) {
    const path = { template: 'template_id', mappings: 'parameter_mappings' };
    return template_id === null
      ? []
      : entry(campaign, templates, { id: null, templateId: template_id, mappings: parameter_mappings, share: 1, path });
  }
  const placed = variants.map((variant, index) => ({ ...variant, index }));
  const winner = placed.filter((variant) => variant.id === winner_variant_id);
  const going = winner.length > 0 ? winner : placed;
  const weight = going.reduce((sum, variant) => sum + variant.weight, 0);
  return going.flatMap((variant) => {
    const isOwn = Object.keys(variant.parameter_mappings).length > 0;
    return entry(campaign, templates, {
      id: variant.id,
      templateId: variant.template_id,
      mappings: isOwn ? variant.parameter_mappings : parameter_mappings,
      share: variant.weight / weight,
      path: {
        template: `variants.${variant.index}.template_id`,
        mappings: isOwn ? `variants.${variant.index}.parameter_mappings` : 'parameter_mappings',
      },
    });
  });
}

function entry(
  { id, missing_variables, default_value }: CampaignWithVariants['campaign'],
  templates: ReadonlyMap<number, ReadTemplate>,
  given: {
    id: number | null;
    templateId: number;
    mappings: Mappings;
    share: number;
    path: CampaignTemplate['path'];
  },
): CampaignTemplate[] {
  const template = templates.get(given.templateId);
  if (!template) {
    return [];
  }
  const { mappings } = given;
  const bare = compileParameters(template, mappings);
  const filled = compileParameters(template, mappings, missing_variables === 'default' ? default_value : '');
  const files = mediaOfCampaign(template, mappings);
  const sending: SendingCampaign = {
    id,
    template,
    parameterMappings: mappings,
    missingVariables: missing_variables,
    defaultValue: default_value,
    // Not looked up: what Meta calls them makes no message wrong.
    media: new Map(files.map(({ reference }) => [reference, { mediaId: reference, filename: null }])),
  };
  return [
    {
      variantId: given.id,
      share: given.share,
      template,
      mappings,
      path: given.path,
      fields: fieldsOf(template, mappings),
      judge: (recipient) => ({
        missing: bare(recipient).missing,
        isSent: filled(recipient).missing.length === 0,
      }),
      files,
      failureOf: (recipient) => {
        const message = composeMessage(sending, recipient);
        return 'error' in message && message.skip === undefined ? message.error : null;
      },
      fill: filled,
      fieldOf: (key) => mappingOf(mappings, key)?.field ?? key,
      preview: (recipient) => previewTemplate(template, filled(recipient).params),
    },
  ];
}
