import { invalidFields, type FieldError } from '../common/app-error.js';
import { authenticationBody, authenticationFooter, toComponents } from './template-components.js';
import { lintTemplate } from './template-lint.js';
import { isObject, text, withoutAbsent, type Json, type TemplateInput, type TemplateParts } from './template-parts.js';
import { variableNames } from './template-text.js';
import type { TemplateRecord } from './template.entity.js';
import type { TemplateAuthentication, TemplateCard, TemplateExamples, TemplateValues } from './template.js';

/** Labels that Meta prescribes, but wants to be given. */
const LABELS: Readonly<Record<string, string>> = { CATALOG: 'View catalog', MPM: 'View items', SPM: 'View' };
const MAX_CODE_MINUTES = 90;

/**
 * The columns of a template as a person defines it, its `components` included.
 * @throws `validation_failed` naming each field and, as code, the rule of Meta's that it breaks
 */
export function toTemplateColumns(input: TemplateInput): Partial<TemplateRecord> {
  const parts = normalized(input);
  const errors = lintTemplate(parts, { forPush: false });
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
  return { name: input.name, language: input.language, ...parts, components: toComponents(parts) };
}

/**
 * What keeps a template from being pushed to Meta: everything that a draft may lack as yet.
 * @throws `validation_failed` as `toTemplateColumns` does
 */
export function requirePushable(parts: TemplateParts): void {
  const errors: FieldError[] = lintTemplate(parts, { forPush: true });
  if (errors.length > 0) {
    throw invalidFields(errors);
  }
}

/** One form of each part, not checked: what is given in two ways, or is Meta's to write, is put in its place. */
export function normalized(input: TemplateInput): TemplateParts {
  const { category, parameterFormat, header, bodyText, footerText, limitedTimeOffer, authentication } = input;
  const carousel = input.carousel?.map(normalCard) ?? null;
  return {
    category,
    parameterFormat,
    header: header && { type: header.type, ...(header.text === undefined ? {} : { text: header.text }) },
    bodyText,
    footerText,
    buttons: input.buttons.map(normalButton),
    limitedTimeOffer,
    carousel,
    authentication,
    examples: normalExamples(input.examples, input, carousel),
    messageSendTtlSeconds: input.messageSendTtlSeconds,
    headerMediaId: input.headerMediaId,
    ...(category === 'AUTHENTICATION' ? authenticationParts(input) : {}),
  };
}

/** The texts of an authentication template are Meta's, whatever was given; those that a sync brought stay. */
function authenticationParts(input: TemplateInput): Partial<TemplateParts> {
  const { bodyText, footerText, language, buttons } = input;
  const authentication = authenticationOf(input);
  const minutes = authentication.code_expiration_minutes;
  const isMetas = !language.startsWith('en') && bodyText.includes('*{{1}}*');
  return {
    parameterFormat: 'POSITIONAL',
    authentication,
    bodyText: isMetas ? bodyText : authenticationBody(authentication.add_security_recommendation === true),
    footerText: isMetas && minutes && footerText.includes(String(minutes)) ? footerText : authenticationFooter(minutes),
    buttons: otpButtons(buttons),
    examples: {},
  };
}

/** The predecessor's editor wrote the minutes into the footer, and always asked for the security advice. */
function authenticationOf({ authentication, footerText }: TemplateInput): TemplateAuthentication {
  const digits = Number(/\d+/.exec(footerText)?.[0] ?? 0);
  const fromFooter = digits >= 1 && digits <= MAX_CODE_MINUTES ? digits : null;
  return {
    add_security_recommendation: authentication?.add_security_recommendation ?? authentication === null,
    code_expiration_minutes:
      authentication?.code_expiration_minutes === undefined ? fromFooter : authentication.code_expiration_minutes,
  };
}

/** Without a button, the simplest; the predecessor's editor wrote the kind of code into the type. */
function otpButtons(buttons: readonly Json[]): Json[] {
  const given = buttons.length === 0 ? [{ type: 'OTP' }] : buttons;
  return given.map((button) =>
    button.type === 'OTP' || button.type === 'COPY_CODE'
      ? { ...withoutAbsent(button), type: 'OTP', otp_type: button.otp_type ?? 'COPY_CODE' }
      : withoutAbsent(button),
  );
}

function normalButton(given: Json): Json {
  const { text: label, example, ...rest } = withoutAbsent(given);
  const type = text(given.type);
  const [first]: unknown[] = Array.isArray(example) ? example : [example];
  switch (type) {
    case 'CALL_REQUEST':
    case 'REQUEST_CONTACT_INFO':
      return { type };
    case 'COPY_CODE':
      return { type, ...(first === undefined ? {} : { example: first }) };
    default: {
      const labelled = text(label) || LABELS[type];
      return {
        ...rest,
        ...(labelled === undefined ? {} : { text: labelled }),
        ...(example === undefined ? {} : { example: Array.isArray(example) ? example : [example] }),
      };
    }
  }
}

function normalCard({ header, body_text, buttons }: TemplateCard): TemplateCard {
  return {
    header: withoutAbsent({ ...header }) as unknown as TemplateCard['header'],
    body_text: body_text ?? '',
    buttons: (buttons ?? []).map(normalButton),
  };
}

function normalExamples(
  examples: TemplateExamples,
  input: TemplateInput,
  cards: TemplateCard[] | null,
): TemplateExamples {
  const { header, body } = examples;
  const ofCards = (cards ?? []).map((card, index) => {
    const values = positional(examples.cards?.[index]?.body, card.body_text, input);
    return values === undefined ? {} : { body: values };
  });
  const headerValues = positional(header, input.header?.text ?? '', input);
  const bodyValues = positional(body, input.bodyText, input);
  return {
    ...(headerValues === undefined ? {} : { header: headerValues }),
    ...(bodyValues === undefined ? {} : { body: bodyValues }),
    ...(ofCards.some((each) => each.body !== undefined) ? { cards: ofCards } : {}),
  };
}

/** A map by position as the list it means; what is not whole or is of no such form stays for the lint to see. */
function positional(
  values: TemplateValues | undefined,
  of: string,
  { parameterFormat }: TemplateInput,
): TemplateValues | undefined {
  if (values === undefined || values === null) {
    return undefined;
  }
  const names = variableNames(of).sort((a, b) => Number(a) - Number(b));
  const isWhole =
    parameterFormat === 'POSITIONAL' &&
    isObject(values) &&
    Object.keys(values).length === names.length &&
    names.every((name) => typeof values[name] === 'string');
  return isWhole ? names.map((name) => (values as Record<string, string>)[name] as string) : values;
}
