import { DateTime, IANAZone } from 'luxon';
import { invalidField, invalidFields, type FieldError } from '../common/app-error.js';
import type { CreateCampaignDto, NewVariantDto, ScheduleCampaignDto, UpdateCampaignDto } from './campaign.dto.js';
import type { CampaignRow, CampaignSettings, NewVariant } from './campaigns.repository.js';
import { checkMappings, mappingOf, type Mappings } from './parameters.js';
import { isFieldOfContacts } from './recipient-fields.js';

/** Of a value that is told back, in characters. */
const MAX_SHOWN = 100;
const HAS_OFFSET = /(Z|[+-]\d{2}:?\d{2})$/i;

type Times = Pick<CampaignSettings, 'scheduled_at' | 'time_zone' | 'expires_at'>;

/**
 * The settings that a body names, checked. Those it does not name are undefined: nothing is said of them.
 * @throws `400 validation_failed` naming the field
 */
export function readSettings(
  body: CreateCampaignDto | UpdateCampaignDto,
  before: Pick<CampaignRow, 'time_zone' | 'scheduled_at' | 'expires_at' | 'missing_variables' | 'default_value'> | null,
): { settings: Partial<CampaignSettings>; variants: NewVariant[] | undefined } {
  const { quiet_hours, ab_test, variants } = body;
  if (quiet_hours && quiet_hours.start === quiet_hours.end) {
    throw invalidField('quiet_hours.end', 'invalid_time', 'quiet_hours.end must differ from its start');
  }
  const {
    missing_variables: missingVariables = before?.missing_variables,
    default_value: defaultValue = before?.default_value,
  } = body;
  const isAsked = body.missing_variables !== undefined || body.default_value !== undefined;
  if (isAsked && missingVariables === 'default' && !defaultValue) {
    throw invalidField('default_value', 'required', 'default_value is required when missing_variables is default');
  }
  const settings: Partial<CampaignSettings> = {
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.template_id === undefined ? {} : { template_id: body.template_id }),
    ...(body.audience_type === undefined ? {} : { audience_type: body.audience_type }),
    ...(body.audience_filters === undefined ? {} : { audience_filters: body.audience_filters }),
    ...(body.parameter_mappings === undefined ? {} : { parameter_mappings: checkMappings(body.parameter_mappings) }),
    ...(body.missing_variables === undefined ? {} : { missing_variables: body.missing_variables }),
    ...(body.default_value === undefined ? {} : { default_value: body.default_value }),
    ...(body.on_unknown === undefined ? {} : { on_unknown: body.on_unknown }),
    ...(body.resend_after_s === undefined ? {} : { resend_after_s: body.resend_after_s }),
    ...(body.frequency_cap === undefined ? {} : { frequency_cap: body.frequency_cap && { ...body.frequency_cap } }),
    ...(quiet_hours === undefined ? {} : { quiet_hours: quiet_hours && { ...quiet_hours } }),
    ...(ab_test === undefined ? {} : { ab_test: ab_test && { ...ab_test } }),
    ...readTimes(body, before),
  };
  return { settings, variants: variants && readVariants(variants) };
}

/** When it starts and when nothing goes out any more. @throws `400 validation_failed` naming the field */
export function readTimes(
  body: Partial<Pick<ScheduleCampaignDto, 'scheduled_at' | 'time_zone' | 'expires_at'>>,
  before: Times | null,
  now = new Date(),
): Partial<Times> {
  const zone = body.time_zone === undefined ? (before?.time_zone ?? null) : body.time_zone;
  if (zone !== null && !IANAZone.isValidZone(zone)) {
    throw invalidField('time_zone', 'unknown_time_zone', 'time_zone must be an IANA name such as Asia/Kolkata');
  }
  const read = (value: string | null | undefined): Date | null | undefined =>
    value === undefined || value === null ? value : momentOf(value, zone);
  const scheduledAt = read(body.scheduled_at);
  const expiresAt = read(body.expires_at);
  if (scheduledAt && scheduledAt <= now) {
    throw invalidField('scheduled_at', 'in_the_past', 'scheduled_at must be in the future');
  }
  const start = scheduledAt === undefined ? (before?.scheduled_at ?? null) : scheduledAt;
  const end = expiresAt === undefined ? (before?.expires_at ?? null) : expiresAt;
  if (expiresAt && expiresAt <= now) {
    throw invalidField('expires_at', 'in_the_past', 'expires_at must be in the future');
  }
  if (start && end && end <= start) {
    throw invalidField('expires_at', 'before_start', 'expires_at must be after scheduled_at');
  }
  return {
    ...(scheduledAt === undefined ? {} : { scheduled_at: scheduledAt }),
    ...(body.time_zone === undefined ? {} : { time_zone: body.time_zone }),
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
  };
}

/**
 * Of a campaign for contacts: a field that they do not have would skip everybody, unless its mapping says what stands in.
 * @throws `400 validation_failed` naming each such mapping
 */
export function checkContactFields(own: Mappings, variants: readonly { parameter_mappings: Mappings }[]): void {
  const all = [
    ['parameter_mappings', own] as const,
    ...variants.map((variant, index) => [`variants.${index}.parameter_mappings`, variant.parameter_mappings] as const),
  ];
  const errors = all.flatMap(([path, mappings]) =>
    Object.keys(mappings).flatMap((key) => {
      const { field, default: otherwise = '' } = mappingOf(mappings, key) ?? {};
      return field === undefined || isFieldOfContacts(field) || otherwise !== ''
        ? []
        : [wrongField(`${path}.${key}`, field)];
    }),
  );
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
}

function wrongField(path: string, field: string): FieldError {
  return {
    field: path,
    code: 'unknown_field',
    message: `${path}: contacts have no field "${field.slice(0, MAX_SHOWN)}"`,
  };
}

/** What variants and their trial need of each other. @throws `400 validation_failed` */
export function checkSplit(abTest: CampaignSettings['ab_test'], variants: readonly { weight: number }[]): void {
  if (abTest && variants.length < 2) {
    throw invalidField('ab_test', 'needs_variants', 'ab_test needs at least two variants');
  }
  if (variants.length === 1) {
    throw invalidField('variants', 'too_few', 'variants must be at least two, or none');
  }
}

function readVariants(variants: readonly NewVariantDto[]): NewVariant[] {
  const names = new Set<string>();
  return variants.map((variant, index) => {
    if (names.has(variant.name)) {
      throw invalidField(
        `variants.${index}.name`,
        'duplicate',
        `variants.${index}.name is the name of another variant`,
      );
    }
    names.add(variant.name);
    return {
      name: variant.name,
      template_id: variant.template_id,
      parameter_mappings: checkMappings(variant.parameter_mappings ?? {}),
      weight: variant.weight ?? 1,
    };
  });
}

/** A time without an offset is of the zone; without a zone it is UTC. */
function momentOf(value: string, zone: string | null): Date {
  return DateTime.fromISO(value, { zone: HAS_OFFSET.test(value) ? 'utc' : (zone ?? 'utc') }).toJSDate();
}
